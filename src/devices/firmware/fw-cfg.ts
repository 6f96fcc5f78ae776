// Firmware configuration device after QEMU's specification "QEMU Firmware Configuration (fw_cfg) Device":
// numbered items and a directory of named files, read through a byte window or by DMA. In memory: data at 0,
// selector at 8, DMA address at 16. On ports: selector at 510h, data at 511h, DMA address at 514h. Items are
// configuration, not state: what the guest changes is the selection and the offset.
// Not modelled: items that the guest may write.
import { dataProperty, defineDevice, u16, u32, type Io, type RegionSpec, type StateOf }
  from '../../device/define.ts'
import { guestError } from '../../base/log.ts'

/** Item numbers of the specification, section "Selector (Control) Register" and those of the boot loaders. */
export const FW_CFG = {
  SIGNATURE: 0x00, ID: 0x01, UUID: 0x02, RAM_SIZE: 0x03, NOGRAPHIC: 0x04, NB_CPUS: 0x05,
  MACHINE_ID: 0x06, KERNEL_ADDR: 0x07, KERNEL_SIZE: 0x08, KERNEL_CMDLINE: 0x09, INITRD_ADDR: 0x0a,
  INITRD_SIZE: 0x0b, BOOT_DEVICE: 0x0c, NUMA: 0x0d, BOOT_MENU: 0x0e, MAX_CPUS: 0x0f, KERNEL_ENTRY: 0x10,
  KERNEL_DATA: 0x11, INITRD_DATA: 0x12, CMDLINE_ADDR: 0x13, CMDLINE_SIZE: 0x14, CMDLINE_DATA: 0x15,
  SETUP_ADDR: 0x16, SETUP_SIZE: 0x17, SETUP_DATA: 0x18, FILE_DIR: 0x19, FILE_FIRST: 0x20,
} as const
const WRITE_CHANNEL = 0x4000
const DMA = { ERROR: 1, READ: 2, SKIP: 4, SELECT: 8, WRITE: 16 }
const ZEROS = new Uint8Array(65536)

const properties = {
  items: dataProperty<{ readonly [key: number]: Uint8Array }>({}, 'items by number'),
  files: dataProperty<{ readonly [name: string]: Uint8Array }>({}, 'files by name, at most 55 characters'),
}
const state = {
  key: u16(FW_CFG.SIGNATURE),
  offset: u32(),
  /**
   * The upper half of a DMA address whose lower half is to come; as the guest means it, not as it lies in
   * memory.
   */
  addressHigh: u32(),
}
type S = StateOf<typeof state>
type IO = Io<typeof properties>

const dma: RegionSpec<S, IO> = {
  sizeBytes: 8,
  impl: { max: 8 },
  read: (_s, _io, offset, size) => signature(offset, size),
  write(s, io, offset, value, size) {
    if (size !== 4) return guestError(io.id, 'the DMA register takes 4 and 8 bytes')
    if (offset === 0) s.addressHigh = swap32(value)
    else transfer(s, io, swap32(value))
  },
  readWide(_s, _io, _offset, out) {
    out[0] = signature(0, 4)
    out[1] = signature(4, 4)
  },
  writeWide(s, io, _offset, lo, hi) {
    s.addressHigh = swap32(lo)
    transfer(s, io, swap32(hi))
  },
}

export const fwCfg = defineDevice({
  name: 'fw_cfg',
  version: 1,
  description: 'firmware configuration items',
  properties,
  state,
  regions: {
    data: {
      sizeBytes: 8,
      impl: { max: 8 },
      // Bytes keep their order in memory whatever the access size.
      read(s, io, _offset, size) {
        let value = 0
        for (let i = 0; i < Math.min(size, 4); i++) value |= next(s, io) << (8 * i)
        return value
      },
      write: (_s, io) => guestError(io.id, 'the data register does not take writes'),
      readWide(s, io, _offset, out) {
        for (let half = 0; half < 2; half++) {
          out[half] = 0
          for (let i = 0; i < 4; i++) out[half]! |= next(s, io) << (8 * i)
        }
      },
    },
    selector: {
      sizeBytes: 2,
      valid: { min: 2, max: 2 },
      read: (_s, io) => (guestError(io.id, 'the selector cannot be read'), 0),
      write: (s, _io, _offset, value) => select(s, swap16(value)),
    },
    dma,
  },
})

export const fwCfgIo = defineDevice({
  name: 'fw_cfg_io',
  version: 1,
  description: 'firmware configuration items, on ports',
  properties,
  state,
  regions: {
    ports: {
      sizeBytes: 2,
      valid: { max: 2 },
      read: (s, io, _offset, size) => (size === 1 ? next(s, io) : 0),
      write(s, io, offset, value, size) {
        if (offset === 0 && size === 2) select(s, value)
        else guestError(io.id, 'the data port does not take writes')
      },
    },
    dma,
  },
})

