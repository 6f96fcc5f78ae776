// What a guest does oddly is logged, never thrown. Classes as `-d` names them: `guest_errors` (the guest
// broke the hardware's rules), `unimp` (it asked for something that isn't modelled), `trace` (on request, for
// debugging). Off by default. One logger per thread; the host injects the sink.

export type LogClass = 'guest_errors' | 'unimp' | 'trace'
export type LogSink = (cls: LogClass, source: string, text: string) => void
/** A text, or a function that makes it when somebody listens. */
export type LogText = string | (() => string)

/** Lines of one class and source that pass within one second; further ones are counted. */
const LINES_PER_SECOND = 10

const enabled: Record<LogClass, boolean> = { guest_errors: false, unimp: false, trace: false }
const totals: Record<LogClass, number> = { guest_errors: 0, unimp: 0, trace: 0 }
type Window = { second: number; lines: number; dropped: number }
const windows = new Map<string, Window>()
let sink: LogSink = () => {}
let seconds = () => Math.floor(Date.now() / 1000)

/** Chooses where lines go and which classes are on. */
export function configureLog(options: {
  sink?: LogSink
  classes?: readonly LogClass[]
  seconds?: () => number
}): void {
  if (options.sink) sink = options.sink
  if (options.seconds) seconds = options.seconds
  if (options.classes)
    for (const cls of Object.keys(enabled) as LogClass[]) enabled[cls] = options.classes.includes(cls)
  windows.clear()
}

/** The guest broke a rule of the hardware named by `source`. */
export const guestError = (source: string, text: LogText): void => emit('guest_errors', source, text)
/** The guest wants something that `source` doesn't model. */
export const unimplemented = (source: string, text: LogText): void => emit('unimp', source, text)
export const trace = (source: string, text: LogText): void => emit('trace', source, text)

/** How often each class was called in this thread, listened to or not. */
export const logTotals = (): Readonly<Record<LogClass, number>> => ({ ...totals })
export const logEnabled = (cls: LogClass): boolean => enabled[cls]

function emit(cls: LogClass, source: string, text: LogText): void {
  totals[cls]++
  if (!enabled[cls]) return
  if (cls !== 'trace' && !admit(cls, source)) return
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
