// Floppy disk controller: Intel 82077AA (data sheet 290166) as the PC wires it: ports 3F0h-3F5h and 3F7h, interrupt 6, DMA channel 2.
// A drive's heads are where they are told to be at once, and a transfer takes no time of its own.
// Not modelled: tape drives, precompensation, power-down, sectors of other than 512 bytes, marks of deleted data (written as ordinary
// data), the scan commands; the rate of data is compared with the medium's.
import type { BlockBackend, Media, RemovableFacet } from '../../device/block.ts'
import { bytes, dataProperty, defineDevice, flag, output, structs, timer, transient, u16, u32, u8, type Io, type StateOf }
  from '../../device/define.ts'
import { begin, command, PHASE, readResult, takeData, giveData } from './fdc-commands.ts'
import { jobOf } from './fdc-work.ts'
import { type DriveType, floppyFormat } from './floppy-formats.ts'

const REG = { STATUS_A: 0, STATUS_B: 1, OUTPUT: 2, TAPE: 3, MAIN: 4, DATA: 5, INPUT: 7 }
const DOR = { SELECT: 3, RUN: 4, DMA: 8, MOTOR: 0x10 }
const MSR = { BUSY: 0x10, NON_DMA: 0x20, TO_HOST: 0x40, READY: 0x80 }
const DSR_RESET = 0x80, RATE = 3, CHANGED = 0x80
/** After a reset each drive tells that it is ready anew. */
const POLLED_DRIVES = 4

export const driveState = {
  /** Where the heads are. */
  track: u8(),
  /** The medium; no tracks: none is in. */
  tracks: u8(), heads: u8(), sectors: u8(), rate: u8(), readOnly: flag(),
  /** It was changed, and no step pulse came since. */
  changed: flag(1), perpendicular: flag(),
}
export const fdcState = {
  output: u8(DOR.RUN | DOR.DMA), tape: u8(), rate: u8(2), precompensation: u8(),
  drive: structs(driveState, 4),
  phase: u8(PHASE.COMMAND),
  /** Of the command, or of the result: bytes, how many there are, and how many of them were moved. */
  bytes: bytes(16), length: u8(), at: u8(),
  /** A sector on its way, and how far the processor has moved it where it does that itself. */
  buffer: bytes(1024), bufferAt: u16(), bufferEnd: u16(),
  /** What is wanted of the medium (fdc-commands.ts): sector by sector, at this address. */
  work: u8(), cylinder: u8(), head: u8(), sector: u8(), usedHead: u8(), left: u16(), fetched: flag(), ended: flag(), held: flag(),
  taken: transient(flag()), number: transient(u32()),
  irq: flag(), st0: u8(), polled: u8(),
  /** Of SPECIFY, CONFIGURE, LOCK. */
  stepRate: u8(), headTimes: u8(), config: u8(0x20), precompTrack: u8(), locked: flag(), lastSector: u8(), gap: u8(),
}
export type FdcState = StateOf<typeof fdcState>
export type FloppyDrive = { readonly type: DriveType; readonly media?: Media }
export type FloppyBackend = { readonly units: readonly (BlockBackend | undefined)[] }
const properties = { drives: dataProperty<readonly (FloppyDrive | undefined)[]>([], 'drives A and B') }
const pins = { irq: output() }, timers = { retry: timer() }
export type FdcIo = Io<typeof properties, typeof pins, typeof timers>

