// From a board list (data) to a bound machine. Every thread calls `instantiate` with the same board, memory
// and allocator position and gets the same addresses; the first one resets, the others find the state there.
//
//   const system = instantiate(board, views, allocator, services)
//   system.reset()                                    // first binder only
//   system.memory.write(0x1000_0000, 1, 0x41)         // what a processor does
//   system.instance('serial0').call((s, io) => …)     // under its lock
//   system.chr('serial0').take()                      // the host's end
//   system.runTimers()                                // I/O thread
import { assert, VmError } from '../base/errors.ts'
import type { Clock } from '../base/clock.ts'
import { emitTrace } from '../base/trace.ts'
import { dirtyMapAt, dirtyMapBytes } from '../mem/dirty.ts'
import { PhysicalMemory } from '../mem/physical.ts'
import {
  container,
  mmio,
  place,
  ram,
  rom,
  type Container,
  type MmioOps,
  type Region,
} from '../mem/regions.ts'
import { windowsAt, windowsBytes, type Window } from '../mem/windows.ts'
import type { Allocator } from '../state/alloc.ts'
import type { Views } from '../state/views.ts'
import { CHAR_BYTES, charChannelAt, type CharChannel, type CharHost } from './char.ts'
import type { AnyDevice, DeviceHost, DeviceRam } from './define.ts'
import { dmaOf, type Dma } from './dma.ts'
import {
  bindInstance,
  countOf,
  planBytes,
  planDevice,
  type Instance,
  type Plan,
  type Slot,
} from './instance.ts'
import { endsOf, type CpuLine, type Wire } from './irq.ts'
import { propertiesOf } from './properties.ts'
import { serverOf, workAt, WORK_BYTES, type Server, type Work } from './work.ts'
import { timerTableAt, timerTableBytes, type TimerTable } from './timer.ts'
import { deviceTraces } from './trace.ts'

/**
 * Where a region lies: a system address, a place in a named space, or a space to be placed in at run time (a
 * BAR).
 */
export type Placement =
  | number
  | { readonly space: string; readonly at: number; readonly priority?: number }
  | {
      readonly space: string
      readonly movable: true
      readonly priority?: number
      /** For a region that is a view of memory: which (RAM by name), from where, and whether as ROM. */
      readonly shows?: { readonly memory: string; readonly offset: number; readonly rom?: boolean }
    }

export type BoardDevice = {
  readonly device: AnyDevice
  readonly id: string
  readonly properties?: { readonly [name: string]: unknown }
  readonly at?: { readonly [region: string]: Placement }
  /** Where outputs lead; an array for pins declared with `outputs`. Unmentioned ones lead nowhere. */
  readonly wires?: { readonly [pin: string]: Wire | readonly (Wire | undefined)[] | undefined }
  /** The id of the device that finds this one among its `io.children`. */
  readonly bus?: string
  /** Ids of devices that this one calls, by the names that it knows them by (`io.peers`). */
  readonly peers?: { readonly [name: string]: string }
}
export type BoardMemory =
  | {
      readonly kind: 'ram' | 'rom'
      readonly name: string
      readonly at: number
      readonly sizeBytes: number
      readonly hostOffset: number
      /** The space, listed before, that it lies in; the system's when left out. */
      readonly space?: string
    }
  /** An address space of its own (PCI memory, PCI I/O), seen in the system's at `at` from its `offset` on. */
  | { readonly kind: 'space'; readonly name: string; readonly sizeBytes: number
      /** Accesses that nothing claims read as ones and are no error: a PCI master abort. */
      readonly aborts?: boolean
      readonly views: readonly { readonly at: number; readonly offset: number; readonly sizeBytes: number }[]
    }
export type Board = {
  readonly name: string
  readonly floating?: 0 | 0xff
  readonly memory: readonly BoardMemory[]
  readonly devices: readonly BoardDevice[]
  /**
   * Where message-signalled interrupts find a controller: the device's `message` is called, or the processors themselves take
   * them. Elsewhere they are writes to RAM.
   */
  readonly messages?: readonly { readonly at: number; readonly sizeBytes: number; readonly to?: string }[]
}

