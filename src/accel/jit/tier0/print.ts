// Interpreter records as text, for tests and for people.
import { AmoKind, MemOp, opNames } from '../../../ir/ops.ts'
import type { RegisterSpec } from '../../../isa/isa.ts'
import type { Views } from '../../../state/views.ts'
import type { CodeBlock } from '../cache.ts'
import { insnField, instructionOf, Record, type RecordOp, recordOps } from './records.ts'

const amoName = (kind: number) => Object.keys(AmoKind).find(k => AmoKind[k as keyof typeof AmoKind] === kind)?.toLowerCase()

function nameOf(r: RecordOp): string {
  switch (r.kind) {
    case 'pure': return `${opNames[r.row]}${r.immediate ? ' imm' : ''}`
    case 'branch': return `branch ${opNames[r.row]}${r.immediate ? ' imm' : ''}`
    case 'memory': return `${opNames[r.row]} ${8 << (r.memop & MemOp.SIZE)}${r.memop & MemOp.SIGNED ? ' signed' : ''}`
    case 'atomic': return `${opNames[r.row]} ${opNames[r.row] === 'amo' ? amoName(r.amo) : ''} ${8 << (r.memop & MemOp.SIZE)}`
    case 'float': return `${opNames[r.row]} rne nx`
    case 'control': return r.name
  }
}

/** The records of a block: address, operation, destination and operands as slots (registers by name), imm, aux. */
export function records(views: Views, b: CodeBlock, registers: readonly RegisterSpec[]): string {
  const names = new Map(registers.map(r => [r.offset, r.name])), { u16, i32 } = views
  const slot = (offset: number) => (offset === 0 ? '-' : names.get(offset) ?? `@${offset}`)
  const pc = (BigInt(b.pcHi >>> 0) << 32n) | BigInt(b.pcLo >>> 0)
  const lines = [`records of block ${b.number} at 0x${pc.toString(16)}`]
  for (let at = b.record; at < b.recordEnd; at += Record.BYTES) {
    const h = at >>> 1, w = at >>> 2, insn = insnField[u16[h]!] ? ` +${instructionOf(views, at)}` : ''
    lines.push(`  ${at}${insn}: ${nameOf(recordOps[u16[h]!]!)}  ${slot(u16[h + 1]!)}, ${slot(u16[h + 2]!)}, ${
      slot(u16[h + 3]!)}  imm ${i32[w + 2]} aux ${i32[w + 3]}`)
  }
  return `${lines.join('\n')}\n`
}
