// CMPXCHG16B: without LOCK in generated code; with it the processor code keeps the others out (small.ts). Intel SDM volume 2.
import { MemOp } from '../../ir/ops.ts'
import { Flag, Reg, Vector } from './cpu.ts'
import { type Lift, row, type Row } from './row.ts'

const cmpxchg16b: Lift = g => {
  if (g.i.lock) return g.helper('CMPXCHG16B')
  const p = g.memory(g.operand(0), 16, true), q = g.beyond(p, 8)
  g.faultIf(g.and(g.wrap(g.atomicAddress(p)), g.i32(15)), Vector.GP)
  const lo = g.loadAt(p, 8, false, MemOp.UPDATE), hi = g.loadAt(q, 8, false, MemOp.UPDATE)
  const found = g.eqz(g.or(g.xor(lo, g.get(Reg.AX)), g.xor(hi, g.get(Reg.DX))))
  g.storeAt(p, 8, g.select(found, g.get(Reg.BX), lo))
  g.storeAt(q, 8, g.select(found, g.get(Reg.CX), hi))
  g.setExplicit(g.or(g.and(g.flagBits(), g.imm(~Flag.ZF)), g.shl(g.extendU(found), g.imm(Math.log2(Flag.ZF)))))
  g.set(Reg.AX, lo)
  g.set(Reg.DX, hi)
}

export const pairs: readonly Row[] = [
  row('W1 0F C7 /1', 'cmpxchg16b Mdq', cmpxchg16b, { lock: true, only64: true }),
]
