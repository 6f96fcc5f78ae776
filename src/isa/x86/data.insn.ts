// Moving data: MOV and its extending forms, exchanges, the stack, addresses. Intel SDM volume 1, 7.3.1.
import { MemOp } from '../../ir/ops.ts'
import type { Emit } from './emit.ts'
import { Reg, Seg } from './cpu.ts'
import { type Lift, row, type Row } from './row.ts'

const mov: Lift = g => g.write(0, g.read(1))
const movzx: Lift = g => g.write(0, g.zext(g.read(1), g.size(1)))
const movsx: Lift = g => g.write(0, g.sext(g.read(1, true), g.size(1)))

const lea: Lift = g => g.setRegister(g.i.reg, g.i.operandSize, g.offset())

const xchg: Lift = g => {
  const a = g.read(1)
  if (g.firstInMemory) return g.setRegister(g.i.reg, g.size(1), g.exchange(a))
  const b = g.read(0)
  g.write(0, a)
  g.write(1, b)
}
/** 90 itself exchanges nothing: NOP, with F3 PAUSE. With REX.B both are an exchange with r8. */
const xchgAccumulator: Lift = g => {
  const { opcodeRegister: n, operandSize: size } = g.i
  if (n === Reg.AX) return
  const a = g.register(n, size), b = g.register(Reg.AX, size)
  g.setRegister(n, size, b)
  g.setRegister(Reg.AX, size, a)
}

const push: Lift = g => g.push(g.read(0), g.i.operandSize)
const pushSegment = (segment: number): Lift => g => g.push(g.segmentSelector(segment), g.i.operandSize)
const pop: Lift = g => {
  const bytes = g.i.operandSize, v = g.top(bytes)
  g.popped = bytes
  if (g.firstInMemory) {
    g.write(0, v)
    return g.moveStack(bytes)
  }
  g.moveStack(bytes)
  g.write(0, v)
}

const pushAll: Lift = g => {
  const bytes = g.i.operandSize, sp = g.stackPointer()
  for (let n = 0; n < 8; n++) g.storeAt(g.stackPlace(sp, -bytes * (n + 1), bytes, true), bytes, n === Reg.SP ? sp : g.register(n, bytes))
  g.setStackPointer(g.add(sp, g.imm(-8 * bytes)))
}
const popAll: Lift = g => {
  const bytes = g.i.operandSize, sp = g.stackPointer(), v: number[] = []
  for (let k = 0; k < 8; k++) v.push(g.loadAt(g.stackPlace(sp, bytes * k, bytes, false), bytes))
  for (let k = 0; k < 8; k++) if (7 - k !== Reg.SP) g.setRegister(7 - k, bytes, v[k]!)
  g.setStackPointer(g.add(sp, g.imm(8 * bytes)))
}

/** ENTER: a frame, with copies of the enclosing procedures' frame pointers. */
const enter: Lift = g => {
  const { i } = g, bytes = i.operandSize, level = i.imm2 & 31, sp = g.stackPointer(), bp = g.get(Reg.BP)
  g.storeAt(g.stackPlace(sp, -bytes, bytes, true), bytes, bp)
  const frame = g.add(sp, g.imm(-bytes))
  let down = bytes
  for (let n = 1; n < level; n++) {
    down += bytes
    g.storeAt(g.stackPlace(sp, -down, bytes, true), bytes, g.loadAt(g.stackPlace(bp, -bytes * n, bytes, false), bytes))
  }
  if (level > 0) {
    down += bytes
    g.storeAt(g.stackPlace(sp, -down, bytes, true), bytes, frame)
  }
  // The new top of the stack must be writable too.
  const top = g.add(sp, g.imm(-down - i.immLo))
  g.loadAt(g.stackPlace(top, 0, bytes, true), bytes, false, MemOp.UPDATE)
  g.setStackPointer(top)
  g.setRegister(Reg.BP, bytes, frame)
}
const leave: Lift = g => {
  const bytes = g.i.operandSize, bp = g.get(Reg.BP), v = g.loadAt(g.stackPlace(bp, 0, bytes, false), bytes)
  g.setStackPointer(g.add(bp, g.imm(bytes)))
  g.setRegister(Reg.BP, bytes, v)
}

