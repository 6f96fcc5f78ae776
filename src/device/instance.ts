// One device bound to its state: the lock, the pins, the timers and the regions of a board entry. Every
// thread makes its own over the same addresses; they are the same device.
import { assert } from '../base/errors.ts'
import { lockAt, LOCK_BYTES, type Lock } from '../base/lock.ts'
import { defaultRules, type MmioOps } from '../mem/regions.ts'
import type { Window } from '../mem/windows.ts'
import { bind, resetState } from '../state/bind.ts'
import { layoutOf, type Layout } from '../state/layout.ts'
import { array, u16, u8, type NumberArray, type Schema } from '../state/schema.ts'
import type { Views } from '../state/views.ts'
import type { CharChannel, CharPort } from './char.ts'
import type { AnyDevice, Count, DeviceHost, DeviceRam, Peer, RegionSpec } from './define.ts'
import type { Dma } from './dma.ts'
import { pinAt, type Pin } from './irq.ts'
import type { Timer } from './timer.ts'
import type { Work } from './work.ts'

/** What a device's state and wiring take, worked out from its declaration and properties alone. */
export type Plan = {
  readonly id: string
  readonly device: AnyDevice
  readonly props: { readonly [name: string]: any }
  readonly layout: Layout
  readonly wiring: Layout<ReturnType<typeof wiringSchema>>
  /** Pins and timers in order of declaration, `many` ones unrolled. */
  readonly outputs: readonly Slot[]
  readonly inputs: readonly Slot[]
  readonly timers: readonly Slot[]
  /** Regions that are the device's own memory. */
  readonly rams: readonly { readonly region: string; readonly sizeBytes: number }[]
}
export type Slot = { readonly name: string; readonly index: number }

const wiringSchema = (outs: number, ins: number) =>
  ({ levels: array(u8(), Math.max(1, outs)), drivers: array(u16(), Math.max(1, ins)) })

export function planDevice(id: string, device: AnyDevice, props: { readonly [name: string]: any }): Plan {
  const schema: Schema = typeof device.state === 'function' ? device.state(props) : device.state
  const unroll = (specs: { [name: string]: { count: Count } }) =>
    Object.entries(specs).flatMap(([name, { count }]) =>
      Array.from({ length: countOf(count, props) }, (_, index) => ({ name, index })))
  const pins = Object.entries(device.pins ?? {}) as [string, { direction: string; count: Count }][]
  const directed = (d: string) => unroll(Object.fromEntries(pins.filter(([, p]) => p.direction === d)))
  const outputs = directed('out'), inputs = directed('in')
  return {
    id, device, props, outputs, inputs,
    timers: unroll(device.timers ?? {}),
    rams: (Object.entries(device.regions) as [string, RegionSpec<any, any>][]).flatMap(([region, spec]) =>
      (spec.ram ? [{ region, sizeBytes: countOf(spec.sizeBytes, props) }] : [])),
    layout: layoutOf(schema),
    wiring: layoutOf(wiringSchema(outputs.length, inputs.length)),
  }
}

export function countOf(
  count: Count | ((p: any) => number), props: { readonly [name: string]: any },
): number {
  const n = typeof count === 'number' ? count : typeof count === 'function' ? count(props) : props[count]
  assert(Number.isInteger(n) && n >= 0, `count ${count} is not a number`)
  return n
}

export const planBytes = (p: Plan): number => LOCK_BYTES + p.wiring.sizeBytes + p.layout.sizeBytes

/** What the board supplies to an instance. */
export type Surroundings = {
  readonly views: Views
  readonly at: number
  readonly dma: Dma
  readonly host: DeviceHost
  readonly clock: { nowNs(): number }
  message(pa: number, data: number): void
  /** In the order of the plan's timers. */
  readonly timers: readonly Timer[]
  readonly windows: { readonly [region: string]: Window }
  readonly rams: { readonly [region: string]: DeviceRam }
  readonly chr: CharChannel | undefined
  readonly work: Work | undefined
  readonly children: readonly Peer[]
  readonly peers: { readonly [name: string]: Peer }
  /** What an output drives: called under this device's lock when its level changed. */
  drive(slot: Slot, level: boolean): void
}

export type Instance = Peer & {
  readonly plan: Plan
  readonly state: any
  readonly stateAt: number
  readonly io: any
  readonly lock: Lock
  /** Levels of the output pins and driver counts of the input pins, in plan order. */
  readonly levels: NumberArray
  readonly drivers: NumberArray
  /** The memory-region functions, by region name. */
  ops(region: string): MmioOps
  /** One more (or less) driver of an input is high. */
  driveInput(slot: number, level: boolean): void
  expire(slot: Slot, stillDue: () => boolean): void
  /**
   * Moves input from the host's ring and resumes blocked output: the I/O thread calls it after the host's end
   * moved.
   */
  pollChar(): void
  /** A break from the host's end; absent: the device takes none. I/O thread. */
  sendBreak?(): void
  /** Reset in two steps, so that no device sees another half reset: first all states, then all functions. */
  resetState(): void
  resetFunctions(): void
  /** Derives the outputs again (after restoring state). */
  refresh(): void
}

