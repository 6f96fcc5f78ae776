// The pair of Intel 8259A interrupt controllers of a PC (data sheet of December 1988), cascaded on input 2 of
// the master, with the edge/level registers of the PIIX (82371SB data sheet, section 2.5.3) at 4D0h and 4D1h.
// The processor takes a vector with `acknowledgeInterrupt`, under the device's lock.
// Not modelled: MCS-80 mode (ICW4 bit 0), buffered mode (no effect on software), and bit 3 of ICW1, in whose
// place the PIIX has the edge/level registers.
import { array, defineDevice, flag, inputs, output, structs, transient, u32, u8, type Io, type StateOf } from '../../device/define.ts'
import type { ControllerFacet } from '../../device/irq.ts'

const ICW1 = { IS: 0x10, SINGLE: 0x02, IC4: 0x01 }, ICW4 = { SFNM: 0x10, AEOI: 0x02 }
const OCW3 = { IS: 0x08, POLL: 0x04, READ: 0x02, READ_ISR: 0x01, SET_MASK_MODE: 0x40, MASK_MODE: 0x20 }
const SPECIFIC = 3, ROTATE = 5, SET_PRIORITY = 6, ROTATE_SPECIFIC = 7
/** What is to come at the odd port. */
const NEXT = { OCW1: 0, ICW2: 1, ICW3: 2, ICW4: 3 }
const CASCADE = 2, SPURIOUS = 7, NONE = 8
/** Inputs that may be level-triggered: not the timer, the keyboard, the cascade, the clock, the coprocessor. */
const LEVEL_CAPABLE = [0xf8, 0xde]

const chip = {
  irr: u8(), imr: u8(), isr: u8(),
  /** Levels of the inputs. */
  lines: u8(),
  /** Inputs that are level-triggered. */
  elcr: u8(),
  base: u8(),
  /** Number of the input with the highest priority. */
  first: u8(),
  next: u8(),
  needsIcw4: flag(), single: flag(), readIsr: flag(), poll: flag(), specialMask: flag(), autoEoi: flag(),
  rotateOnAutoEoi: flag(), specialFullyNested: flag(),
}
type Chip = StateOf<typeof chip>
const state = {
  chip: structs(chip, 2),
  /** How often each input rose. */
  counts: transient(array(u32(), 16)),
}
type S = StateOf<typeof state>
const pins = { ir: inputs(16), int: output() }
type IO = Io<{}, typeof pins>

const ports = (n: 0 | 1) => ({
  sizeBytes: 2,
  valid: { max: 1 },
  read: (s: S, _io: IO, offset: number) => read(s, n, offset),
  write: (s: S, _io: IO, offset: number, value: number) =>
    (offset === 0 ? command(s, n, value) : data(s.chip[n]!, value)),
})

const hex2 = (n: number) => n.toString(16).padStart(2, '0')
const controller: ControllerFacet = {
  describe: (s: S) => [1, 0].map(n => {
    const c = s.chip[n]!
    return `pic${n}: irr=${hex2(c.irr)} imr=${hex2(c.imr)} isr=${hex2(c.isr)} hprio=${c.first} irq_base=${hex2(c.base)} `
      + `rr_sel=${c.readIsr ? 1 : 0} elcr=${hex2(c.elcr)} fnm=${c.specialFullyNested ? 1 : 0}`
  }),
  counts: (s: S) => s.counts,
}

export const i8259 = defineDevice({
  name: 'isa-i8259',
  version: 1,
  description: 'pair of 8259A interrupt controllers',
  state,
  pins,
  regions: {
    master: ports(0),
    slave: ports(1),
    elcr: {
      sizeBytes: 2,
      valid: { max: 1 },
      read: (s, _io, n) => s.chip[n]!.elcr,
      write: (s, _io, n, value) => setLevelTriggered(s.chip[n]!, value & LEVEL_CAPABLE[n]!),
    },
  },
  facets: { controller },
  input(s, _io, _pin, index, level) {
    if (level) s.counts[index]!++
    drive(s.chip[index >> 3]!, index & 7, level)
  },
  update(s, io) {
    cascade(s)
    io.int.set(candidate(s.chip[0]!, true) !== NONE)
  },
})

/** The slave's output is the master's input 2. */
function cascade(s: S): void {
  drive(s.chip[0]!, CASCADE, candidate(s.chip[1]!, false) !== NONE)
}

function setLevelTriggered(c: Chip, elcr: number): void {
  c.elcr = elcr
  c.irr = (c.irr & ~elcr) | (c.lines & elcr)
}

