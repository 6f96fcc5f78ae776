// A processor's registers as text: what `info registers` and `-d cpu` print.
import type { DebugTarget } from './isa.ts'

const COLUMNS = 4

export function registerText(index: number, debug: DebugTarget): string {
  const cells = debug.registers.filter(r => r.number < debug.plain)
    .map(r => `${r.name.padEnd(5)} ${(debug.read(r.number) ?? 0n).toString(16).padStart(r.bits / 4, '0')}`)
  const rows = [`CPU#${index}`]
  for (let i = 0; i < cells.length; i += COLUMNS) rows.push(cells.slice(i, i + COLUMNS).join('  '))
  return rows.join('\n')
}
