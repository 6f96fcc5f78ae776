// ACPI tables that any PC has (ACPI 1.0b and 6.4, chapter 5), and the script by which firmware places them in
// memory (QEMU's specification "ACPI table loader": 128-byte commands in `etc/table-loader`).
import { bytesOf, type Aml } from './aml.ts'

const HEADER_BYTES = 36, CHECKSUM_AT = 9
const text = (s: string, size: number): number[] =>
  Array.from({ length: size }, (_, i) => (i < s.length ? s.charCodeAt(i) : 0))

export type Table = { readonly signature: string; readonly revision: number; readonly body: Aml }

function tableBytes({ signature, revision, body }: Table): number[] {
  return [
    ...text(signature, 4), ...bytesOf(HEADER_BYTES + body.length, 4), revision, 0,
    ...text('TYPEVI', 6), ...text('TYPEVISR', 8), ...bytesOf(1, 4), ...text('TYPV', 4), ...bytesOf(1, 4), ...body,
  ]
}

export const dsdt = (...terms: readonly Aml[]): Table => ({ signature: 'DSDT', revision: 1, body: terms.flat() })

/** The firmware's own: its lock and waking vector. */
const FACS_BYTES = 64
const facs = (): number[] => [...text('FACS', 4), ...bytesOf(FACS_BYTES, 4), ...text('', FACS_BYTES - 8)]

export type FadtOptions = {
  readonly sci: number
  readonly smiCommand: number
  readonly acpiEnable: number
  readonly acpiDisable: number
  readonly pm: number
  readonly gpe: number
  readonly gpeBytes: number
}
/** Offsets in the table of the two addresses that firmware fills in. */
const FADT_FACS = 36, FADT_DSDT = 40
const FLAGS = { WBINVD: 1, C1: 4, NO_SLEEP_BUTTON: 0x20 }, NO_LATENCY = 0xfff, CENTURY = 0x32

export function fadt(o: FadtOptions): Table {
  const body = [
    ...bytesOf(0, 8), 1, 0, ...bytesOf(o.sci, 2), ...bytesOf(o.smiCommand, 4), o.acpiEnable, o.acpiDisable, 0, 0,
    ...[o.pm, 0, o.pm + 4, 0, 0, o.pm + 8, o.gpe, 0].flatMap(at => bytesOf(at, 4)),
    4, 2, 0, 4, o.gpeBytes, 0, 0, 0, ...bytesOf(NO_LATENCY, 2), ...bytesOf(NO_LATENCY, 2), ...bytesOf(0, 4),
    0, 0, 0, 0, CENTURY, 0, 0, 0, ...bytesOf(FLAGS.WBINVD | FLAGS.C1 | FLAGS.NO_SLEEP_BUTTON, 4),
  ]
  return { signature: 'FACP', revision: 1, body }
}

export type MadtOptions = {
  readonly cpus: number
  /** The local APIC of each; their numbers when left out. */
  readonly apicIds?: readonly number[]
  readonly localApic: number
  readonly ioapic: number
  /** ISA interrupts that are not edge-triggered at the pin of their number. */
  readonly overrides: readonly { readonly irq: number; readonly pin: number; readonly level?: boolean }[]
}
const PC_COMPATIBLE = 1, ENABLED = 1, LEVEL_HIGH = 0x0d, ALL_PROCESSORS = 0xff, NMI_PIN = 1

export function madt(o: MadtOptions): Table {
  const entries = [
    ...Array.from({ length: o.cpus }, (_, n) => [0, 8, n, o.apicIds?.[n] ?? n, ...bytesOf(ENABLED, 4)]),
    [1, 12, 0, 0, ...bytesOf(o.ioapic, 4), ...bytesOf(0, 4)],
    ...o.overrides.map(({ irq, pin, level }) =>
      [2, 10, 0, irq, ...bytesOf(pin, 4), ...bytesOf(level ? LEVEL_HIGH : 0, 2)]),
    [4, 6, ALL_PROCESSORS, ...bytesOf(0, 2), NMI_PIN],
  ]
  const body = [...bytesOf(o.localApic, 4), ...bytesOf(PC_COMPATIBLE, 4), ...entries.flat()]
  return { signature: 'APIC', revision: 1, body }
}

export type AcpiFiles = {
  readonly 'etc/acpi/tables': Uint8Array
  readonly 'etc/acpi/rsdp': Uint8Array
  readonly 'etc/table-loader': Uint8Array
}
const TABLES = 'etc/acpi/tables', RSDP = 'etc/acpi/rsdp', LOADER = 'etc/table-loader'
const COMMAND = { ALLOCATE: 1, ADD_POINTER: 2, ADD_CHECKSUM: 3 }, COMMAND_BYTES = 128, NAME_BYTES = 56
const ZONE = { HIGH: 1, FSEG: 2 }
const RSDP_RSDT = 16, RSDP_BYTES = 20, RSDP_CHECKSUM_AT = 8

/** All tables in one file, one after the other, and what firmware has to do with it. */
export function acpiFiles(main: Table, fixed: Table, ...others: readonly Table[]): AcpiFiles {
  const commands: number[][] = []
  const command = (...bytes: readonly number[]) =>
    void commands.push([...bytes, ...text('', COMMAND_BYTES - bytes.length)])
  const file = (name: string) => text(name, NAME_BYTES), words = (...list: number[]) => list.flatMap(v => bytesOf(v, 4))
  const allocate = (name: string, align: number, zone: number) =>
    command(...words(COMMAND.ALLOCATE), ...file(name), ...words(align), zone)
  const pointer = (name: string, at: number) => // to somewhere in the tables: its offset lies there already
    command(...words(COMMAND.ADD_POINTER), ...file(name), ...file(TABLES), ...words(at), 4)
  const checksum = (name: string, at: number, start: number, length: number) =>
    command(...words(COMMAND.ADD_CHECKSUM), ...file(name), ...words(at, start, length))
  allocate(RSDP, 16, ZONE.FSEG)
  allocate(TABLES, 64, ZONE.HIGH)

  const bytes = facs()
  const append = (table: Table, patches: readonly (readonly [at: number, value: number])[] = []): number => {
    const start = bytes.length
    bytes.push(...tableBytes(table))
    for (const [at, value] of patches) {
      bytes.splice(start + at, 4, ...bytesOf(value, 4))
      pointer(TABLES, start + at)
    }
    checksum(TABLES, start + CHECKSUM_AT, start, bytes.length - start)
    return start
  }
  const dsdtAt = append(main)
  const listed = [append(fixed, [[FADT_FACS, 0], [FADT_DSDT, dsdtAt]]), ...others.map(t => append(t))]
  const rsdtAt = append(
    { signature: 'RSDT', revision: 1, body: listed.flatMap(() => bytesOf(0, 4)) },
    listed.map((at, i) => [HEADER_BYTES + 4 * i, at] as const),
  )
  pointer(RSDP, RSDP_RSDT)
  checksum(RSDP, RSDP_CHECKSUM_AT, 0, RSDP_BYTES)
  return {
    [TABLES]: Uint8Array.from(bytes),
    [RSDP]: Uint8Array.from([...text('RSD PTR ', 8), 0, ...text('TYPEVI', 6), 0, ...bytesOf(rsdtAt, 4)]),
    [LOADER]: Uint8Array.from(commands.flat()),
  }
}
