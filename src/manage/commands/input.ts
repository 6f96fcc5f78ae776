// Keys, motion, buttons: what people do to a machine, done by name.
import { suggest } from '../../base/nearest.ts'
import type { MachineControl } from '../../vm/control.ts'
import { badArgument } from './arguments.ts'
import { command } from './command.ts'

const HOLD_MS = 100

/** Names that QEMU has for the same key; `<` on the monitor. */
const ALIASES: { readonly [name: string]: string } = { '<': 'less', asterisk: 'kp_multiply', menu: 'compose' }
/** Keys of QEMU's list that the keyboards here have not. */
const OTHER_KEYS = ['unmapped', 'ac_bookmarks', 'ac_back', 'ac_forward', 'ac_home', 'ac_refresh', 'again', 'audiomute', 'audionext', 'audioplay',
  'audioprev', 'audiostop', 'calculator', 'computer', 'copy', 'cut', 'find', 'front', 'help', 'henkan', 'hiragana', 'katakanahiragana',
  'kp_comma', 'kp_equals', 'lang1', 'lang2', 'lf', 'mail', 'mediaselect', 'muhenkan', 'open', 'paste', 'power', 'props', 'ro', 'sleep', 'stop',
  'sysrq', 'undo', 'volumedown', 'volumeup', 'wake', 'yen']

function known({ input }: MachineControl, name: string): string {
  const key = ALIASES[name] ?? name
  if (input.keys.includes(key)) return key
  if (input.keys.length === 0) throw badArgument('this machine has no keyboard')
  if (OTHER_KEYS.includes(name)) throw badArgument(`not implemented: key '${name}'`)
  throw badArgument(`invalid parameter: ${name}`, suggest(name, input.keys))
}

function keyOf(machine: MachineControl, text: string): string {
  if (!/^0x/i.test(text)) return known(machine, text)
  const number = Number(text)
  return numbered(machine, Number.isInteger(number) ? number : -1, text)
}
function numbered(machine: MachineControl, number: number, text = String(number)): string {
  const name = machine.input.nameOf(number)
  if (name === undefined) throw badArgument(`invalid parameter: ${text}`, 'a scan code of set 1; 0x80 added where it follows E0h')
  return known(machine, name)
}

/** Keys that are to be pressed, machine by machine: the next wait until those before them are released. */
const waiting = new WeakMap<MachineControl, Promise<void>>()

/** Presses keys one after the other, then releases them in the opposite order; comes back at once, as QEMU's command does. */
function press(machine: MachineControl, keys: readonly string[], holdMs: number): void {
  const pause = () => new Promise<void>(resolve => { setTimeout(resolve, holdMs) })
  const strokes = [...keys.map(key => [key, true] as const), ...keys.toReversed().map(key => [key, false] as const)]
  waiting.set(machine, (waiting.get(machine) ?? Promise.resolve()).then(async () => {
    for (const [key, down] of strokes) {
      if (machine.state === 'shutdown') return
      machine.input.key(key, down)
      await pause()
    }
  }))
}

function hold(given: bigint | undefined): number {
  if (given === undefined) return HOLD_MS
  if (given < 0n || given > 60_000n) throw badArgument(`a hold time of ${given} ms`, '0 to 60000')
  return Number(given)
}

const integer = (name: string, text: string): number => {
  if (!/^[+-]?(\d+|0x[\da-f]+)$/i.test(text)) throw badArgument(`${name}: '${text}' is not a number`)
  return text.startsWith('-') ? -Number(text.slice(1)) : Number(text)
}

function move(machine: MachineControl, motion: { dx?: number; dy?: number; dz?: number; buttons?: number }): void {
  if (!machine.input.move({ dx: 0, dy: 0, dz: 0, buttons: machine.input.buttons, ...motion })) throw badArgument('this machine has no mouse')
}

type Json = { readonly [key: string]: unknown }
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

/** QMP's KeyValue. */
function keyValue(machine: MachineControl, value: unknown): string {
  if (!isObject(value)) throw badArgument("Parameter 'type' is missing")
  const { type, data } = value
  if (type === 'qcode' && typeof data === 'string') return known(machine, data)
  if (type === 'number' && typeof data === 'number') return numbered(machine, data)
  throw badArgument(type === 'qcode' || type === 'number' ? "Invalid parameter type for 'data'" : `Parameter 'type' does not accept value '${String(type)}'`)
}

const BUTTONS: { readonly [name: string]: number } = { left: 1, right: 2, middle: 4, side: 8, extra: 16 }
const WHEEL: { readonly [name: string]: number } = { 'wheel-up': 1, 'wheel-down': -1 }