function drive(c: Chip, n: number, level: boolean): void {
  const bit = 1 << n
  if (c.elcr & bit) c.irr = level ? c.irr | bit : c.irr & ~bit
  else if (level && !(c.lines & bit)) c.irr |= bit
  c.lines = level ? c.lines | bit : c.lines & ~bit
}

/** Of a set of inputs, how far the first one is from the highest priority; NONE if there is none. */
function rank(c: Chip, set: number): number {
  for (let i = 0; i < 8; i++) if (set & (1 << ((c.first + i) & 7))) return i
  return NONE
}

/** The input that asks for service now, or NONE. */
function candidate(c: Chip, master: boolean): number {
  const wanted = rank(c, c.irr & ~c.imr)
  if (wanted === NONE) return NONE
  let served = c.isr
  if (c.specialMask) served &= ~c.imr
  if (c.specialFullyNested && master) served &= ~(1 << CASCADE) // the slave may interrupt its own service
  return wanted < rank(c, served) ? (c.first + wanted) & 7 : NONE
}

function begin(c: Chip, n: number): void {
  if (!c.autoEoi) c.isr |= 1 << n
  else if (c.rotateOnAutoEoi) c.first = (n + 1) & 7
  if (!(c.elcr & (1 << n))) c.irr &= ~(1 << n)
}

/**
 * The processor's acknowledge cycle: the vector of the interrupt that is now in service, a spurious one's if it
 * has gone. Called as `instance.call(acknowledgeInterrupt)`.
 */
export function acknowledgeInterrupt(s: S): number {
  const [master, slave] = s.chip as readonly [Chip, Chip]
  const n = candidate(master, true)
  if (n === NONE) return master.base | SPURIOUS
  begin(master, n)
  if (n !== CASCADE) return master.base | n
  const m = candidate(slave, false)
  if (m === NONE) return slave.base | SPURIOUS
  begin(slave, m)
  drive(master, CASCADE, false) // the slave's output falls with the cycle: what it asks for next is an edge
  return slave.base | m
}

function read(s: S, n: 0 | 1, offset: number): number {
  const c = s.chip[n]!
  if (c.poll) {
    c.poll = 0
    const found = candidate(c, n === 0)
    if (found === NONE) return 0
    begin(c, found)
    return 0x80 | found
  }
  if (offset === 1) return c.imr
  return c.readIsr ? c.isr : c.irr
}

function command(s: S, n: 0 | 1, value: number): void {
  const c = s.chip[n]!
  if (value & ICW1.IS) return initialise(c, value)
  if (value & OCW3.IS) {
    if (value & OCW3.POLL) c.poll = 1
    if (value & OCW3.READ) c.readIsr = value & OCW3.READ_ISR
    if (value & OCW3.SET_MASK_MODE) c.specialMask = value & OCW3.MASK_MODE ? 1 : 0
    return
  }
  endOfInterrupt(c, value >> 5, value & 7)
}

/** Edges are forgotten, and an input that is high must fall first; what is requested by level stays. */
function initialise(c: Chip, icw1: number): void {
  c.irr &= c.elcr
  c.imr = c.isr = c.base = c.first = 0
  c.readIsr = c.poll = c.specialMask = c.autoEoi = c.rotateOnAutoEoi = c.specialFullyNested = 0
  c.needsIcw4 = icw1 & ICW1.IC4
  c.single = icw1 & ICW1.SINGLE ? 1 : 0
  c.next = NEXT.ICW2
}

/** OCW2: R, SL and EOI as one number, and the level. */
function endOfInterrupt(c: Chip, what: number, level: number): void {
  switch (what) {
    case 0: case 4: c.rotateOnAutoEoi = what >> 2; return
    case 1: case ROTATE: {
      const served = rank(c, c.isr)
      if (served === NONE) return
      const n = (c.first + served) & 7
      c.isr &= ~(1 << n)
      if (what === ROTATE) c.first = (n + 1) & 7
      return
    }
    case SPECIFIC: case ROTATE_SPECIFIC: c.isr &= ~(1 << level)
  }
  if (what === SET_PRIORITY || what === ROTATE_SPECIFIC) c.first = (level + 1) & 7
}

function data(c: Chip, value: number): void {
  switch (c.next) {
    case NEXT.ICW2:
      c.base = value & 0xf8
      c.next = c.single ? afterIcw3(c) : NEXT.ICW3
      return
    case NEXT.ICW3: c.next = afterIcw3(c); return
    case NEXT.ICW4:
      c.specialFullyNested = value & ICW4.SFNM ? 1 : 0
      c.autoEoi = value & ICW4.AEOI ? 1 : 0
      c.next = NEXT.OCW1
      return
    default: c.imr = value
  }
}

const afterIcw3 = (c: Chip): number => (c.needsIcw4 ? NEXT.ICW4 : NEXT.OCW1)