const cmov = (condition: number): Lift => g => {
  const v = g.read(1)
  g.write(0, g.select(g.condition(condition), v, g.read(0)))
}
const setcc = (condition: number): Lift => g => g.write(0, g.extendU(g.condition(condition)))

/** CBW, CWDE, CDQE. */
const convert: Lift = g => {
  const size = g.i.operandSize
  g.setRegister(Reg.AX, size, g.sext(g.get(Reg.AX), size / 2))
}
/** CWD, CDQ, CQO. */
const convertDouble: Lift = g => {
  const size = g.i.operandSize
  g.setRegister(Reg.DX, size, g.shrS(g.sext(g.get(Reg.AX), size), g.imm(63)))
}

const bswap: Lift = g => {
  const size = g.i.operandSize
  // With 16 bits undefined: as processors do, zero.
  g.write(0, size === 2 ? g.imm(0) : swapped(g, g.read(0), size))
}
const movbe: Lift = g => g.write(0, swapped(g, g.read(1), g.i.operandSize))
/** The bytes in reverse order. */
export function swapped(g: Emit, v: number, size: number): number {
  const step = (x: number, shift: number, mask: [number, number]) => {
    const m = g.i64(...mask), s = g.imm(shift)
    return g.or(g.shl(g.and(x, m), s), g.and(g.shrU(x, s), m))
  }
  const bytes = step(v, 8, [0x00ff00ff, 0x00ff00ff])
  if (size === 2) return bytes
  const words = step(bytes, 16, [0x0000ffff, 0x0000ffff])
  return size === 4 ? words : g.rotl(words, g.imm(32))
}

const xlat: Lift = g => {
  const segment = g.i.override < 0 ? Seg.DS : g.i.override
  const offset = g.zext(g.add(g.get(Reg.BX), g.zext(g.get(Reg.AX), 1)), g.i.addressSize)
  g.checkSegment(segment, offset, 1, false)
  g.setRegister(Reg.AX, 1, g.loadAt({ at: g.linear(segment, offset), disp: 0, hint: 0 }, 1))
}

const movFromSegment: Lift = g => {
  const segment = g.i.reg & 7 // REX.R says nothing
  if (segment > Seg.GS) return g.undefined()
  const selector = g.segmentSelector(segment)
  if (g.firstInMemory) g.storeAt(g.memory(g.operand(0), 2, true), 2, selector)
  else g.setRegister(g.i.rm, g.i.operandSize, selector)
}
const movToSegment: Lift = g => {
  const segment = g.i.reg & 7
  if (segment > Seg.GS || segment === Seg.CS) return g.undefined()
  g.helper('MOV_TO_SEG')
}
const popSegment: Lift = g => g.helper('POP_SEG')
const loadFar: Lift = g => g.helper('LOAD_FAR')

const LOCK = { lock: true }, NO64 = { no64: true }, OBSERVES = { observes: true }
const STACK = { default64: true, observes: true }, OLD_STACK = { no64: true, observes: true }
const CONDITIONS = ['o', 'no', 'b', 'ae', 'e', 'ne', 'be', 'a', 's', 'ns', 'p', 'np', 'l', 'ge', 'le', 'g']
export const conditional = (base: number, rowOf: (opcode: string, condition: string, number: number) => Row): Row[] =>
  CONDITIONS.map((name, n) => rowOf((base + n).toString(16).toUpperCase(), name, n))

