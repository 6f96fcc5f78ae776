// Names of log classes, ranges of addresses and trace events, as `-d`, `-dfilter`, `-trace` and the monitor take them.
import type { VmError } from '../base/errors.ts'
import { type AddressRange, logClasses, type LogClass, logItems } from '../base/log.ts'
import { suggest } from '../base/nearest.ts'
import type { MachineControl } from '../vm/control.ts'
import { usage } from './cli/values.ts'

/** What QEMU logs besides. */
const otherLogItems = [
  'out_asm', 'op_opt', 'op_ind', 'op_plugin', 'fpu', 'pcall', 'cpu_reset', 'page', 'nochain', 'plugin', 'strace', 'tid', 'vpu',
]

/** Classes, and patterns of trace events (`trace:virtio_*`). */
export function parseLogItems(items: readonly string[]): { classes: LogClass[]; patterns: string[] } {
  const classes: LogClass[] = [], patterns: string[] = []
  for (const item of items) {
    const known = logItems.find(l => l.name === item)
    if (known) classes.push(known.name)
    else if (item.startsWith('trace:')) patterns.push(item.slice(6))
    else if (item === 'all') classes.push(...logClasses)
    else if (otherLogItems.includes(item))
      throw usage(`not implemented: log class '${item}'`, '-d help lists what there is')
    else throw usage(`no log class '${item}'`, suggest(item, logClasses, '-d help'))
  }
  return { classes: [...new Set(classes)], patterns }
}

const TOP = (1n << 64n) - 1n

/** `START+LENGTH`, `START-LENGTH` (which ends at START) and `START..END` (END included), separated by commas. */
export function parseRanges(line: string): AddressRange[] {
  return line.split(',').map(item => {
    const m = /^(0x[0-9a-f]+|\d+)(\+|-|\.\.)(0x[0-9a-f]+|\d+)$/i.exec(item)
    if (!m) throw usage(`'${item}' is not a range`, 'START+LENGTH, START-LENGTH or START..END')
    const a = BigInt(m[1]!), b = BigInt(m[3]!)
    if (m[2] !== '..' && b === 0n) throw usage(`'${item}' is empty`)
    const start = m[2] === '-' ? a - (b - 1n) : a, end = m[2] === '+' ? a + (b - 1n) : m[2] === '-' ? a : b
    if (start < 0n || end > TOP) throw usage(`'${item}' leaves the 64-bit address space`)
    if (start > end) throw usage(`'${item}' ends before it starts`)
    return { start, end }
  })
}

/** Switches the trace events of a pattern; there must be one. */
export function switchTrace(machine: MachineControl, pattern: string, on: boolean): void {
  if (machine.setTrace(pattern, on) === 0) throw unknownEvent(machine, pattern)
}
export const unknownEvent = (machine: MachineControl, pattern: string): VmError =>
  usage(`no trace event '${pattern}'`, suggest(pattern, machine.traceEvents().map(e => e.name), '-trace help'))
