// How a device is declared: a schema, typed properties, pins, regions, timers and functions. No classes and
// no closures, so there is nowhere to keep state but the schema; what the device is connected to arrives as
// `io`.
//
//   io.NAME.set(level)        output pin NAME (io.NAME[i] for `outputs(n)`)
//   io.timer.NAME.arm(ns)     calls `expire(s, io, 'NAME', index)` at that guest time; .disarm()
//   io.window.NAME            a region placed at run time (a BAR): moveTo(address), disable()
//   io.chr.put(byte)          character back end; false when it is full (then `writable` is called later)
//   io.ram.NAME               a region with `ram: true`: bytes, dirty map
//   io.dma                    guest RAM: read, write, load, store, ramAt
//   io.wake(), io.cancel()    work for the back end (work.ts): has `service` called; forgets it
//   io.message(pa, data)      a message-signalled interrupt: reaches the board's `messages` and RAM
//   io.peers.NAME.call(f)     another device that the board names; f(s, io) runs under its lock
//   io.clock.nowNs()          guest time;  io.props  the properties;  io.host  requests to the machine
//
// The bus takes the device's lock around every function, then runs `update` (outputs are derived there) and
// lets go. Values that reach `write` are unsigned. A device never throws on what a guest does; it calls
// guestError().
import type { DirtyMap } from '../mem/dirty.ts'
import type { AccessRules } from '../mem/regions.ts'
import type { Window } from '../mem/windows.ts'
import type { Schema, StateOf } from '../state/schema.ts'
import type { CharPort } from './char.ts'
import type { Dma } from './dma.ts'
import type { Pin } from './irq.ts'
import type { Timer } from './timer.ts'
import type { Job } from './work.ts'

export { array, bytes, f64, flag, i32, ring, structs, transient, u16, u32, u64, u8 } from '../state/schema.ts'
export type { StateOf } from '../state/schema.ts'

// ---- properties (-device name,prop=value) ----
export type PropertyType = 'number' | 'size' | 'flag' | 'text' | 'data' | 'u64'
export type Property<T = unknown> = {
  readonly type: PropertyType
  readonly initial: T
  readonly description: string
}
const property =
  (type: PropertyType) =>
  <T>(initial: T, description: string): Property<T> => ({ type, initial, description })
export const numberProperty = property('number')<number>
export const sizeProperty = property('size')<number>
export const flagProperty = property('flag')<boolean>
export const textProperty = property('text')<string>
export const u64Property = property('u64')<bigint>
/** Structured data that the board or the library hands in; not settable on a command line. */
export const dataProperty = <T>(initial: T, description: string): Property<T> => ({
  type: 'data',
  initial,
  description,
})
export type Properties = { readonly [name: string]: Property<any> }
export type PropertyValues<P> = { readonly [N in keyof P]: P[N] extends Property<infer T> ? T : never }

// ---- pins and timers; a count is a number or the name of a number property ----
export type Count = number | string
export type PinSpec = { readonly direction: 'in' | 'out'; readonly many: boolean; readonly count: Count }
export type Pins = { readonly [name: string]: PinSpec }
export const output = () => ({ direction: 'out', many: false, count: 1 }) as const
export const outputs = (count: Count) => ({ direction: 'out', many: true, count }) as const
export const input = () => ({ direction: 'in', many: false, count: 1 }) as const
export const inputs = (count: Count) => ({ direction: 'in', many: true, count }) as const
export type TimerSpec = { readonly many: boolean; readonly count: Count }
export type Timers = { readonly [name: string]: TimerSpec }
export const timer = () => ({ many: false, count: 1 }) as const
export const timers = (count: Count) => ({ many: true, count }) as const

/** Requests to whoever runs the machine. They take effect after the current access. */
export type HostRequest = { kind: 'shutdown' | 'reset' | 'panic'; exitCode?: number }
export type DeviceHost = {
  request(r: HostRequest): void
  /** Milliseconds since 1970, UTC, of the host's real-time clock. */
  wallClockMs(): number
}

/** What a device may call on another device of its bus, under that device's lock (see board.ts). */
export type Peer = {
  readonly id: string
  readonly device: AnyDevice
  readonly props: { readonly [name: string]: any }
  call<R>(use: (s: any, io: any) => R): R
}

type Named<X, D> = { readonly [N in keyof X as X[N] extends { direction: D } ? N : never]: X[N] }
export type Io<P = {}, N = {}, T = {}, R extends string = string> = {
  readonly [K in keyof Named<N, 'out'>]: Named<N, 'out'>[K] extends { many: true } ? readonly Pin[] : Pin
} & {
  readonly id: string
  readonly props: PropertyValues<P>
  readonly clock: { nowNs(): number }
  readonly timer: { readonly [K in keyof T]: T[K] extends { many: true } ? readonly Timer[] : Timer }
  readonly window: { readonly [K in R]: Window }
  readonly ram: { readonly [K in R]: DeviceRam }
  readonly chr: CharPort
  readonly dma: Dma
  wake(): void
  cancel(): void
  message(pa: number, data: number): void
  readonly host: DeviceHost
  /** The devices whose board entry names this one as `bus`, in board order. */
  readonly children: readonly Peer[]
  /** Other devices that this one calls, by the name that its board entry gives them. */
  readonly peers: { readonly [name: string]: Peer | undefined }
}

