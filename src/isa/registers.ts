// A processor's registers as text: what `info registers` and `-d cpu` print.
import type { DebugRegister, DebugTarget } from './isa.ts'

const COLUMNS = 4

export function registerText(index: number, debug: DebugTarget): string {
  const cell = (r: DebugRegister, width: number) =>
    `${r.name.padEnd(width)} ${(debug.read(r.number) ?? 0n).toString(16).padStart(r.bits / 4, '0')}`
  const cells = debug.registers.filter(r => r.number < debug.plain).map(r => cell(r, 5))
  const rows = [`CPU#${index}`]
  for (let i = 0; i < cells.length; i += COLUMNS) rows.push(cells.slice(i, i + COLUMNS).join('  '))
  for (const r of debug.control) rows.push(cell(r, 8))
  return rows.join('\n')
}