const swap16 = (v: number) => ((v & 0xff) << 8) | ((v >> 8) & 0xff)
const swap32 = (v: number) => ((swap16(v & 0xffff) << 16) | swap16(v >>> 16)) >>> 0

const SIGNATURE = new TextEncoder().encode('QEMU CFG')
function signature(offset: number, size: number): number {
  let value = 0
  for (let i = 0; i < size; i++) value |= (SIGNATURE[offset + i] ?? 0) << (8 * i)
  return value
}

function select(s: S, key: number): void {
  s.key = key & ~WRITE_CHANNEL
  s.offset = 0
}

/** The next byte of the selected item; 0 past its end. */
function next(s: S, io: IO): number {
  const item = itemOf(s.key, io)
  if (!item || s.offset >= item.length) return 0
  return item[s.offset++]!
}

/**
 * Section "Guest-side DMA Interface": the descriptor is big-endian, and its control word becomes 0 or ERROR
 * when done.
 */
function transfer(s: S, io: IO, addressLow: number): void {
  const at = s.addressHigh * 2 ** 32 + addressLow
  s.addressHigh = 0
  const bytes = new Uint8Array(16), descriptor = new DataView(bytes.buffer)
  const answer = (control: number) => {
    descriptor.setUint32(0, control)
    io.dma.write(at, bytes.subarray(0, 4))
  }
  if (at > 2 ** 53 || !io.dma.read(at, bytes)) return answer(DMA.ERROR)
  const control = descriptor.getUint32(0), length = descriptor.getUint32(4)
  const target = descriptor.getUint32(8) * 2 ** 32 + descriptor.getUint32(12)
  if (control & DMA.SELECT) select(s, control >>> 16)
  if (control & DMA.READ) return answer(readTo(s, io, target, length) ? 0 : DMA.ERROR)
  if (control & DMA.WRITE) {
    guestError(io.id, `item ${s.key} is not writable`)
    advance(s, io, length)
    return answer(length ? DMA.ERROR : 0)
  }
  if (control & DMA.SKIP) advance(s, io, length)
  answer(0)
}

/** What is left of the item, then zeros; false as soon as an address isn't RAM. */
function readTo(s: S, io: IO, target: number, length: number): boolean {
  const item = itemOf(s.key, io)
  const have = item ? Math.min(length, Math.max(0, item.length - s.offset)) : 0
  const from = s.offset
  advance(s, io, length) // whether or not the bytes arrive
  if (have && !io.dma.write(target, item!.subarray(from, from + have))) return false
  for (let done = have; done < length; done += ZEROS.length)
    if (!io.dma.write(target + done, ZEROS.subarray(0, length - done))) return false
  return true
}

function advance(s: S, io: IO, length: number): void {
  const item = itemOf(s.key, io)
  if (item) s.offset = Math.max(s.offset, Math.min(item.length, s.offset + length))
}

type Catalogue = ReadonlyMap<number, Uint8Array>
const catalogues = new WeakMap<object, Catalogue>()

function itemOf(key: number, io: IO): Uint8Array | undefined {
  let catalogue = catalogues.get(io.props)
  if (!catalogue) catalogues.set(io.props, (catalogue = catalogueOf(io.props.items, io.props.files)))
  return catalogue.get(key)
}

/** Items, and files in order of their names with the directory that lists them. */
function catalogueOf(
  items: { readonly [key: number]: Uint8Array },
  files: { readonly [name: string]: Uint8Array },
): Catalogue {
  const catalogue = new Map<number, Uint8Array>([
    [FW_CFG.SIGNATURE, new TextEncoder().encode('QEMU')],
    [FW_CFG.ID, new Uint8Array([3, 0, 0, 0])], // the traditional interface and DMA
  ])
  for (const [key, item] of Object.entries(items)) catalogue.set(Number(key), item)
  const names = Object.keys(files).sort((a, b) => (a < b ? -1 : 1))
  const directory = new Uint8Array(4 + 64 * names.length), view = new DataView(directory.buffer)
  view.setUint32(0, names.length)
  names.forEach((name, i) => {
    const at = 4 + 64 * i, key = FW_CFG.FILE_FIRST + i
    view.setUint32(at, files[name]!.length)
    view.setUint16(at + 4, key)
    directory.set(new TextEncoder().encode(name).subarray(0, 55), at + 8)
    catalogue.set(key, files[name]!)
  })
  catalogue.set(FW_CFG.FILE_DIR, directory)
  return catalogue
}
