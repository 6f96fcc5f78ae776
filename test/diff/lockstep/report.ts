// A difference as text.
import { type Result, registerName } from './compare.ts'
import { PC } from './side.ts'

const hex = (n: bigint) => n.toString(16).padStart(16, '0')

export function report({ instructions, difference }: Result): string {
  if (!difference) return 'no difference'
  const lines = [`difference after ${instructions} instructions:`]
  for (const { at, text } of difference.instructions) lines.push(`  0x${hex(at)}:  ${text}`)
  lines.push('', `  ${'register'.padEnd(10)}${'before'.padEnd(18)}${'typevisor'.padEnd(18)}qemu`)
  for (const r of difference.registers)
    lines.push(`  ${r.name.padEnd(10)}${(r.before === undefined ? '' : hex(r.before)).padEnd(18)}${hex(r.ours)}  ${hex(r.theirs)}`)
  lines.push('', '  registers before:')
  const cells = difference.before.slice(0, PC).map((v, i) => `${registerName(i).padEnd(5)}${hex(v)}`)
  for (let i = 0; i < cells.length; i += 4) lines.push(`  ${cells.slice(i, i + 4).join('  ')}`)
  return lines.join('\n')
}