/** QMP's InputEvent: what it does, found out before any is done. */
function inputEvent(machine: MachineControl, event: Json, motion: { dx: number; dy: number; dz: number; buttons: number }): () => void {
  const { type, data } = event
  if (!isObject(data)) throw badArgument("Parameter 'data' is missing")
  switch (type) {
    case 'key': {
      const key = keyValue(machine, data['key']), down = data['down']
      if (typeof down !== 'boolean') throw badArgument("Invalid parameter type for 'down', expected: boolean")
      return () => void machine.input.key(key, down)
    }
    case 'btn': {
      const button = String(data['button']), down = data['down'] === true, bit = BUTTONS[button], steps = WHEEL[button]
      if (bit !== undefined) motion.buttons = down ? motion.buttons | bit : motion.buttons & ~bit
      else if (steps !== undefined) motion.dz += down ? steps : 0
      else throw badArgument(/^wheel-|^touch$/.test(button) ? `not implemented: button '${button}'` : `Parameter 'button' does not accept value '${button}'`)
      return () => {}
    }
    case 'rel': {
      const { axis, value } = data
      if (typeof value !== 'number') throw badArgument("Invalid parameter type for 'value', expected: integer")
      if (axis !== 'x' && axis !== 'y') throw badArgument(`Parameter 'axis' does not accept value '${String(axis)}'`)
      motion[axis === 'x' ? 'dx' : 'dy'] += Math.trunc(value)
      return () => {}
    }
    case 'abs': case 'mtt': throw badArgument(`not implemented: input event '${type}'`, 'this machine has no absolute pointing device')
    default: throw badArgument(`Parameter 'type' does not accept value '${String(type)}'`)
  }
}

export const inputCommands = [
  command({
    hmp: ['sendkey'], help: 'presses keys together, such as ctrl-alt-delete, for a time in milliseconds (100)',
    args: {
      keys: { type: 'word', help: 'names with - between them, or scan codes such as 0x1e' },
      hold: { type: 'integer', help: 'milliseconds', optional: true },
    },
    run: ({ machine }, { keys, hold: ms }) => press(machine, keys.split('-').map(key => keyOf(machine, key)), hold(ms)),
  }),
  command({
    qmp: 'send-key', help: 'presses keys together',
    args: { keys: { type: 'objects', help: 'list of KeyValue' }, 'hold-time': { type: 'integer', help: 'milliseconds', optional: true } },
    run: ({ machine }, { keys, 'hold-time': ms }) => press(machine, keys.map(key => keyValue(machine, key)), hold(ms)),
  }),
  command({
    qmp: 'input-send-event', help: 'keys, buttons and motion',
    args: {
      device: { type: 'word', help: 'display', optional: true }, head: { type: 'integer', help: 'of the display', optional: true },
      events: { type: 'objects', help: 'list of InputEvent' },
    },
    run({ machine }, { events }) {
      const before = machine.input.buttons, motion = { dx: 0, dy: 0, dz: 0, buttons: before }
      const acts = events.map(event => inputEvent(machine, event, motion))
      for (const act of acts) act()
      if (motion.dx || motion.dy || motion.dz || motion.buttons !== before) move(machine, motion)
    },
  }),
  command({
    hmp: ['mouse_move'], help: 'moves the mouse: right, down, and the wheel away from the user',
    args: { dx: { type: 'word', help: 'right' }, dy: { type: 'word', help: 'down' }, dz: { type: 'word', help: 'wheel', optional: true } },
    run: ({ machine }, { dx, dy, dz = '0' }) => move(machine, { dx: integer('dx', dx), dy: integer('dy', dy), dz: integer('dz', dz) }),
  }),
  command({
    hmp: ['mouse_button'], help: 'the buttons that are pressed from now on: 1 left, 2 right, 4 middle, added up',
    args: { state: { type: 'word', help: 'a sum' } },
    run: ({ machine }, { state }) => move(machine, { buttons: integer('state', state) & 7 }),
  }),
  command({
    hmp: ['info mice'], qmp: 'query-mice', help: 'the mouse that gets motion',
    args: {},
    run: ({ machine }) => machine.input.pointers.map(({ name }, index) => ({ name, index, current: index === 0, absolute: false })),
    text: mice => mice.map(m => `${m.current ? '* ' : '  '}Mouse #${m.index}: ${m.name}\n`).join('') || 'No mouse devices connected\n',
  }),
]
