// The mouse at the controller's second port (IBM PS/2 Hardware Interface Technical Reference, "Mouse"), with
// the wheel and the five buttons that Microsoft's IntelliMouse and Explorer have after a sequence of rates.
// Not modelled: the sample rate (events come when they happen).
import { flag, i32, structs, u8, type StateOf } from '../../device/define.ts'
import type { PointerMotion } from '../../device/input.ts'
import { ACK, answer, clear, post, queueState, TEST_PASSED } from './ps2-queue.ts'

const COMMAND = {
  SCALE_1: 0xe6, SCALE_2: 0xe7, RESOLUTION: 0xe8, STATUS: 0xe9, STREAM: 0xea, POLL: 0xeb, UNWRAP: 0xec,
  WRAP: 0xee, REMOTE: 0xf0, TYPE: 0xf2, RATE: 0xf3, ENABLE: 0xf4, DISABLE: 0xf5, DEFAULTS: 0xf6, RESET: 0xff,
}
const STATUS = { SCALE_2: 0x10, ENABLED: 0x20, REMOTE: 0x40 }
const PS2 = 0, WHEEL = 3, EXPLORER = 4
/** Rates set one after the other that switch the type. */
const KNOCKS: readonly (readonly [rates: readonly number[], type: number])[] =
  [[[200, 100, 80], WHEEL], [[200, 200, 80], EXPLORER]]
/** Scaling 2:1, for small counts; larger ones are doubled. */
const SCALED = [0, 1, 1, 3, 6, 9]

export const mouseState = {
  queue: structs(queueState, 1), status: u8(), resolution: u8(2), rate: u8(100), type: u8(PS2), wrap: flag(),
  command: u8(),
  /** The last two sample rates. */
  rateBefore: u8(), rateBeforeThat: u8(),
  dx: i32(), dy: i32(), dz: i32(), buttons: u8(), sentButtons: u8(),
}
export type Mouse = StateOf<typeof mouseState>

export function sendToMouse(m: Mouse, byte: number): void {
  const q = m.queue[0]!, { command } = m
  m.command = 0
  if (command) return argument(m, command, byte)
  if (m.wrap && byte !== COMMAND.RESET && byte !== COMMAND.UNWRAP) return answer(q, byte)
  switch (byte) {
    case COMMAND.SCALE_1: m.status &= ~STATUS.SCALE_2; break
    case COMMAND.SCALE_2: m.status |= STATUS.SCALE_2; break
    case COMMAND.STREAM: m.status &= ~STATUS.REMOTE; break
    case COMMAND.REMOTE: m.status |= STATUS.REMOTE; break
    case COMMAND.ENABLE: m.status |= STATUS.ENABLED; break
    case COMMAND.DISABLE: m.status &= ~STATUS.ENABLED; break
    case COMMAND.WRAP: m.wrap = 1; break
    case COMMAND.UNWRAP: m.wrap = 0; break
    case COMMAND.DEFAULTS: defaults(m); break
    case COMMAND.RESOLUTION: case COMMAND.RATE: m.command = byte; break
    case COMMAND.TYPE: return answer(q, ACK, m.type)
    case COMMAND.STATUS: return answer(q, ACK, m.status | statusButtons(m.buttons), m.resolution, m.rate)
    case COMMAND.POLL: return answer(q, ACK, ...packet(m))
    case COMMAND.RESET:
      defaults(m)
      m.type = PS2
      clear(q)
      return answer(q, ACK, TEST_PASSED, m.type)
    default: return
  }
  answer(q, ACK)
}

function argument(m: Mouse, command: number, byte: number): void {
  if (command === COMMAND.RESOLUTION) m.resolution = byte
  else {
    const rates = [m.rateBeforeThat, m.rateBefore, byte].join()
    const knock = KNOCKS.find(([sequence]) => sequence.join() === rates)
    if (knock) m.type = knock[1]
    m.rateBeforeThat = m.rateBefore
    m.rateBefore = m.rate = byte
  }
  answer(m.queue[0]!, ACK)
}

function defaults(m: Mouse): void {
  m.rate = 100
  m.resolution = 2
  m.status = m.wrap = 0
  m.dx = m.dy = m.dz = 0
}

/** The status byte has them in another order than packets: left, middle, right from bit 2 down. */
const statusButtons = (b: number) => ((b & 1) << 2) | ((b & 4) >> 1) | ((b & 2) >> 1)

export function moveMouse(m: Mouse, motion: PointerMotion): void {
  m.dx += motion.dx
  m.dy -= motion.dy // the mouse counts upwards
  m.dz -= motion.dz
  m.buttons = motion.buttons & 0x1f
  if (m.status & STATUS.ENABLED) reportMotion(m)
}

/** In stream mode: as many packets as there is room for. Called again when bytes were read. */
export function reportMotion(m: Mouse): void {
  if (!(m.status & STATUS.ENABLED) || m.status & STATUS.REMOTE) return
  while (m.dx || m.dy || m.dz || m.buttons !== m.sentButtons)
    if (m.queue[0]!.events.length > 12 || !post(m.queue[0]!, packet(m))) return
}

function packet(m: Mouse): number[] {
  const part = (value: number, limit: number) => Math.max(-limit, Math.min(limit, value))
  const dx = part(m.dx, 127), dy = part(m.dy, 127), dz = m.type === EXPLORER ? part(m.dz, 7) : part(m.dz, 127)
  m.dx -= dx
  m.dy -= dy
  m.dz = m.type === PS2 ? 0 : m.dz - dz
  m.sentButtons = m.buttons
  const scaled = m.status & STATUS.SCALE_2 && !(m.status & STATUS.REMOTE)
  const scale = (d: number) => (scaled ? Math.sign(d) * (SCALED[Math.abs(d)] ?? 2 * Math.abs(d)) : d)
  const x = scale(dx), y = scale(dy)
  const bytes = [0x08 | (m.buttons & 7) | (x < 0 ? 0x10 : 0) | (y < 0 ? 0x20 : 0), x & 0xff, y & 0xff]
  if (m.type === WHEEL) bytes.push(dz & 0xff)
  if (m.type === EXPLORER) bytes.push((dz & 0x0f) | ((m.buttons & 0x18) << 1))
  return bytes
}
