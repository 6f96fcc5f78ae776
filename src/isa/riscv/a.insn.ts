// A: load-reserved, store-conditional and atomic memory operations. The IR's atomics are sequentially
// consistent, so aq and rl add nothing to them; an LR is a plain load and gets a fence for aq.
//
// A reservation is the address and the value read. SC succeeds if the address is the same and memory still
// holds the value: a store of the same value by another hart goes unnoticed, as it does in every emulator
// built on compare-and-swap.
import { AmoKind, MemOp } from '../../ir/ops.ts'
import type { Operands } from '../pattern.ts'
import { hartLayout, System } from './cpu.ts'
import { type Emit, insn, table } from './emit.ts'

const { reservedAddress, reservedValue } = hartLayout.offsets
const NONE = -1
const W = 2 | MemOp.SIGNED | MemOp.ALIGNED, D = 3 | MemOp.ALIGNED

const lr = (memop: number) => (g: Emit, o: Operands<'rd rs1 aq'>) => {
  const address = g.x(o.rs1)
  const value = g.load(memop, address)
  if (o.aq) g.fence()
  g.setField(reservedAddress, address)
  g.setField(reservedValue, value)
  g.setX(o.rd, value)
}

const sc = (memop: number) => (g: Emit, o: Operands<'rd rs1 rs2'>) => {
  const address = g.x(o.rs1)
  // Without a reservation of this address (which an LR has found to be aligned) the helper fails the
  // instruction.
  g.leaveIf(g.ne(g.field(reservedAddress), address), System.SC_FAIL, g.word)
  const expected = g.field(reservedValue)
  const old = g.cas(memop, address, expected, g.x(o.rs2))
  g.setField(reservedAddress, g.imm(NONE))
  g.setBool(o.rd, g.ne(old, expected))
}

const amo = (kind: number, memop: number) => (g: Emit, o: Operands<'rd rs1 rs2'>) =>
  g.setX(o.rd, g.amo(kind, memop, g.x(o.rs1), g.x(o.rs2)))

export const rv64a = table(32, {
  'lr.w': insn('00010 aq rl 00000 rs1 010 rd 0101111', 'rd, (rs1)', lr(W)),
  'sc.w': insn('00011 aq rl rs2 rs1 010 rd 0101111', 'rd, rs2, (rs1)', sc(W)),
  'amoswap.w': insn('00001 aq rl rs2 rs1 010 rd 0101111', 'rd, rs2, (rs1)', amo(AmoKind.SWAP, W)),
  'amoadd.w': insn('00000 aq rl rs2 rs1 010 rd 0101111', 'rd, rs2, (rs1)', amo(AmoKind.ADD, W)),
  'amoxor.w': insn('00100 aq rl rs2 rs1 010 rd 0101111', 'rd, rs2, (rs1)', amo(AmoKind.XOR, W)),
  'amoand.w': insn('01100 aq rl rs2 rs1 010 rd 0101111', 'rd, rs2, (rs1)', amo(AmoKind.AND, W)),
  'amoor.w': insn('01000 aq rl rs2 rs1 010 rd 0101111', 'rd, rs2, (rs1)', amo(AmoKind.OR, W)),
  'amomin.w': insn('10000 aq rl rs2 rs1 010 rd 0101111', 'rd, rs2, (rs1)', amo(AmoKind.MIN, W)),
  'amomax.w': insn('10100 aq rl rs2 rs1 010 rd 0101111', 'rd, rs2, (rs1)', amo(AmoKind.MAX, W)),
  'amominu.w': insn('11000 aq rl rs2 rs1 010 rd 0101111', 'rd, rs2, (rs1)', amo(AmoKind.MINU, W)),
  'amomaxu.w': insn('11100 aq rl rs2 rs1 010 rd 0101111', 'rd, rs2, (rs1)', amo(AmoKind.MAXU, W)),
  'lr.d': insn('00010 aq rl 00000 rs1 011 rd 0101111', 'rd, (rs1)', lr(D)),
  'sc.d': insn('00011 aq rl rs2 rs1 011 rd 0101111', 'rd, rs2, (rs1)', sc(D)),
  'amoswap.d': insn('00001 aq rl rs2 rs1 011 rd 0101111', 'rd, rs2, (rs1)', amo(AmoKind.SWAP, D)),
  'amoadd.d': insn('00000 aq rl rs2 rs1 011 rd 0101111', 'rd, rs2, (rs1)', amo(AmoKind.ADD, D)),
  'amoxor.d': insn('00100 aq rl rs2 rs1 011 rd 0101111', 'rd, rs2, (rs1)', amo(AmoKind.XOR, D)),
  'amoand.d': insn('01100 aq rl rs2 rs1 011 rd 0101111', 'rd, rs2, (rs1)', amo(AmoKind.AND, D)),
  'amoor.d': insn('01000 aq rl rs2 rs1 011 rd 0101111', 'rd, rs2, (rs1)', amo(AmoKind.OR, D)),
  'amomin.d': insn('10000 aq rl rs2 rs1 011 rd 0101111', 'rd, rs2, (rs1)', amo(AmoKind.MIN, D)),
  'amomax.d': insn('10100 aq rl rs2 rs1 011 rd 0101111', 'rd, rs2, (rs1)', amo(AmoKind.MAX, D)),
  'amominu.d': insn('11000 aq rl rs2 rs1 011 rd 0101111', 'rd, rs2, (rs1)', amo(AmoKind.MINU, D)),
  'amomaxu.d': insn('11100 aq rl rs2 rs1 011 rd 0101111', 'rd, rs2, (rs1)', amo(AmoKind.MAXU, D)),
})