/** What the machine's surroundings supply to each thread. */
export type HostServices = DeviceHost & {
  readonly clock: Clock
  /** An interrupt input of a processor, by the name that the board's wires use. */
  cpuLine(hart: number, line: string): CpuLine
  /** Wakes the I/O thread: output in a ring, or an earlier deadline. */
  doorbell(): void
  /** The same for output of character devices, which may wait a little. */
  charDoorbell?(): void
  /** A message-signalled interrupt for the processors, at `offset` from where the board has them. */
  interruptMessage?(offset: number, data: number): void
  /** Memory is somewhere else now, or gone: translations to it must be dropped. */
  remapped?(): void
}

export type System = {
  readonly board: Board
  readonly views: Views
  readonly memory: PhysicalMemory
  /** The ports: 64 KiB that in and out instructions reach, the board's space named `io`. */
  readonly io: PhysicalMemory
  readonly clock: Clock
  readonly instances: readonly Instance[]
  readonly timers: TimerTable
  /** Whose the timers of the table are, and the movable regions: in order of the board. */
  readonly timerSlots: readonly { readonly id: string; readonly slot: Slot }[]
  readonly windowSlots: readonly { readonly id: string; readonly region: string; readonly window: Window }[]
  /** Memory of devices, besides the board's. */
  readonly ramSlots: readonly (DeviceRam & { readonly id: string; readonly region: string })[]
  instance(id: string): Instance
  chr(id: string): CharHost
  /** Runs every expired timer's device; the number run. */
  runTimers(): number
  /** Gives a device its back end; on the I/O thread alone, as are the next two. */
  attach(id: string, backend: object): void
  /** Does what devices want of their back ends. */
  serve(): void
  /**
   * Settles when back ends have done what was asked before; vCPUs are stopped, so that nobody asks for more.
   */
  drain(): Promise<void>
  /** Lets devices take waiting input and resume output. */
  pollChars(): void
  /** Power-on state of all devices and windows. No vCPU may run. */
  reset(): void
  /** After state was restored: outputs are derived again, and processor inputs get their pins' levels. */
  refresh(): void
}

/** Of the allocator's room, what memory of devices takes. */
export const deviceRamBytes = (board: Board): number =>
  board.devices.reduce((sum, { device, properties, id }) =>
    planDevice(id, device, propertiesOf(device, properties ?? {}, id)).rams.reduce(
      (n, { sizeBytes }) => n + RAM_ALIGN + sizeBytes + dirtyMapBytes(sizeBytes) + 8, sum), 0)
/** A page of every architecture. */
const RAM_ALIGN = 65536

