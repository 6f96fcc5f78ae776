// The IDE function of the PIIX3: two channels at their legacy ports, bus master DMA in BAR 4 (82371SB datasheet,
// section 2.4; Programming Interface for Bus Master IDE Controller, revision 1.0). Drives: ATA/ATAPI-7.
// Not modelled: timing registers beyond keeping them, power states (commands do nothing), the
// Host Protected Area, SMART, security, DATA SET MANAGEMENT, an interrupt that was asked for while nIEN was set.
import type { Media, RemovableFacet } from '../../device/block.ts'
import { changeDisc, pressEject } from './atapi.ts'
import { dataProperty, defineDevice, outputs, structs } from '../../device/define.ts'
import { pciFunction } from '../../device/pci.ts'
import { channelState, geometryOf, SECTOR, unitState, type ChannelState, type Drive, type DriveSpec, type IdeBackend, type UnitState } from './ata.ts'
import { readData, readTaskFile, resetUnit, statusOf, writeControl, writeData, writeTaskFile, type Channel } from './ide-channel.ts'
import { BM, jobOf } from './ide-work.ts'

/** The mode that a drive is in when it is switched on. */
const FASTEST_ULTRA = 5
const IDETIM = { AT: 0x40, BYTES: 4 }
const pci = pciFunction(() => ({
  vendor: 0x8086, device: 0x7010, class: 0x010180, subsystemVendor: 0x1af4, subsystem: 0x1100,
  bars: { bm: { index: 4, space: 'io', sizeBytes: 16 } },
  registers: [
    { at: 0x06, bytes: [0x80, 0x02] }, // fast back-to-back, medium DEVSEL
    { at: IDETIM.AT, bytes: Array(IDETIM.BYTES).fill(0), writable: Array(IDETIM.BYTES).fill(0xff) },
  ],
}))

type S = { readonly channel: readonly ChannelState[]; readonly unit: readonly UnitState[] }
type IO = { readonly props: { readonly drives: readonly (DriveSpec | undefined)[] }; wake(): void }

function driveOf(s: S, io: IO, index: number): Drive | undefined {
  const spec = io.props.drives[index]
  return spec && { u: s.unit[index]!, c: s.channel[index >> 1]!, spec, wake: () => io.wake() }
}
const channelOf = (s: S, io: IO, n: number): Channel => ({
  c: s.channel[n]!,
  units: [s.unit[2 * n]!, s.unit[2 * n + 1]!],
  drives: [driveOf(s, io, 2 * n), driveOf(s, io, 2 * n + 1)],
})

const commandBlock = (n: number) => ({
  sizeBytes: 8, valid: { max: 4, unaligned: true }, impl: { max: 4 },
  read(s: S, io: IO, offset: number, size: number): number {
    const ch = channelOf(s, io, n)
    if (offset === 0 && size > 1) return readData(ch, size)
    let value = 0
    for (let i = 0; i < size; i++) value |= readTaskFile(ch, offset + i) << (8 * i)
    return value >>> 0
  },
  write(s: S, io: IO, offset: number, value: number, size: number): void {
    const ch = channelOf(s, io, n)
    if (offset === 0 && size > 1) return writeData(ch, value, size)
    for (let i = 0; i < size; i++) writeTaskFile(ch, offset + i, (value >>> (8 * i)) & 0xff)
  },
})
/** Alternate status and device control, at 3F6 and 376. */
const controlBlock = (n: number) => ({
  sizeBytes: 1,
  read: (s: S, io: IO) => statusOf(channelOf(s, io, n)),
  write: (s: S, io: IO, _offset: number, value: number) => writeControl(channelOf(s, io, n), value),
})