export const data: readonly Row[] = [
  row('88 /r', 'mov Eb, Gb', mov),
  row('89 /r', 'mov Ev, Gv', mov),
  row('8A /r', 'mov Gb, Eb', mov),
  row('8B /r', 'mov Gv, Ev', mov),
  row('8C /r', 'mov Mw, Sw', movFromSegment),
  row('8C /r', 'mov Rv, Sw', movFromSegment),
  row('8E /r', 'mov Sw, Mw', movToSegment),
  row('8E /r', 'mov Sw, Rv', movToSegment),
  row('A0 mo', 'mov al, Ob', mov),
  row('A1 mo', 'mov rAX, Ov', mov),
  row('A2 mo', 'mov Ob, al', mov),
  row('A3 mo', 'mov Ov, rAX', mov),
  row('B0+r ib', 'mov Zb, Ib', mov),
  row('B8+r iv', 'mov Zv, Iv', mov),
  row('C6 /0 ib', 'mov Eb, Ib', mov),
  row('C7 /0 iz', 'mov Ev, Iz', mov),
  row('0F B6 /r', 'movzx Gv, Eb', movzx),
  row('0F B7 /r', 'movzx Gv, Ew', movzx),
  row('0F BE /r', 'movsx Gv, Eb', movsx),
  row('0F BF /r', 'movsx Gv, Ew', movsx),
  row('63 /r', 'movsxd Gv, Ed', movsx, { only64: true }),
  row('8D /r', 'lea Gv, M', lea),
  row('86 /r', 'xchg Eb, Gb', xchg, LOCK),
  row('87 /r', 'xchg Ev, Gv', xchg, LOCK),
  row('90+r', 'xchg Zv, rAX', xchgAccumulator),
  row('F3 90', 'pause', xchgAccumulator),
  row('0F 1F /0', 'nop Ev', () => {}),
  row('0F 0D /1', 'prefetchw Mb', () => {}),
  row('0F 0D /2', 'prefetchwt1 Mb', () => {}),
  row('0F 0D /r', 'prefetch Mb', () => {}),
  row('0F 18 /0', 'prefetchnta Mb', () => {}),
  row('0F 18 /1', 'prefetcht0 Mb', () => {}),
  row('0F 18 /2', 'prefetcht1 Mb', () => {}),
  row('0F 18 /3', 'prefetcht2 Mb', () => {}),
  row('0F 18 /r', 'nop Ev', () => {}),
  ...[0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e].map(n => row(`0F ${n.toString(16).toUpperCase()} /r`, 'nop Ev', () => {})),
  row('0F 1F /r', 'nop Ev', () => {}),
  row('F3 0F 1E FA', 'endbr64', () => {}),
  row('F3 0F 1E FB', 'endbr32', () => {}),
  row('50+r', 'push Zv', push, STACK),
  row('58+r', 'pop Zv', pop, STACK),
  row('68 iz', 'push Iz', push, STACK),
  row('6A ib', 'push Ibs', push, STACK),
  row('FF /6', 'push Ev', push, STACK),
  row('8F /0', 'pop Ev', pop, STACK),
  row('06', 'push es', pushSegment(Seg.ES), OLD_STACK),
  row('0E', 'push cs', pushSegment(Seg.CS), OLD_STACK),
  row('16', 'push ss', pushSegment(Seg.SS), OLD_STACK),
  row('1E', 'push ds', pushSegment(Seg.DS), OLD_STACK),
  row('0F A0', 'push fs', pushSegment(Seg.FS), STACK),
  row('0F A8', 'push gs', pushSegment(Seg.GS), STACK),
  row('07', 'pop es', popSegment, OLD_STACK),
  row('17', 'pop ss', popSegment, OLD_STACK),
  row('1F', 'pop ds', popSegment, OLD_STACK),
  row('0F A1', 'pop fs', popSegment, STACK),
  row('0F A9', 'pop gs', popSegment, STACK),
  row('60', 'pushaw|pusha', pushAll, OLD_STACK),
  row('61', 'popaw|popa', popAll, OLD_STACK),
  row('C8 iw ib', 'enter Iw, Ib', enter, STACK),
  row('C9', 'leave', leave, STACK),
  ...conditional(0x40, (opcode, c, n) => row(`0F ${opcode} /r`, `cmov${c} Gv, Ev`, cmov(n))),
  ...conditional(0x90, (opcode, c, n) => row(`0F ${opcode} /r`, `set${c} Eb`, setcc(n))),
  row('98', 'cbw|cwde|cdqe', convert),
  row('99', 'cwd|cdq|cqo', convertDouble),
  row('0F C8+r', 'bswap Zv', bswap),
  row('0F 38 F0 /r', 'movbe Gv, Mv', movbe),
  row('0F 38 F1 /r', 'movbe Mv, Gv', movbe),
  row('D7', 'xlat', xlat, OBSERVES),
  row('C4 /r', 'les Gz, Mp', loadFar, NO64),
  row('C5 /r', 'lds Gz, Mp', loadFar, NO64),
  row('0F B2 /r', 'lss Gv, Mp', loadFar),
  row('0F B4 /r', 'lfs Gv, Mp', loadFar),
  row('0F B5 /r', 'lgs Gv, Mp', loadFar),
]
