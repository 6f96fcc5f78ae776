// What PC firmware finds in the CMOS memory: memory sizes, drives, boot order. Byte numbers as IBM's AT BIOS
// and, from 5Bh on, Bochs and QEMU have them.
export type CmosOptions = {
  readonly cpus: number
  readonly ramBelow4G: number
  readonly ramAbove4G: number
  /** Drive types of floppy A and B (4: 1.44 MB, 5: 2.88 MB); 0 or left out: none. */
  readonly floppies?: readonly number[]
  /** Letters of `-boot order=`: a floppy, c disk, d CD, n network. */
  readonly bootOrder?: string
}

const KIB = 1024, MIB = KIB * KIB, CHUNK = 64 * KIB
const BASE_KIB = 640
const EQUIPMENT = { FLOPPY: 0x01, COPROCESSOR: 0x02, MOUSE: 0x04, DRIVES_SHIFT: 6 }
const BOOT_DEVICE: { readonly [letter: string]: number } = { a: 1, b: 1, c: 2, d: 3, n: 4 }

export function pcCmos(o: CmosOptions): { [index: number]: number } {
  const bytes: { [index: number]: number } = {}
  const set = (index: number, size: number, value: number) => {
    for (let i = 0; i < size; i++) bytes[index + i] = Math.floor(value / 2 ** (8 * i)) & 0xff
  }
  const atMost = (value: number, limit: number) => Math.max(0, Math.min(limit, Math.floor(value)))
  const [a = 0, b = 0] = o.floppies ?? [], drives = [a, b].filter(type => type > 0).length
  set(0x10, 1, (a << 4) | b)
  set(0x14, 1, EQUIPMENT.COPROCESSOR | EQUIPMENT.MOUSE
    | (drives ? EQUIPMENT.FLOPPY | ((drives - 1) << EQUIPMENT.DRIVES_SHIFT) : 0))
  set(0x15, 2, BASE_KIB)
  const extended = atMost((o.ramBelow4G - MIB) / KIB, 0xffff)
  set(0x17, 2, extended)
  set(0x30, 2, extended)
  set(0x34, 2, atMost((o.ramBelow4G - 16 * MIB) / CHUNK, 0xffff))
  set(0x5b, 3, o.ramAbove4G / CHUNK)
  set(0x5f, 1, o.cpus - 1)
  return { ...bytes, ...bootBytes(o.bootOrder ?? DEFAULT_BOOT_ORDER) }
}

export const DEFAULT_BOOT_ORDER = 'cad'
/** The two bytes of the boot order. */
export function bootBytes(order: string): { [index: number]: number } {
  const [first = 0, second = 0, third = 0] = [...order].map(letter => BOOT_DEVICE[letter] ?? 0)
  return { 0x3d: (second << 4) | first, 0x38: third << 4 }
}

/** What is wrong with a boot order, in QEMU's words; undefined: nothing. */
export function badBootOrder(order: string): string | undefined {
  const letters = [...order], odd = letters.find(letter => letter < 'a' || letter > 'p')
  if (odd !== undefined) return `Invalid boot device '${odd}'`
  const twice = letters.find((letter, i) => letters.indexOf(letter) !== i)
  if (twice !== undefined) return `Boot device '${twice}' was given twice`
  if (letters.length > 3) return 'Too many boot devices for PC'
  const other = letters.find(letter => !(letter in BOOT_DEVICE))
  return other === undefined ? undefined : `Invalid boot device for PC: '${other}'`
}