/**
 * Memory of a device that the guest reaches as RAM where its region lies. A reset leaves it as it is, a snapshot
 * holds it. Who writes `bytes` says so to `dirty`.
 */
export type DeviceRam = { readonly bytes: Uint8Array; readonly hostOffset: number; readonly dirty: DirtyMap }

/**
 * Functions of one region. `size` is within `rules.impl`; wide functions serve 8-byte accesses (impl.max 8).
 */
export type Access<S, IO> = {
  read?(s: S, io: IO, offset: number, size: number): number
  write?(s: S, io: IO, offset: number, value: number, size: number): void
  readWide?(s: S, io: IO, offset: number, out: Uint32Array): void
  writeWide?(s: S, io: IO, offset: number, lo: number, hi: number): void
}
export type RegionSpec<S, IO> = Access<S, IO> & {
  /** Bytes, or the name of a size property, or a function of the properties. */
  readonly sizeBytes: Count | ((p: any) => number)
  /** No functions: memory of the device itself, `io.ram`. */
  readonly ram?: true
  readonly valid?: Partial<AccessRules['valid']>
  readonly impl?: Partial<AccessRules['impl']>
  /**
   * The functions take no lock and `update` isn't run: a window that only passes accesses on to
   * `io.children`.
   */
  readonly unlocked?: boolean
  /** No functions: a view of memory that the board names, moved and switched by `io.window`. */
  readonly memory?: boolean
  /** Reads change nothing that outputs depend on: `update` isn't run after them. */
  readonly quietReads?: boolean
}

/** The declaration, over the types of its accessor object (V) and wiring (IO). */
type Shape<V, IO, S, P, N, T, R extends string> = Access<V, IO> & {
  readonly name: string
  /** Of the state schema: changed when a field's meaning does. */
  readonly version: number
  readonly description?: string
  readonly properties?: P
  /** All there is to the device, with reset values. A function where sizes depend on properties. */
  readonly state: S | ((p: PropertyValues<P>) => S)
  readonly pins?: N
  readonly timers?: T
  /** Has a character back end. */
  readonly chr?: boolean
  /** Throws VmError('device.badProperty') when properties don't go together. */
  check?(p: PropertyValues<P>): void
  /** Memory or I/O regions by name; one without functions of its own uses the device's. */
  readonly regions: { readonly [K in R]: RegionSpec<V, IO> }
  /** After the schema's reset values are in place: what they can't express. */
  reset?(s: V, io: IO): void
  /** Derives every output from the state. Runs after each access, input, timer, reset and restore. */
  update?(s: V, io: IO): void
  /** An input pin changed. */
  input?(s: V, io: IO, pin: keyof Named<N, 'in'>, index: number, level: boolean): void
  expire?(s: V, io: IO, timer: keyof T, index: number): void
  canReceive?(s: V, io: IO): boolean
  receive?(s: V, io: IO, byte: number): void
  /** The line was held low for longer than a character takes. */
  receiveBreak?(s: V, io: IO): void
  writable?(s: V, io: IO): void
  /**
   * On the I/O thread, after `io.wake()`: takes one piece of work for the back end; undefined when there is
   * none.
   */
  service?(s: V, io: IO, backend: any): Job | undefined
  /** On the I/O thread: the back end offers something (a frame); false when there is no room for it now. */
  accept?(s: V, io: IO, item: any): boolean
  /** Sends messages although it is on no bus. */
  readonly sendsMessages?: boolean
  /** A message-signalled interrupt arrived, so far into the range that the board gave. */
  message?(s: V, io: IO, offset: number, data: number): void
  /** Functions for a bus that this device plugs into, by bus name (for PCI: config space). */
  readonly facets?: { readonly [bus: string]: any }
}
export type DeviceSpec<
  S extends Schema, P extends Properties, N extends Pins, T extends Timers, R extends string,
> = Shape<StateOf<S>, Io<P, N, T, R>, S, P, N, T, R>
/** Any device, its types forgotten: what lists of devices hold. */
export type AnyDevice = Shape<any, any, any, any, any, any, any>

/** Declares a device; the argument itself comes back, with its types worked out. */
export function defineDevice<
  const S extends Schema,
  const P extends Properties = {},
  const N extends Pins = {},
  const T extends Timers = {},
  const R extends string = string,
>(spec: DeviceSpec<S, P, N, T, R>): DeviceSpec<S, P, N, T, R> {
  return spec
}
