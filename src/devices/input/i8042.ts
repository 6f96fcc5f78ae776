// Intel 8042 as the keyboard controller of a PC with a PS/2 mouse (IBM PS/2 Hardware Interface Technical
// Reference, "Keyboard and Auxiliary Device Controller"): data at port 60h, status and commands at 64h, gate
// A20 and the reset line.
// Not modelled: the controller's own RAM but its command byte, serial timing, the password.
import { defineDevice, flag, output, structs, u8, type Io, type StateOf } from '../../device/define.ts'
import type { InputFacet } from '../../device/input.ts'
import { guestError } from '../../base/log.ts'
import { keyboardState, pressKey, sendToKeyboard, type Keyboard } from './ps2-keyboard.ts'
import { mouseState, moveMouse, reportMotion, sendToMouse, type Mouse } from './ps2-mouse.ts'
import { take, waiting } from './ps2-queue.ts'
import { BREAK, translate } from './scancodes.ts'

const STATUS = { OBF: 0x01, TESTED: 0x04, COMMAND: 0x08, UNLOCKED: 0x10, AUX_OBF: 0x20 }
/** The command byte. */
const MODE = { IRQ: 0x01, AUX_IRQ: 0x02, TESTED: 0x04, DISABLE: 0x10, AUX_DISABLE: 0x20, TRANSLATE: 0x40 }
const PORT = { RESET: 0x01, A20: 0x02, OBF: 0x10, AUX_OBF: 0x20, IDLE: 0xcc }
const COMMAND = {
  READ_MODE: 0x20, WRITE_MODE: 0x60, AUX_DISABLE: 0xa7, AUX_ENABLE: 0xa8, AUX_TEST: 0xa9, SELF_TEST: 0xaa,
  TEST: 0xab, DISABLE: 0xad, ENABLE: 0xae, READ_INPUT: 0xc0, READ_OUTPUT: 0xd0, WRITE_OUTPUT: 0xd1,
  WRITE_OBF: 0xd2, WRITE_AUX_OBF: 0xd3, WRITE_AUX: 0xd4, A20_OFF: 0xdd, A20_ON: 0xdf, PULSE: 0xf0,
}
const TEST_OK = 0x55, INPUT_PORT = 0x80
/** Where the byte in the output buffer comes from. */
const FROM = { NOBODY: 0, CONTROLLER: 1, CONTROLLER_AUX: 2, KEYBOARD: 3, MOUSE: 4 }

const state = {
  mode: u8(MODE.IRQ | MODE.AUX_IRQ), outputPort: u8(PORT.IDLE | PORT.RESET | PORT.A20),
  tested: flag(), lastWasCommand: flag(1),
  /** The command whose argument is to come at the data port; 0: none. */
  command: u8(),
  /** Source of the byte in the output buffer; the byte that was last read from it. */
  from: u8(FROM.NOBODY), data: u8(),
  /** The keyboard's port was closed when that byte came, or the command byte was written: no interrupt for it. */
  quiet: flag(),
  /** The controller's own answer, until it is read. */
  answer: u8(), answerFor: u8(FROM.NOBODY),
  keyboard: structs(keyboardState, 1), mouse: structs(mouseState, 1),
}
type S = StateOf<typeof state>
const pins = { kbd: output(), aux: output(), a20: output() }
type IO = Io<{}, typeof pins>

const keyboardOf = (s: S): Keyboard => s.keyboard[0]!
const mouseOf = (s: S): Mouse => s.mouse[0]!
const input: InputFacet = {
  pointerName: 'PS/2 Mouse',
  key(s: S, _io, name, down) {
    return pressKey(keyboardOf(s), name, down)
  },
  move(s: S, _io, motion) { moveMouse(mouseOf(s), motion) },
}

export const i8042 = defineDevice({
  name: 'i8042',
  version: 1,
  description: 'keyboard controller with keyboard and mouse',
  state,
  pins,
  regions: {
    data: {
      sizeBytes: 1,
      read(s, io) {
        // The request ends with the byte: the next one's is an edge of its own.
        io.kbd.set(0)
        io.aux.set(0)
        return readData(s)
      },
      write: (s, io, _offset, value) => writeData(s, io, value),
    },
    command: {
      sizeBytes: 1,
      read: s => status(s),
      write(s, io, _offset, value) {
        s.lastWasCommand = 1
        obey(s, io, value)
      },
    },
  },
  facets: { input },
  update(s, io) {
    fill(s)
    const aux = isAux(s.from)
    io.kbd.set(s.from && !aux && s.mode & MODE.IRQ && !s.quiet)
    io.aux.set(aux && s.mode & MODE.AUX_IRQ)
    io.a20.set(s.outputPort & PORT.A20)
  },
})

const isAux = (from: number) => from === FROM.CONTROLLER_AUX || from === FROM.MOUSE

