// What is logged, by the classes of `-d`: what a guest does oddly (never thrown), and what the emulator makes of the guest's
// code. All are off at first. One logger per thread; a line goes to that thread's sink. Where a line costs something to
// make, or the place is hot, test `logging.CLASS` first:
//
//   if (logging.int) log('int', `…`)
import { assert } from './errors.ts'

export const logItems = [
  { name: 'guest_errors', help: 'the guest breaks a rule of the hardware' },
  { name: 'unimp', help: 'the guest asks for something that is not modelled' },
  { name: 'in_asm', help: "the guest's instructions of each block that is translated" },
  { name: 'op', help: 'the intermediate code of each block that is translated' },
  { name: 'wasm', help: 'the WebAssembly of each compiled region' },
  { name: 'int', help: 'exceptions and interrupts when they are taken' },
  { name: 'exec', help: 'each block before it is executed (much slower)' },
  { name: 'cpu', help: 'registers before each block is executed (much slower)' },
  { name: 'mmu', help: 'fills and flushes of the TLB, translations that fail' },
] as const
/** What can be switched on. */
export type LogClass = (typeof logItems)[number]['name']
export const logClasses: readonly LogClass[] = logItems.map(i => i.name)

/** What a line is: of a class, or of a trace event (trace.ts). `source` is who speaks, '' where the text says it. */
export type LineClass = LogClass | 'trace'
export type LogSink = (cls: LineClass, source: string, text: string) => void
/** A text, or a function that makes it when somebody listens. */
export type LogText = string | (() => string)
/** Guest addresses from `start` to `end`, that one included. */
export type AddressRange = { readonly start: bigint; readonly end: bigint }

/** Lines of one class and source that pass within one second; further ones are counted. */
const LINES_PER_SECOND = 10

type PerClass<T> = { [C in LogClass]: T }
const perClass = <T>(value: T): PerClass<T> => Object.fromEntries(logClasses.map(c => [c, value])) as PerClass<T>
const enabled = perClass(false), totals = perClass(0)
/** Which classes are on in this thread. */
export const logging: Readonly<PerClass<boolean>> = enabled

type Window = { second: number; lines: number; dropped: number }
const windows = new Map<string, Window>()
let sink: LogSink = () => {}
let seconds = () => Math.floor(Date.now() / 1000)
let ranges: readonly AddressRange[] = []

/** Chooses where lines go, which classes are on, and which addresses matter to those about code (none: all). */
export function configureLog(options: {
  sink?: LogSink
  classes?: readonly LogClass[]
  filter?: readonly AddressRange[]
  seconds?: () => number
}): void {
  if (options.sink) sink = options.sink
  if (options.seconds) seconds = options.seconds
  if (options.filter) ranges = options.filter
  if (options.classes) for (const cls of logClasses) enabled[cls] = options.classes.includes(cls)
  windows.clear()
}

/** The guest broke a rule of the hardware named by `source`. */
export const guestError = (source: string, text: LogText): void => emitLimited('guest_errors', source, text)
/** The guest wants something that `source` doesn't model. */
export const unimplemented = (source: string, text: LogText): void => emitLimited('unimp', source, text)

/** A line, or several, of a class that is on. */
export function log(cls: LogClass, text: string): void {
  assert(enabled[cls], `log class ${cls} is off`)
  totals[cls]++
  sink(cls, '', text)
}
/** A line of a trace event that is on: for trace.ts alone. */
export const logTrace = (text: string): void => sink('trace', '', text)

/** Whether code at an address is to be logged. */
export function logsAddress(lo: number, hi: number): boolean {
  if (ranges.length === 0) return true
  const at = address(lo, hi)
  return ranges.some(r => at >= r.start && at <= r.end)
}

/** An address of two 32-bit halves, and as a line shows it. */
export const address = (lo: number, hi: number): bigint => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)
export const hexAddress = (lo: number, hi: number): string => `0x${address(lo, hi).toString(16).padStart(16, '0')}`

/** How often each class was called in this thread; the guest's oddities are counted listened to or not. */
export const logTotals = (): Readonly<PerClass<number>> => ({ ...totals })

function emitLimited(cls: 'guest_errors' | 'unimp', source: string, text: LogText): void {
  totals[cls]++
  if (!enabled[cls] || !admit(cls, source)) return
  sink(cls, source, typeof text === 'string' ? text : text())
}

function admit(cls: LogClass, source: string): boolean {
  const key = `${cls} ${source}`
  const second = seconds()
  let w = windows.get(key)
  if (!w) windows.set(key, (w = { second, lines: 0, dropped: 0 }))
  if (w.second !== second) {
    if (w.dropped > 0) sink(cls, source, `${w.dropped} more lines left out`)
    w.second = second
    w.lines = w.dropped = 0
  }
  if (w.lines++ < LINES_PER_SECOND) return true
  w.dropped++
  return false
}
