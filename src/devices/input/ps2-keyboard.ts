// The keyboard at the controller's first port (IBM PS/2 Hardware Interface Technical Reference, "Keyboard"):
// commands and the three sets of scan codes.
// Not modelled: repetition of held keys (hosts repeat), per-key types of set 3 (every key makes and breaks).
import { flag, structs, u8, type StateOf } from '../../device/define.ts'
import { ACK, answer, clear, post, queueState, RESEND, TEST_PASSED } from './ps2-queue.ts'
import { scanCodes } from './scancodes.ts'

const COMMAND = {
  NOP: 0x00, LEDS: 0xed, ECHO: 0xee, SCAN_SET: 0xf0, IDENTIFY: 0xf2, RATE: 0xf3, ENABLE: 0xf4, DISABLE: 0xf5,
  DEFAULTS: 0xf6, TYPEMATIC: 0xfa, MAKE_BREAK: 0xfc, RESEND: 0xfe, RESET: 0xff,
}
const IDENTITY = [0xab, 0x83]

export const keyboardState = {
  queue: structs(queueState, 1), enabled: flag(1), set: u8(2), leds: u8(),
  /** The command whose argument is to come; 0: none. */
  command: u8(),
}
export type Keyboard = StateOf<typeof keyboardState>

export function sendToKeyboard(k: Keyboard, byte: number): void {
  const q = k.queue[0]!, { command } = k
  k.command = 0
  q.answer.clear() // what was not read of the last command's
  if (command) return argument(k, command, byte)
  switch (byte) {
    case COMMAND.NOP: case COMMAND.TYPEMATIC: return answer(q, ACK)
    case COMMAND.ECHO: return answer(q, COMMAND.ECHO)
    case COMMAND.IDENTIFY: return answer(q, ACK, ...IDENTITY)
    case COMMAND.ENABLE:
      k.enabled = 1
      return answer(q, ACK)
    case COMMAND.LEDS: case COMMAND.SCAN_SET: case COMMAND.RATE: case COMMAND.MAKE_BREAK:
      k.command = byte
      return answer(q, ACK)
    case COMMAND.DISABLE: case COMMAND.DEFAULTS:
      defaults(k)
      k.enabled = byte === COMMAND.DEFAULTS ? 1 : 0
      return answer(q, ACK)
    case COMMAND.RESET:
      defaults(k)
      return answer(q, ACK, TEST_PASSED)
    default: return answer(q, RESEND)
  }
}

function argument(k: Keyboard, command: number, byte: number): void {
  const q = k.queue[0]!
  if (command === COMMAND.LEDS) k.leds = byte
  if (command !== COMMAND.SCAN_SET) return answer(q, ACK)
  if (byte === 0) return answer(q, ACK, k.set)
  if (byte > 3) return answer(q, RESEND)
  k.set = byte
  answer(q, ACK)
}

function defaults(k: Keyboard): void {
  clear(k.queue[0]!)
  k.enabled = 1
  k.set = 2
  k.leds = 0
}

/** False if there is no such key. */
export function pressKey(k: Keyboard, name: string, down: boolean): boolean {
  const codes = scanCodes(name, down, k.set)
  if (codes && k.enabled) post(k.queue[0]!, codes)
  return codes !== undefined
}
