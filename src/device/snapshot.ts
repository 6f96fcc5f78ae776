// Snapshots of all devices: plain data by device id, field, pin and timer name, with each device's version.
// Processors and RAM are not in it. The machine is stopped while it is made and restored.
import { VmError } from '../base/errors.ts'
import { checkState, restoreState, saveState, type SavedState } from '../state/snapshot.ts'
import type { System } from './board.ts'
import type { Instance, Slot } from './instance.ts'

export type SavedDevice = {
  readonly device: string
  readonly version: number
  readonly state: SavedState
  /** Levels of output pins, and how many drivers of each input pin are high, by `name` or `name[index]`. */
  readonly outputs: { readonly [pin: string]: number }
  readonly inputs: { readonly [pin: string]: number }
  /** Deadlines in guest nanoseconds of the timers that are armed. */
  readonly timers: { readonly [timer: string]: number }
  /** Addresses of the movable regions that are mapped. */
  readonly windows: { readonly [region: string]: number }
}
export type SavedSystem = {
  readonly board: string
  readonly clockNs: number
  readonly devices: { readonly [id: string]: SavedDevice }
}

const slotName = ({ name, index }: Slot) => (index === 0 ? name : `${name}[${index}]`)

export function saveSystem(system: System): SavedSystem {
  const devices = system.instances.map(i => [i.id, saveDevice(system, i)] as const)
  return { board: system.board.name, clockNs: system.clock.nowNs(), devices: Object.fromEntries(devices) }
}

function saveDevice(system: System, i: Instance): SavedDevice {
  const levels = (slots: readonly Slot[], values: ArrayLike<number>) =>
    Object.fromEntries(slots.flatMap((slot, k) => (values[k] ? [[slotName(slot), values[k]!]] : [])))
  return {
    device: i.device.name,
    version: i.device.version,
    state: saveState(i.plan.layout, system.views, i.stateAt),
    outputs: levels(i.plan.outputs, i.levels),
    inputs: levels(i.plan.inputs, i.drivers),
    timers: Object.fromEntries(timersOf(system, i.id).flatMap(({ name, timer }) =>
      (timer.armed ? [[name, timer.deadlineNs]] : []))),
    windows: Object.fromEntries(windowsOf(system, i.id).flatMap(({ region, window }) => {
      const at = window.at()
      return at === undefined ? [] : [[region, at]]
    })),
  }
}

const timersOf = (system: System, id: string) =>
  system.timerSlots.flatMap((t, k) =>
    t.id === id ? [{ name: slotName(t.slot), timer: system.timers.timer(k) }] : [],
  )
const windowsOf = (system: System, id: string) => system.windowSlots.filter(w => w.id === id)

/** Puts everything back, or throws VmError('snapshot.…') and leaves it as it was. */
export function restoreSystem(system: System, saved: SavedSystem): void {
  checkSystem(system, saved)
  system.clock.set(saved.clockNs)
  system.timers.reset()
  for (const i of system.instances) restoreDevice(system, i, saved.devices[i.id]!)
  system.refresh()
}

function restoreDevice(system: System, i: Instance, saved: SavedDevice): void {
  i.resetState() // transient fields too
  restoreState(i.plan.layout, system.views, i.stateAt, saved.state, i.id)
  i.plan.outputs.forEach((slot, k) => { i.levels[k] = saved.outputs[slotName(slot)] ?? 0 })
  i.plan.inputs.forEach((slot, k) => { i.drivers[k] = saved.inputs[slotName(slot)] ?? 0 })
  for (const { name, timer } of timersOf(system, i.id)) {
    const deadlineNs = saved.timers[name]
    if (deadlineNs !== undefined) timer.arm(deadlineNs)
  }
  for (const { region, window } of windowsOf(system, i.id)) {
    const at = saved.windows[region]
    if (at === undefined) window.disable()
    else window.moveTo(at)
  }
}

/** Throws unless it fits. */
export function checkSystem(system: System, saved: SavedSystem): void {
  const mismatch = (what: string) => {
    throw new VmError('snapshot.mismatch', what, {
      hint: 'start the machine with the options that it was saved with',
    })
  }
  if (saved.board !== system.board.name)
    mismatch(`the snapshot is of a machine '${saved.board}', not '${system.board.name}'`)
  if (typeof saved.clockNs !== 'number' || !(saved.clockNs >= 0))
    throw new VmError('snapshot.malformed', 'snapshot: clockNs is not a time')
  const ids = new Set(system.instances.map(i => i.id))
  for (const id of Object.keys(saved.devices))
    if (!ids.has(id)) mismatch(`the snapshot has a device '${id}' besides`)
  for (const i of system.instances) {
    const d = saved.devices[i.id]
    if (!d) return mismatch(`the snapshot has no device '${i.id}'`)
    if (d.device !== i.device.name)
      mismatch(`'${i.id}' is a ${i.device.name} here and a ${d.device} in the snapshot`)
    if (d.version !== i.device.version)
      mismatch(`the snapshot of '${i.id}' has version ${d.version}; this is version ${i.device.version}`)
    checkState(i.plan.layout, d.state, i.id)
    checkNumbers(i.id, 'outputs', d.outputs, i.plan.outputs.map(slotName))
    checkNumbers(i.id, 'inputs', d.inputs, i.plan.inputs.map(slotName))
    checkNumbers(i.id, 'timers', d.timers, i.plan.timers.map(slotName))
    checkNumbers(i.id, 'windows', d.windows, windowsOf(system, i.id).map(w => w.region))
  }
}

function checkNumbers(
  id: string,
  what: string,
  saved: { readonly [name: string]: number },
  known: readonly string[],
): void {
  for (const [name, value] of Object.entries(saved ?? {})) {
    if (!known.includes(name))
      throw new VmError('snapshot.mismatch', `snapshot of ${id}: unknown ${what} '${name}'`)
    if (typeof value !== 'number' || !(value >= 0))
      throw new VmError(
        'snapshot.malformed',
        `snapshot of ${id}: ${what} '${name}' is ${JSON.stringify(value)}`,
      )
  }
  if (typeof saved !== 'object' || saved === null)
    throw new VmError('snapshot.malformed', `snapshot of ${id}: ${what} are missing`)
}
