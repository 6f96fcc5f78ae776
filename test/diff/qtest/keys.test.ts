// What the keyboard and the mouse send for keys and motion, beside QEMU's: its machine runs an endless loop.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { inputOf } from '../../../src/device/input.ts'
import { keyNames } from '../../../src/devices/input/scancodes.ts'
import { machines } from './machines.ts'
import { ours } from './ours.ts'
import { openQemu, qemuMissing } from './qemu.ts'
import { portIn, portOut, type Timeless } from './script.ts'

const DATA = 0x60, COMMAND = 0x64, TRANSLATE = 0x40, INTERRUPTS_OFF = 0x00
const skip = (await qemuMissing(machines.pc.program)) && `${machines.pc.program} is not installed`
type Apply = (o: Timeless) => Promise<string>

/** QEMU gives these two keys of the keypad the codes of their namesakes in set 3; IBM's keyboard tells them apart. */
const OTHERS_IN_SET_3 = ['kp_divide', 'kp_subtract']

async function bytes(apply: Apply): Promise<string> {
  const found: string[] = []
  while (Number(await apply(portIn(COMMAND))) & 1) found.push(Number(await apply(portIn(DATA))).toString(16))
  return found.join(' ')
}

async function bothSides(use: (sides: {
  each(ops: readonly Timeless[]): Promise<void>
  compare(what: string): Promise<void>
  event(ours: (s: any, io: any) => void, events: readonly object[]): Promise<void>
  monitor(line: string, ours: (s: any, io: any) => void): Promise<void>
}) => Promise<void>): Promise<void> {
  const on = ours(machines.pc, { high: () => [] }), qemu = await openQemu(machines.pc, { running: true })
  const mine: Apply = async o => on.apply(o).value, theirs: Apply = async o => (await qemu.apply(o)).value
  const kbc = on.system.instance('i8042')
  try {
    await use({
      async each(ops) {
        for (const o of ops) {
          await theirs(o)
          await mine(o)
        }
      },
      async compare(what) { assert.equal(await bytes(mine), await bytes(theirs), what) },
      async event(act, events) {
        kbc.call(act)
        await qemu.qmp('input-send-event', { events })
      },
      async monitor(line, act) {
        kbc.call(act)
        await qemu.qmp('human-monitor-command', { 'command-line': line })
      },
    })
  } finally {
    qemu.close()
  }
}

test('every key in every set', { skip }, () => bothSides(async ({ each, compare, event }) => {
  const input = inputOf(ours(machines.pc, { high: () => [] }).system.instance('i8042').device)!
  for (const [set, mode] of [[2, TRANSLATE], [1, INTERRUPTS_OFF], [2, INTERRUPTS_OFF], [3, INTERRUPTS_OFF]] as const) {
    await each([portOut(COMMAND, 0x60), portOut(DATA, mode), portOut(DATA, 0xf0), portOut(DATA, set)])
    await compare('acknowledged')
    for (const name of keyNames.filter(n => set !== 3 || !OTHERS_IN_SET_3.includes(n)))
      for (const down of [true, false]) {
        await event(
          (s, io) => void input.key!(s, io, name, down),
          [{ type: 'key', data: { down, key: { type: 'qcode', data: name } } }],
        )
        await compare(`${name} ${down ? 'pressed' : 'released'}, set ${set}, command byte ${mode}`)
      }
  }
}))

test('motion, buttons and the wheel', { skip }, () => bothSides(async ({ each, compare, event, monitor }) => {
  const input = inputOf(ours(machines.pc, { high: () => [] }).system.instance('i8042').device)!
  const toMouse = (...values: number[]) => values.flatMap(v => [portOut(COMMAND, 0xd4), portOut(DATA, v)])
  const axis = (name: string, value: number) => ({ type: 'rel', data: { axis: name, value } })
  const button = (name: string, down: boolean) => ({ type: 'btn', data: { button: name, down } })
  const still = { dx: 0, dy: 0, dz: 0, buttons: 0 }
  await each(toMouse(0xf6, 0xf4))
  await compare('acknowledged')
  for (const [dx, dy] of [[3, 0], [0, -2], [-1, 100], [300, -300], [-127, 128]] as const) {
    await event((s, io) => input.move!(s, io, { ...still, dx, dy }), [axis('x', dx), axis('y', dy)])
    await compare(`motion by ${dx}, ${dy}`)
  }
  for (const [name, bit] of [['left', 1], ['right', 2], ['middle', 4]] as const)
    for (const down of [true, false]) {
      await event((s, io) => input.move!(s, io, { ...still, buttons: down ? bit : 0 }), [button(name, down)])
      await compare(`${name} button`)
    }
  for (const buttons of [2, 4, 7, 0]) {
    await monitor(`mouse_button ${buttons}`, (s, io) => input.move!(s, io, { ...still, buttons }))
    await compare(`mouse_button ${buttons}`)
  }
  await each(toMouse(0xf3, 200, 0xf3, 100, 0xf3, 80, 0xf2))
  await compare('it has a wheel')
  await event((s, io) => input.move!(s, io, { ...still, dz: 1 }), [button('wheel-up', true)])
  await compare('wheel up')
}))