export function instantiate(
  board: Board,
  views: Views,
  allocator: Allocator,
  services: HostServices,
): System {
  const plans = new Map<string, { plan: Plan; entry: BoardDevice }>()
  for (const entry of board.devices) {
    if (plans.has(entry.id)) throw new VmError('board.duplicateId', `two devices are called '${entry.id}'`)
    const props = propertiesOf(entry.device, entry.properties ?? {}, entry.id)
    plans.set(entry.id, { plan: planDevice(entry.id, entry.device, props), entry })
  }
  const order = topological([...plans.values()], new Set(board.messages?.flatMap(m => m.to ?? [])))

  // Addresses first, in board order, from configuration alone.
  const timerSlots: { id: string; slot: Slot }[] = []
  const movable: { id: string; region: string }[] = []
  for (const { plan, entry } of plans.values()) {
    for (const slot of plan.timers) timerSlots.push({ id: plan.id, slot })
    for (const [region, where] of Object.entries(entry.at ?? {}))
      if (typeof where === 'object' && 'movable' in where) movable.push({ id: plan.id, region })
  }
  // Only memory is ever translated to; registers that move are found anew at each access.
  const movesRam = movable.some(({ id, region }) => {
    const { ram, memory } = plans.get(id)!.plan.device.regions[region]!
    return ram || memory
  })
  const windows = windowsAt(views, allocator.alloc(windowsBytes(movable.length)), movable.length,
    movesRam ? services.remapped : undefined)
  const timers = timerTableAt(
    views,
    allocator.alloc(timerTableBytes(timerSlots.length)),
    timerSlots.length,
    services.doorbell,
  )
  const at = new Map<string, number>(),
    channels = new Map<string, CharChannel>(),
    works = new Map<string, Work>(),
    ramSlots: (DeviceRam & { id: string; region: string })[] = []
  for (const { plan } of plans.values()) {
    at.set(plan.id, allocator.alloc(planBytes(plan), 64))
    if (plan.device.chr)
      channels.set(
        plan.id,
        charChannelAt(views, allocator.alloc(CHAR_BYTES, 64), services.charDoorbell ?? services.doorbell),
      )
    if (plan.device.service) works.set(plan.id, workAt(views, allocator.alloc(WORK_BYTES), services.doorbell))
    for (const { region, sizeBytes } of plan.rams) {
      const hostOffset = allocator.alloc(sizeBytes, RAM_ALIGN)
      const dirty = dirtyMapAt(views, allocator.alloc(dirtyMapBytes(sizeBytes)), sizeBytes)
      const bytes = views.u8.subarray(hostOffset, hostOffset + sizeBytes)
      ramSlots.push({ id: plan.id, region, bytes, hostOffset, dirty })
    }
  }

  const { root, spaces } = buildMap(board)
  const instances = new Map<string, Instance>()
  const memory = new PhysicalMemory({ views, root, floating: board.floating ?? 0, generation: windows })
  const ports = new PhysicalMemory({
    views, root: spaces.get(IO_SPACE) ?? container(IO_SPACE, IO_BYTES), floating: 0xff, splits: true,
    generation: windows,
  })
  // Those that are driven and those on a bus come before those that drive or hold them.
  for (const { plan, entry } of order) {
    const window = (region: string): Window =>
      windows.window(movable.findIndex(m => m.id === plan.id && m.region === region))
    const movableRegions = movable.filter(m => m.id === plan.id).map(m => m.region)
    const instance = bindInstance(plan, {
      views,
      at: at.get(plan.id)!,
      dma: dmaOf(memory, plan.id),
      host: services,
      clock: services.clock,
      message: messenger(board, plan.id, instances, dmaOf(memory, plan.id), services),
      timers: timerSlots.flatMap((t, i) => (t.id === plan.id ? [timers.timer(i)] : [])),
      windows: Object.fromEntries(movableRegions.map(r => [r, window(r)])),
      rams: Object.fromEntries(ramSlots.filter(r => r.id === plan.id).map(r => [r.region, r])),
      chr: channels.get(plan.id),
      work: works.get(plan.id),
      children: board.devices.filter(d => d.bus === plan.id).map(d => instances.get(d.id)!),
      peers: Object.fromEntries(
        Object.entries(entry.peers ?? {}).map(([name, id]) => [name, instances.get(id)!]),
      ),
      drive: driverOf(plan, entry, instances, services),
    })
    instances.set(plan.id, instance)
    for (const [region, where] of Object.entries(entry.at ?? {})) {
      const spec = entry.device.regions[region]
      if (!spec) throw new VmError('board.badConfig', `${entry.device.name} has no region '${region}'`)
      const name = `${plan.id}.${region}`, sizeBytes = countOf(spec.sizeBytes, plan.props)
      const own = ramSlots.find(r => r.id === plan.id && r.region === region)
      const leaf = own ? ram(name, own.hostOffset, sizeBytes, own.dirty)
        : spec.memory ? viewOf(board, name, sizeBytes, where)
        : mmio(name, sizeBytes, instance.ops(region))
      put(leaf, where, spaces, () => window(region))
    }
  }
  memory.invalidate()
  ports.invalidate()

  const servers = new Map<string, Server>()
  const list = board.devices.map(d => instances.get(d.id)!)
  const instance = (id: string): Instance => {
    const found = instances.get(id)
    if (!found) throw new VmError('board.unknownDevice', `this machine has no device '${id}'`)
    return found
  }
  return {
    board, views, memory, io: ports, timers, instance, timerSlots, ramSlots,
    windowSlots: movable.map((m, i) => ({ ...m, window: windows.window(i) })),
    clock: services.clock,
    instances: list,
    chr(id) {
      const channel = channels.get(id)
      if (!channel) throw new VmError('char.unknown', `'${id}' has no character back end`)
      return channel.host
    },
    runTimers: () => timers.run(services.clock.nowNs(), (i, stillDue) => {
      const { id, slot } = timerSlots[i]!
      instance(id).expire(slot, stillDue)
    }),
    attach(id, backend) {
      const work = works.get(id)
      if (!work) throw new VmError('board.unknownDevice', `'${id}' takes no back end`)
      servers.set(id, serverOf(instance(id), work, backend))
    },
    serve() { for (const server of servers.values()) server.serve() },
    async drain() {
      for (let busy = true; busy;) {
        busy = false
        for (const server of servers.values()) {
          server.serve()
          if (await server.idle()) busy = true
        }
      }
    },
    pollChars() { for (const id of channels.keys()) instance(id).pollChar() },
    reset() {
      timers.reset()
      windows.reset()
      for (const i of list) i.resetState()
      lower(board, services)
      for (const i of list) i.resetFunctions()
    },
    refresh() {
      for (const i of list) i.refresh()
      for (const d of board.devices) driveHarts(d, instance(d.id), services)
    },
  }
}

