// Makes a program of IR smaller while it still fails.
import { Block } from '../../src/ir/block.ts'
import { arity, effects, op, resultType } from '../../src/ir/ops.ts'
import { verify } from '../../src/ir/verify.ts'
import { COUNTER, type Program, types } from './ir-machine.ts'

/** The block without operation `drop`, or with a zero in its place; undefined if that is no block. */
function change(b: Block, i: number, zero: boolean): Block | undefined {
  const out = new Block(b.n + 1), at: number[] = []
  out.clear(b.pcLo, b.pcHi)
  for (let k = 0; k < b.n; k++) {
    at[k] = out.n
    if (k !== i) out.push(b.op[k]!, at[b.a[k]!] ?? 0, at[b.b[k]!] ?? 0, arity[b.op[k]!]! > 2 ? at[b.c[k]!]! : b.c[k]!, b.lo[k]!, b.hi[k]!)
    else if (zero) out.push(resultType[b.op[i]!] === 'l' ? op['i64.const'] : op['i32.const'], 0, 0, 0, 0, 0)
  }
  out.sizeBytes = b.sizeBytes
  out.insns = b.insns
  return verify(out, types) === undefined ? out.copy() : undefined
}

function* smallerBlocks(b: Block): Generator<Block> {
  for (let i = b.n - 1; i >= 0; i--) {
    const o = b.op[i]!, type = resultType[o], e = effects[o]
    if (e === 'mark' || e === 'end') continue
    const useless = type === '' || b.uses[i] === 0
    if (!useless && (type === 'f' || type === 'd' || o === op['i64.const'] || o === op['i32.const'])) continue
    const smaller = change(b, i, !useless)
    if (smaller) yield smaller
  }
}

/** Ends at once: what stands for a block that does not matter. */
function emptied(b: Block): Block {
  const out = new Block(4)
  out.clear(b.pcLo, b.pcHi)
  out.push(op.insn, 0, 0, 0, 0, b.sizeBytes)
  out.push(op.system, 0, 0, 0, 0, 0)
  out.sizeBytes = b.sizeBytes
  out.insns = 1
  return out.copy()
}

/** How often a case is run again at most. */
const ATTEMPTS = 500

export function minimise(p: Program, fails: (p: Program) => boolean): Program {
  let attempts = 0
  const attempt = (smaller: Program): boolean => {
    if (attempts++ > ATTEMPTS || !fails(smaller)) return false
    p = smaller
    return true
  }
  for (let i = 0; i < p.blocks.length; i++)
    if (p.blocks[i]!.n > 2) attempt({ ...p, blocks: p.blocks.with(i, emptied(p.blocks[i]!)) })
  for (let again = true, rounds = 0; again && rounds < 4; rounds++) {
    again = false
    for (let i = 0; i < p.blocks.length; i++)
      for (let more = true; more;) {
        more = false
        for (const b of smallerBlocks(p.blocks[i]!))
          if (attempt({ ...p, blocks: p.blocks.with(i, b) })) {
            more = again = true
            break
          }
      }
  }
  for (let i = 0; i < p.registers.length; i++)
    if (i !== COUNTER && p.registers[i]) attempt({ ...p, registers: p.registers.with(i, 0n) })
  for (let i = 0; i < p.fields.length; i++) if (p.fields[i]) attempt({ ...p, fields: p.fields.with(i, 0n) })
  return p
}