export const isaFdc = defineDevice({
  name: 'isa-fdc',
  version: 1,
  description: 'floppy disk controller',
  properties,
  state: fdcState,
  pins,
  timers,
  regions: {
    ports: { sizeBytes: 6, valid: { max: 1 } },
    input: {
      sizeBytes: 1,
      read: s => (s.drive[s.output & DOR.SELECT]!.changed ? CHANGED : 0),
      write(s, _io, _offset, value) { s.rate = value & RATE },
    },
  },
  reset(s, io) {
    io.props.drives.forEach((drive, n) => insert(s, n, drive?.media))
  },
  read(s, io, reg) {
    switch (reg) {
      case REG.STATUS_A: return s.irq ? 0x80 : 0
      case REG.STATUS_B: return 0xc0 | (s.output & 1 ? 0x20 : 0) | (s.output >> 4 & 3)
      case REG.OUTPUT: return s.output
      case REG.TAPE: return s.tape
      case REG.MAIN: return mainStatus(s)
      case REG.DATA: return s.phase === PHASE.RESULT ? readResult(s) : s.phase === PHASE.TO_HOST ? takeData(s, io) : 0
      default: return 0
    }
  },
  write(s, io, reg, value) {
    switch (reg) {
      case REG.OUTPUT: return setOutput(s, io, value)
      case REG.TAPE: s.tape = value & 3; return
      case REG.MAIN:
        s.rate = value & RATE
        s.precompensation = value & ~(DSR_RESET | RATE)
        if (value & DSR_RESET) { // clears itself
          stop(s, io)
          ready(s)
        }
        return
      case REG.DATA:
        if (!(s.output & DOR.RUN)) return
        if (s.phase === PHASE.COMMAND) command(s, io, value)
        else if (s.phase === PHASE.FROM_HOST) giveData(s, io, value)
    }
  },
  update(s, io) { io.irq.set(s.irq && s.output & DOR.DMA) },
  expire(s, io) {
    s.held = 0
    io.wake()
  },
  service(s, io, backend: FloppyBackend) {
    const unit = s.bytes[1]! & DOR.SELECT
    return s.taken ? undefined : jobOf(s, io, backend.units[unit])
  },
  facets: {
    media: {
      slots: (io: FdcIo) => io.props.drives.flatMap((drive, unit) => (drive ? [{ unit, name: `floppy${unit}` }] : [])),
      status: (s: FdcState, _io: FdcIo, unit: number) => ({ open: s.drive[unit]!.tracks === 0, locked: false }),
      check: (media: Media) => void floppyFormat(media.sizeBytes),
      eject(s: FdcState, _io: FdcIo, unit: number) {
        insert(s, unit, undefined)
        return true
      },
      insert: (s: FdcState, _io: FdcIo, unit: number, media: Media) => insert(s, unit, media),
    } satisfies RemovableFacet,
  },
})

function insert(s: FdcState, unit: number, media: Media | undefined): void {
  const d = s.drive[unit]!, f = media && floppyFormat(media.sizeBytes)
  d.tracks = f?.tracks ?? 0
  d.heads = f?.heads ?? 0
  d.sectors = f?.sectors ?? 0
  d.rate = f?.rate ?? 0
  d.readOnly = media?.readOnly ? 1 : 0
  d.changed = 1
}

/** While a drive seeks its bit is set until software has asked for the interrupt: seeks take no time here. */
function mainStatus(s: FdcState): number {
  if (!(s.output & DOR.RUN)) return 0
  switch (s.phase) {
    case PHASE.COMMAND: return MSR.READY | (s.at ? MSR.BUSY : 0)
    case PHASE.RESULT: return MSR.READY | MSR.TO_HOST | MSR.BUSY
    case PHASE.TO_HOST: return MSR.READY | MSR.TO_HOST | MSR.NON_DMA | MSR.BUSY
    case PHASE.FROM_HOST: return MSR.READY | MSR.NON_DMA | MSR.BUSY
    default: return MSR.BUSY
  }
}

function setOutput(s: FdcState, io: FdcIo, value: number): void {
  const before = s.output
  s.output = value
  if (before & DOR.RUN && !(value & DOR.RUN)) stop(s, io)
  if (!(before & DOR.RUN) && value & DOR.RUN) ready(s)
}

/** What LOCK protects stays. */
function stop(s: FdcState, io: FdcIo): void {
  io.cancel()
  io.timer.retry.disarm()
  begin(s)
  s.work = s.held = s.taken = s.irq = s.polled = s.st0 = 0
  s.number++
  if (!s.locked) {
    s.config = 0x20
    s.precompTrack = 0
  }
  for (const d of s.drive) d.perpendicular = 0
}

function ready(s: FdcState): void {
  s.irq = 1
  s.polled = POLLED_DRIVES
}
