// Intel 82093AA I/O advanced programmable interrupt controller (data sheet 290566-001), version 20h, with the
// end-of-interrupt register of later ones. Deliveries are messages to FEE00000h and up, as the local
// controllers of the processors take them; these report an end of interrupt with `endOfInterrupt`, under this
// device's lock and not under their own.
// Not modelled: external interrupts (delivery mode 7) are sent as messages like all others: whoever receives
// one asks the 8259s for the vector.
import { array, defineDevice, inputs, transient, u32, u8, type Io, type StateOf } from '../../device/define.ts'
import type { ControllerFacet } from '../../device/irq.ts'
import { guestError } from '../../base/log.ts'

const IOREGSEL = 0x00, IOWIN = 0x10, EOI = 0x40
const ID = 0, VERSION = 1, ARBITRATION = 2, TABLE = 0x10
export const IOAPIC_PINS = 24
const VERSION_VALUE = ((IOAPIC_PINS - 1) << 16) | 0x20
/** Of the lower word of an entry. */
const ENTRY = {
  VECTOR: 0xff, DELIVERY: 0x700, LOGICAL: 0x800, SENDING: 0x1000, ACTIVE_LOW: 0x2000, REMOTE_IRR: 0x4000, LEVEL: 0x8000,
  MASKED: 0x1_0000,
}
const READ_ONLY = ENTRY.SENDING | ENTRY.REMOTE_IRR, DEFINED = 0x1_ffff
export const MESSAGE_BASE = 0xfee0_0000

const state = {
  select: u8(), id: u8(),
  low: array(u32(ENTRY.MASKED), IOAPIC_PINS), high: array(u32(), IOAPIC_PINS),
  /** Levels of the pins, and requests that wait: of edges until they are sent, of levels while they last. */
  level: u32(), irr: u32(),
  /** How often each pin rose. */
  counts: transient(array(u32(), IOAPIC_PINS)),
}
type S = StateOf<typeof state>
const pins = { in: inputs(IOAPIC_PINS) }
type IO = Io<{}, typeof pins>

const hex = (n: number, digits: number) => (n >>> 0).toString(16).padStart(digits, '0')
const DELIVERIES = ['fixed', 'lowest', 'SMI', '...', 'NMI', 'INIT', '...', 'extINT']
const controller: ControllerFacet = {
  describe(s: S) {
    const pins = Array.from({ length: IOAPIC_PINS }, (_, n) => n), entry = s.select - TABLE
    const which = entry >= 0 && entry < 2 * IOAPIC_PINS ? ` (redir[${entry >> 1}])` : ''
    const list = (is: (n: number) => number) => pins.filter(is).join(' ') || '(none)'
    return [
      `ioapic0: ver=0x${hex(VERSION_VALUE & 0xff, 2)} id=0x${hex(s.id, 2)} sel=0x${hex(s.select, 2)}${which}`,
      ...pins.map(n => {
        const low = s.low[n]!, high = s.high[n]!
        return `  pin ${String(n).padEnd(2)} 0x${hex(high, 8)}${hex(low, 8)} dest=${(high >>> 24).toString(16)} vec=${String(low & 0xff).padEnd(3)} `
          + `${low & ENTRY.ACTIVE_LOW ? 'active-lo' : 'active-hi'} ${low & ENTRY.LEVEL ? 'level' : 'edge '} ${low & ENTRY.MASKED ? 'masked' : '      '} `
          + `${DELIVERIES[(low >> 8) & 7]!.padEnd(6)} ${low & ENTRY.LOGICAL ? 'logical' : 'physical'}`
      }),
      `  IRR      ${list(n => s.irr >>> n & 1)}`,
      `  Remote IRR ${list(n => s.low[n]! & ENTRY.REMOTE_IRR)}`,
    ]
  },
  counts: (s: S) => s.counts,
}

export const ioapic = defineDevice({
  name: 'ioapic',
  version: 1,
  description: '82093AA I/O interrupt controller',
  sendsMessages: true,
  state,
  pins,
  regions: { mmio: { sizeBytes: 0x1000, impl: { max: 4 } } },

  read(s, _io, offset, size) {
    if (offset === IOREGSEL) return s.select
    return offset === IOWIN && size === 4 ? readRegister(s) : 0
  },
  write(s, io, offset, value, size) {
    if (offset === IOREGSEL) s.select = value
    else if (size !== 4) guestError(io.id, 'registers take four bytes')
    else if (offset === IOWIN) writeRegister(s, value)
    else if (offset === EOI) endOfInterrupt(value)(s)
  },
  facets: { controller },
  input(s, _io, _pin, n, level) {
    const bit = 1 << n
    if (level) s.counts[n]!++
    s.level = level ? s.level | bit : s.level & ~bit
    // Section 3.2.4: an edge at a masked pin is not remembered.
    if (s.low[n]! & ENTRY.LEVEL) s.irr = level ? s.irr | bit : s.irr & ~bit
    else if (level && !(s.low[n]! & ENTRY.MASKED)) s.irr |= bit
  },
  update(s, io) { deliver(s, io) },
})

function readRegister(s: S): number {
  switch (s.select) {
    case ID: case ARBITRATION: return s.id << 24
    case VERSION: return VERSION_VALUE
  }
  const n = (s.select - TABLE) >> 1
  if (n < 0 || n >= IOAPIC_PINS) return 0
  return s.select & 1 ? s.high[n]! : s.low[n]!
}

function writeRegister(s: S, value: number): void {
  if (s.select === ID) {
    s.id = (value >>> 24) & 0x0f
    return
  }
  const n = (s.select - TABLE) >> 1
  if (n < 0 || n >= IOAPIC_PINS) return
  if (s.select & 1) {
    s.high[n] = value
    return
  }
  const bit = 1 << n
  s.low[n] = (value & DEFINED & ~READ_ONLY) | (s.low[n]! & READ_ONLY)
  if (value & ENTRY.LEVEL) s.irr = (s.irr & ~bit) | (s.level & bit)
  else s.low[n]! &= ~ENTRY.REMOTE_IRR
}

/** Sends what waits, is not masked, and, if level-triggered, is not in service. */
function deliver(s: S, io: IO): void {
  for (let n = 0; s.irr >>> n; n++) {
    const bit = 1 << n, low = s.low[n]!
    if (!(s.irr & bit) || low & ENTRY.MASKED) continue
    if (low & ENTRY.LEVEL) {
      if (low & ENTRY.REMOTE_IRR) continue
      s.low[n] = low | ENTRY.REMOTE_IRR
    } else s.irr &= ~bit
    const destination = (s.high[n]! >>> 24) << 12
    io.message(
      MESSAGE_BASE + destination + (low & ENTRY.LOGICAL ? 4 : 0),
      (low & (ENTRY.VECTOR | ENTRY.DELIVERY | ENTRY.LEVEL)) | (low & ENTRY.LEVEL ? ASSERT : 0),
    )
  }
}
/** Of a message's data: a level-triggered interrupt is asserted (no message says that it ends). */
const ASSERT = 0x4000

/** A processor ended the interrupt with that vector. Called as `instance.call(endOfInterrupt(vector))`. */
export const endOfInterrupt = (vector: number) => (s: S): void => {
  for (let n = 0; n < IOAPIC_PINS; n++)
    if (s.low[n]! & ENTRY.LEVEL && (s.low[n]! & ENTRY.VECTOR) === (vector & 0xff)) s.low[n]! &= ~ENTRY.REMOTE_IRR
}