function status(s: S): number {
  return STATUS.UNLOCKED | (s.lastWasCommand ? STATUS.COMMAND : 0) | (s.tested ? STATUS.TESTED : 0)
    | (s.from ? STATUS.OBF : 0) | (isAux(s.from) ? STATUS.AUX_OBF : 0)
}

/**
 * Takes the next source when the output buffer is free: the controller, then keyboard and mouse, in turn when
 * both have something to say.
 */
function fill(s: S, before: number = FROM.NOBODY): void {
  if (s.from) return
  s.quiet = s.mode & MODE.DISABLE ? 1 : 0
  const keyboard = waiting(keyboardOf(s).queue[0]!) && !(s.mode & MODE.DISABLE)
  const mouse = waiting(mouseOf(s).queue[0]!) && !(s.mode & MODE.AUX_DISABLE)
  if (s.answerFor) s.from = s.answerFor
  else if (keyboard && !(mouse && before === FROM.KEYBOARD)) s.from = FROM.KEYBOARD
  else if (mouse) s.from = FROM.MOUSE
}

function readData(s: S): number {
  const { from } = s
  s.from = FROM.NOBODY
  switch (from) {
    case FROM.CONTROLLER: case FROM.CONTROLLER_AUX:
      s.data = s.answer
      s.answerFor = FROM.NOBODY
      break
    case FROM.KEYBOARD: s.data = fromKeyboard(s); break
    case FROM.MOUSE:
      s.data = take(mouseOf(s).queue[0]!)
      reportMotion(mouseOf(s))
  }
  fill(s, from)
  return s.data
}

/** The break prefix of set 2 and 3 becomes the top bit of what follows. */
function fromKeyboard(s: S): number {
  const q = keyboardOf(s).queue[0]!, byte = take(q)
  if (!(s.mode & MODE.TRANSLATE)) return byte
  return byte === BREAK && waiting(q) ? translate(take(q)) | 0x80 : translate(byte)
}

function answer(s: S, byte: number, as = FROM.CONTROLLER): void {
  s.answer = byte
  s.answerFor = as
}

function obey(s: S, io: IO, command: number): void {
  switch (command) {
    case COMMAND.READ_MODE: return answer(s, s.mode)
    case COMMAND.AUX_DISABLE: s.mode |= MODE.AUX_DISABLE; return
    case COMMAND.AUX_ENABLE: s.mode &= ~MODE.AUX_DISABLE; return
    case COMMAND.DISABLE: s.mode |= MODE.DISABLE; return
    case COMMAND.ENABLE: s.mode &= ~MODE.DISABLE; return
    case COMMAND.AUX_TEST: case COMMAND.TEST: return answer(s, 0)
    case COMMAND.SELF_TEST:
      s.tested = 1
      return answer(s, TEST_OK)
    case COMMAND.READ_INPUT: return answer(s, INPUT_PORT)
    case COMMAND.READ_OUTPUT: return answer(s, outputPort(s))
    case COMMAND.A20_OFF: s.outputPort &= ~PORT.A20; return
    case COMMAND.A20_ON: s.outputPort |= PORT.A20; return
    case COMMAND.WRITE_MODE: case COMMAND.WRITE_OUTPUT: case COMMAND.WRITE_OBF: case COMMAND.WRITE_AUX_OBF:
    case COMMAND.WRITE_AUX: s.command = command; return
  }
  if (command < COMMAND.PULSE) guestError(io.id, () => `no command 0x${command.toString(16)}`)
  else if (!(command & PORT.RESET)) io.host.request({ kind: 'reset' }) // a pulse at the reset line
}

const outputPort = (s: S): number =>
  (s.outputPort & ~(PORT.OBF | PORT.AUX_OBF)) | (s.from ? PORT.OBF : 0) | (isAux(s.from) ? PORT.AUX_OBF : 0)

function writeData(s: S, io: IO, byte: number): void {
  const { command } = s
  s.command = s.lastWasCommand = 0
  switch (command) {
    case COMMAND.WRITE_MODE:
      s.mode = byte
      s.quiet = byte & MODE.DISABLE ? 1 : 0
      return
    case COMMAND.WRITE_OBF: return answer(s, byte)
    case COMMAND.WRITE_AUX_OBF: return answer(s, byte, FROM.CONTROLLER_AUX)
    case COMMAND.WRITE_OUTPUT:
      s.outputPort = byte
      if (!(byte & PORT.RESET)) io.host.request({ kind: 'reset' })
      return
    case COMMAND.WRITE_AUX:
      s.mode &= ~MODE.AUX_DISABLE
      return sendToMouse(mouseOf(s), byte)
    default:
      s.mode &= ~MODE.DISABLE // talking to the keyboard opens its port
      sendToKeyboard(keyboardOf(s), byte)
  }
}