/**
 * Levels of processor inputs are the accelerator's state: a reset puts them low before devices drive them
 * again.
 */
function lower(board: Board, services: HostServices): void {
  for (const d of board.devices)
    for (const w of wireEnds(d)) if ('hart' in w) services.cpuLine(w.hart, w.line).set(false)
}

/** Puts processor inputs at their pins' levels. */
function driveHarts(entry: BoardDevice, instance: Instance, services: HostServices): void {
  instance.plan.outputs.forEach(({ name, index }, i) => {
    const wires = entry.wires?.[name]
    const w = Array.isArray(wires)
      ? (wires as readonly (Wire | undefined)[])[index]
      : (wires as Wire | undefined)
    for (const end of endsOf(w))
      if ('hart' in end) services.cpuLine(end.hart, end.line).set(instance.levels[i] === 1)
  })
}

const UNCLAIMED: MmioOps = {
  nobody: true,
  rules: { valid: { min: 1, max: 8, unaligned: true }, impl: { min: 1, max: 8 } },
  read: () => 0xffffffff,
  write: () => {},
  readWide: (_offset, out) => { out[0] = out[1] = 0xffffffff },
}

const IO_SPACE = 'io', IO_BYTES = 0x1_0000

function buildMap(board: Board): { root: Container; spaces: Map<string, Container> } {
  const root = container('system', 2 ** 53)
  const spaces = new Map<string, Container>([['system', root]])
  for (const m of board.memory) {
    if (m.kind !== 'space') {
      const make = m.kind === 'ram' ? ram : rom
      put(make(m.name, m.hostOffset, m.sizeBytes), { space: m.space ?? 'system', at: m.at }, spaces)
      continue
    }
    const space = container(m.name, m.sizeBytes)
    spaces.set(m.name, space)
    if (m.aborts) place(space, 0, mmio(`${m.name}-unclaimed`, m.sizeBytes, UNCLAIMED), -1)
    for (const v of m.views)
      place(root, v.at, {
        kind: 'alias',
        name: `${m.name}-view`,
        target: space,
        offset: v.offset,
        sizeBytes: v.sizeBytes,
      })
  }
  return { root, spaces }
}

function put(
  leaf: Region,
  where: Placement,
  spaces: Map<string, Container>,
  window?: () => Window,
): void {
  if (typeof where === 'number') return place(spaces.get('system')!, where, leaf)
  const space = spaces.get(where.space)
  if (!space) throw new VmError('board.badConfig', `no address space '${where.space}' for ${leaf.name}`)
  place(space, 'movable' in where ? window!().at : where.at, leaf, where.priority ?? 0)
}

/** A view of a part of the board's memory, for a region that has no functions. */
function viewOf(board: Board, name: string, sizeBytes: number, where: Placement): Region {
  const shows = typeof where === 'object' && 'movable' in where ? where.shows : undefined
  const of = board.memory.find(m => m.kind !== 'space' && m.name === shows?.memory)
  if (!shows || !of || of.kind === 'space' || shows.offset + sizeBytes > of.sizeBytes)
    throw new VmError('board.badConfig', `${name} does not say which memory it shows`)
  return (shows.rom || of.kind === 'rom' ? rom : ram)(name, of.hostOffset + shows.offset, sizeBytes)
}