export function bindInstance(plan: Plan, around: Surroundings): Instance {
  const { device, props, id } = plan
  const { views, chr } = around
  const wiringAt = around.at + LOCK_BYTES
  const stateAt = wiringAt + plan.wiring.sizeBytes
  const s: any = bind(plan.layout, views, stateAt)
  const wiring = bind(plan.wiring, views, wiringAt)
  const lock = lockAt(views, around.at)

  const pins: { [name: string]: Pin | Pin[] } = {}
  plan.outputs.forEach((slot, i) => {
    const pin = pinAt(wiring.levels, i, level => around.drive(slot, level))
    hang(pins, slot, pin, device.pins[slot.name].many)
  })
  const timers: { [name: string]: Timer | Timer[] } = {}
  plan.timers.forEach((slot, i) => hang(timers, slot, around.timers[i]!, device.timers[slot.name].many))
  const port: CharPort = chr ?? { put: () => true }
  const io: any = {
    ...pins, id, props, timer: timers, window: around.windows, ram: around.rams, chr: port,
    clock: around.clock, dma: around.dma, host: around.host, children: around.children, peers: around.peers,
    wake: () => around.work?.wake(), cancel: () => around.work?.cancel(), message: around.message,
  }
  const update = device.update ? () => device.update!(s, io) : () => {}
  const settle = chr && device.receive ? () => { pull(); update() } : update

  /** Takes waiting input while the device wants it. */
  function pull(): void {
    for (let byte; (byte = chr!.peek()) >= 0 && (!device.canReceive || device.canReceive(s, io));) {
      chr!.drop()
      device.receive!(s, io, byte)
    }
  }

  function call<R>(use: (s: any, io: any) => R): R {
    lock.acquire()
    try {
      const result = use(s, io)
      settle()
      return result
    } finally {
      lock.release()
    }
  }

  return {
    id, device, props, plan, state: s, stateAt, io, lock, call,
    levels: wiring.levels,
    drivers: wiring.drivers,
    ops: name => opsOf(device, name, s, io, lock, settle),
    driveInput(slot, level) {
      lock.acquire()
      try {
        const before = wiring.drivers[slot]!
        const after = Math.max(0, before + (level ? 1 : -1))
        wiring.drivers[slot] = after
        if ((before > 0) === (after > 0)) return
        const { name, index } = plan.inputs[slot]!
        device.input?.(s, io, name, index, after > 0)
        settle()
      } finally {
        lock.release()
      }
    },
    expire(slot, stillDue) {
      lock.acquire()
      try {
        if (!stillDue()) return
        device.expire?.(s, io, slot.name, slot.index)
        settle()
      } finally {
        lock.release()
      }
    },
    ...(chr && device.receiveBreak && {
      sendBreak() {
        call(() => {
          pull() // what came before it
          device.receiveBreak!(s, io)
        })
      },
    }),
    pollChar() {
      if (!chr || (chr.peek() < 0 && !chr.takeUnblocked())) return
      call(() => device.writable?.(s, io))
    },
    resetState() {
      around.work?.cancel()
      resetState(plan.layout, views, stateAt)
      resetState(plan.wiring, views, wiringAt)
    },
    resetFunctions() { call(() => device.reset?.(s, io)) },
    refresh() { call(() => around.work?.wake()) },
  }
}

function hang<X>(onto: { [name: string]: X | X[] }, slot: Slot, what: X, many: boolean): void {
  if (!many) onto[slot.name] = what
  else ((onto[slot.name] ??= []) as X[]).push(what)
}

/** The bus's side of a region: lock, function, update, unlock. */
function opsOf(device: AnyDevice, name: string, s: any, io: any, lock: Lock, settle: () => void): MmioOps {
  const region = device.regions[name] as RegionSpec<any, any>
  const read = region.read ?? device.read, write = region.write ?? device.write
  const readWide = region.readWide ?? device.readWide, writeWide = region.writeWide ?? device.writeWide
  assert(read && write, `region ${name} of ${device.name} has no functions`)
  const rules = {
    valid: { ...defaultRules.valid, ...region.valid },
    impl: { ...defaultRules.impl, ...region.impl },
  }
  if (region.unlocked)
    return {
      rules,
      read: (offset, size) => read(s, io, offset, size) >>> 0,
      write: (offset, value, size) => write(s, io, offset, value, size),
      ...(readWide && { readWide: (offset: number, out: Uint32Array) => readWide(s, io, offset, out) }),
      ...(writeWide && {
        writeWide: (offset: number, lo: number, hi: number) => writeWide(s, io, offset, lo, hi),
      }),
    }
  const settleRead = region.quietReads ? () => {} : settle
  return {
    rules,
    read(offset, size) {
      lock.acquire()
      try {
        const value = read(s, io, offset, size)
        settleRead()
        return value >>> 0
      } finally {
        lock.release()
      }
    },
    write(offset, value, size) {
      lock.acquire()
      try {
        write(s, io, offset, value, size)
        settle()
      } finally {
        lock.release()
      }
    },
    ...(readWide && {
      readWide(offset: number, out: Uint32Array) {
        lock.acquire()
        try {
          readWide(s, io, offset, out)
          settleRead()
        } finally {
          lock.release()
        }
      },
    }),
    ...(writeWide && {
      writeWide(offset: number, lo: number, hi: number) {
        lock.acquire()
        try {
          writeWide(s, io, offset, lo, hi)
          settle()
        } finally {
          lock.release()
        }
      },
    }),
  }
}