export const piix3Ide = defineDevice({
  name: 'piix3-ide',
  version: 1,
  description: 'IDE controller of the PIIX3',
  properties: {
    ...pci.properties,
    drives: dataProperty<readonly (DriveSpec | undefined)[]>([], 'master and slave of both channels'),
  },
  state: { ...pci.state, channel: structs(channelState, 2), unit: structs(unitState, 4) },
  pins: { ...pci.pins, irq: outputs(2) },
  regions: {
    primary: commandBlock(0), secondary: commandBlock(1),
    primaryControl: controlBlock(0), secondaryControl: controlBlock(1),
    bm: { sizeBytes: 16, valid: { max: 4 }, read: readBusMaster, write: writeBusMaster },
  },
  facets: {
    pci: pci.facet,
    media: {
      readOnly: true,
      slots: (io: IO) => io.props.drives.flatMap((d, unit) => (d?.kind === 'cdrom' ? [{ unit, name: `ide${unit >> 1}-cd${unit & 1}` }] : [])),
      status: (s: S, _io: IO, unit: number) => ({ open: s.unit[unit]!.tray !== 0, locked: s.unit[unit]!.locked !== 0 }),
      eject(s: S, _io: IO, unit: number, force: boolean) {
        const u = s.unit[unit]!
        if (!force && !pressEject(u)) return false
        u.tray = 1
        u.sectors = 0
        return true
      },
      insert: (s: S, _io: IO, unit: number, media: Media) => changeDisc(s.unit[unit]!, media.sizeBytes),
    } satisfies RemovableFacet,
  },
  reset(s, io) {
    pci.reset(s, io)
    s.unit.forEach((u, i) => {
      resetUnit(u)
      u.sectors = Math.floor((io.props.drives[i]?.media.sizeBytes ?? 0) / SECTOR)
      const { heads, sectors } = geometryOf(u.sectors)
      u.heads = heads
      u.sectorsPerTrack = sectors
      u.ultraDma = 1 << FASTEST_ULTRA
      u.writeCache = io.props.drives[i]?.media.writeCache === false ? 0 : 1
    })
  },
  update(s, io) {
    s.channel.forEach((c, n) => io.irq[n]!.set(c.intrq))
  },
  service(s, io, backend: IdeBackend) {
    for (let i = 0; i < s.unit.length; i++) {
      const d = driveOf(s, io, i), disk = backend.units[i]
      if (!d || !disk || d.u.taken) continue
      const job = jobOf(d, disk, io.dma)
      if (job) return job
    }
    return undefined
  },
})

const WRITABLE_STATUS = 0x60, ONLY_BYTES = 0xffffffff

function readBusMaster(s: S, _io: IO, offset: number, size: number): number {
  const c = s.channel[offset >> 3]!, reg = offset & 7
  if (reg >= 4) return (c.bmAddress >>> (8 * (reg - 4))) >>> 0
  if (size > 1) return ONLY_BYTES
  return reg === 0 ? c.bmCommand : reg === 2 ? c.bmStatus : 0xff
}

function writeBusMaster(s: S, io: IO, offset: number, value: number, size: number): void {
  const n = offset >> 3, c = s.channel[n]!, reg = offset & 7
  if (reg >= 4) {
    const shift = 8 * (reg - 4), mask = size === 4 ? 0xffffffff : ((1 << (8 * size)) - 1) << shift
    c.bmAddress = ((c.bmAddress & ~mask) | ((value << shift) & mask & ~3)) >>> 0
  } else if (size === 1 && reg === 2)
    c.bmStatus = (value & WRITABLE_STATUS) | (c.bmStatus & BM.ACTIVE) |
      (c.bmStatus & ~value & (BM.ERROR | BM.INTERRUPT))
  else if (size === 1 && reg === 0) {
    const starts = value & BM.START & ~c.bmCommand, stops = c.bmCommand & BM.START & ~value
    c.bmCommand = value & (BM.START | BM.TO_MEMORY)
    if (starts) {
      c.bmStatus |= BM.ACTIVE
      io.wake()
    }
    if (stops) c.bmStatus &= ~BM.ACTIVE
  }
}
