// Trace events: what happens inside the emulator, each with a switch of its own (`-trace NAME`). A folder declares its events
// as a table of names and formats; the place where one happens tests the switch first:
//
//   export const traces = traceTable({ irq_set: 'device %s pin %s level %d' })
//   if (traces.irq_set.enabled) emitTrace(traces.irq_set, id, pin, level)
//
// %s is a text or a number as it is, %d a decimal, %x a hexadecimal number. Names are QEMU's where it has the event.
import { assert } from './errors.ts'
import { logTrace } from './log.ts'

export type TraceEvent = {
  readonly name: string
  readonly format: string
  /** In this thread. */
  enabled: boolean
}
export type TraceTable<N extends string = string> = { readonly [K in N]: TraceEvent }

export function traceTable<const N extends string>(formats: { readonly [K in N]: string }): TraceTable<N> {
  return Object.fromEntries(Object.entries<string>(formats)
    .map(([name, format]) => [name, { name, format, enabled: false }])) as TraceTable<N>
}

/** Writes the line of an event that is on. */
export function emitTrace(event: TraceEvent, ...values: readonly (string | number | bigint | boolean)[]): void {
  let n = 0
  const text = event.format.replace(/%([sdx])/g, (_, kind: string) => {
    const value = values[n++]
    assert(value !== undefined, `trace event ${event.name} got ${values.length} values`)
    if (kind === 's') return String(value)
    return kind === 'x' ? `0x${BigInt.asUintN(64, BigInt(value)).toString(16)}` : String(Number(value))
  })
  assert(n === values.length, `trace event ${event.name} got ${values.length} values`)
  logTrace(`${event.name} ${text}`.trimEnd())
}

/** Whether a name matches a pattern in which `*` is any text and `?` any character. */
export function matches(pattern: string, name: string): boolean {
  const source = pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')
  return new RegExp(`^${source}$`).test(name)
}