/** Delivers message-signalled interrupts, under the sender's lock. */
function messenger(
  board: Board,
  from: string,
  instances: Map<string, Instance>,
  dma: Dma,
  services: HostServices,
): (pa: number, data: number) => void {
  return (pa, data) => {
    if (deviceTraces.irq_message.enabled) emitTrace(deviceTraces.irq_message, from, pa, data)
    const target = board.messages?.find(m => pa >= m.at && pa < m.at + m.sizeBytes)
    if (!target) return dma.store(pa, 4, data)
    if (target.to === undefined) return services.interruptMessage?.(pa - target.at, data)
    const to = instances.get(target.to)!
    to.call((s, io) => to.device.message?.(s, io, pa - target.at, data))
  }
}

/** Resolves a device's wires once; the answer drives them. */
function driverOf(
  plan: Plan, entry: BoardDevice, instances: Map<string, Instance>, services: HostServices,
): (slot: Slot, level: boolean) => void {
  const drivers = new Map<string, ((level: boolean) => void)[]>()
  for (const [pin, wires] of Object.entries(entry.wires ?? {})) {
    const list = (Array.isArray(wires) ? wires : [wires]) as readonly (Wire | undefined)[]
    const count = plan.outputs.filter(o => o.name === pin).length
    if (list.length > count)
      throw new VmError(
        'board.wiring',
        `${plan.id}: ${list.length} wires at pin '${pin}', which has ${count}`,
      )
    drivers.set(
      pin,
      list.map(w => resolve(w, plan.id, instances, services)),
    )
  }
  return (slot, level) => {
    if (deviceTraces.irq_set.enabled) emitTrace(deviceTraces.irq_set, plan.id, slot.name, slot.index, level)
    drivers.get(slot.name)?.[slot.index]?.(level)
  }
}

function resolve(
  w: Wire | undefined, from: string, instances: Map<string, Instance>, services: HostServices,
): (level: boolean) => void {
  if (!w) return () => {}
  if ('fork' in w) {
    const branches = w.fork.map(end => resolve(end, from, instances, services))
    return level => { for (const branch of branches) branch(level) }
  }
  if ('hart' in w) {
    const line = services.cpuLine(w.hart, w.line)
    return level => {
      if (deviceTraces.irq_set_cpu.enabled) emitTrace(deviceTraces.irq_set_cpu, w.hart, w.line, level)
      line.set(level)
    }
  }
  const target = instances.get(w.to)
  const slot = target?.plan.inputs.findIndex(i => i.name === w.pin && i.index === (w.index ?? 0)) ?? -1
  if (!target || slot < 0)
    throw new VmError('board.wiring', `${from}: no pin '${w.pin}[${w.index ?? 0}]' at '${w.to}'`)
  return level => target.driveInput(slot, level)
}

const wireEnds = (entry: BoardDevice) =>
  (Object.values(entry.wires ?? {}).flat() as (Wire | undefined)[]).flatMap(endsOf)

/**
 * Driven devices and bus children first. Locks are taken along wires and from a bus to its children, so the
 * order is also the proof that no two threads wait for each other.
 */
function topological(
  all: readonly { plan: Plan; entry: BoardDevice }[], targets: ReadonlySet<string>,
): { plan: Plan; entry: BoardDevice }[] {
  const byId = new Map(all.map(x => [x.plan.id, x]))
  const done = new Set<string>(), open = new Set<string>(), out: { plan: Plan; entry: BoardDevice }[] = []
  const visit = (x: { plan: Plan; entry: BoardDevice }) => {
    const { id } = x.plan
    if (done.has(id)) return
    if (open.has(id)) throw new VmError('board.wiring', `the wiring of '${id}' leads back to itself`)
    open.add(id)
    for (const w of wireEnds(x.entry)) if ('to' in w && byId.has(w.to)) visit(byId.get(w.to)!)
    for (const peer of Object.values(x.entry.peers ?? {})) {
      if (!byId.has(peer)) throw new VmError('board.wiring', `${id}: there is no device '${peer}'`)
      visit(byId.get(peer)!)
    }
    for (const child of all) if (child.entry.bus === id) visit(child)
    // Whatever is on a bus may send messages.
    if (x.entry.bus !== undefined || x.entry.device.sendsMessages)
      for (const target of all) if (targets.has(target.plan.id)) visit(target)
    open.delete(id)
    done.add(id)
    out.push(x)
  }
  all.forEach(visit)
  assert(out.length === all.length, 'a device was lost in ordering')
  return out
}
