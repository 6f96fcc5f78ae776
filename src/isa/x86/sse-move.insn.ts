// SSE: moves between vector registers, general registers and memory; the control and status register. Intel SDM volume 1,
// 10.4.1, 11.4.1.1, 12.3.
import { cpuLayout } from './cpu.ts'
import type { Lift, Row } from './row.ts'
import { row } from './row.ts'
import { low, mm, mmx, permute, setMm, setXmm, source, source32, source64, sse, storeVector, xmm } from './vector.ts'

const load = (aligned: boolean): Lift => sse(g => setXmm(g, g.i.reg, source(g, 1, aligned)))
const store = (aligned: boolean): Lift => sse(g =>
  (g.i.memory ? storeVector(g, 0, xmm(g, g.i.reg), aligned) : setXmm(g, g.i.rm, xmm(g, g.i.reg))))

/** A scalar: from memory it clears the rest, from a register it keeps it. */
const loadScalar = (bytes: 4 | 8): Lift => sse(g => {
  const { reg, rm, memory } = g.i, v = bytes === 8 ? source64(g, 1) : source32(g, 1)
  if (memory) return setXmm(g, reg, low(g, v))
  if (bytes === 8) setXmm(g, reg, g.row('v.setlo', xmm(g, reg), v))
  else setXmm(g, reg, g.row('v.setf', xmm(g, reg), g.row('v.f', xmm(g, rm))))
})
const storeScalar = (bytes: 4 | 8): Lift => sse(g => {
  const { reg, rm, memory } = g.i
  if (memory) return g.storeAt(g.memory(g.operand(0), bytes, true), bytes, g.row('v.lo', xmm(g, reg)))
  if (bytes === 8) setXmm(g, rm, g.row('v.setlo', xmm(g, rm), g.row('v.lo', xmm(g, reg))))
  else setXmm(g, rm, g.row('v.setf', xmm(g, rm), g.row('v.f', xmm(g, reg))))
})
/** MOVLPS, MOVHPS; between registers MOVHLPS and MOVLHPS. */
const loadHalf = (high: boolean): Lift => sse(g => {
  const { reg, rm, memory } = g.i
  const v = memory ? source64(g, 1) : g.row(high ? 'v.lo' : 'v.hi', xmm(g, rm))
  setXmm(g, reg, g.row(high ? 'v.sethi' : 'v.setlo', xmm(g, reg), v))
})
const storeHalf = (high: boolean): Lift => sse(g =>
  g.storeAt(g.memory(g.operand(0), 8, true), 8, g.row(high ? 'v.hi' : 'v.lo', xmm(g, g.i.reg))))

/** From and to general registers; the rest is 0. */
const fromGeneral: Lift = sse(g => {
  const size = g.size(1), v = g.read(1)
  setXmm(g, g.i.reg, low(g, g.zext(v, size)))
})
const toGeneral: Lift = sse(g => g.write(0, g.row('v.lo', xmm(g, g.i.reg))))
const load64: Lift = sse(g => setXmm(g, g.i.reg, low(g, source64(g, 1))))
const store64: Lift = sse(g => {
  const v = g.row('v.lo', xmm(g, g.i.reg))
  if (g.i.memory) g.storeAt(g.memory(g.operand(0), 8, true), 8, v)
  else setXmm(g, g.i.rm, low(g, v))
})
const storeGeneral: Lift = g => g.write(0, g.read(1))
const mask = (name: 'i8x16.bitmask' | 'i32x4.bitmask' | 'i64x2.bitmask'): Lift => sse(g =>
  g.setRegister(g.i.reg, 4, g.extendU(g.row(name, xmm(g, g.i.rm)))))

const duplicate = (lanes: readonly number[]): Lift => sse(g => {
  const v = source(g, 1)
  setXmm(g, g.i.reg, permute(g, v, v, 4, lanes))
})
const duplicateLow: Lift = sse(g => {
  const v = source64(g, 1)
  setXmm(g, g.i.reg, g.row('v.make', v, v))
})

const toMmx: Lift = sse(mmx(g => setMm(g, g.i.reg, g.row('v.lo', xmm(g, g.i.rm)))))
const fromMmx: Lift = sse(mmx(g => setXmm(g, g.i.reg, low(g, mm(g, g.i.rm)))))
const maskedStore: Lift = sse(g => g.helper('MASKMOVDQU'))

const stmxcsr: Lift = sse(g => g.write(0, g.extendU(g.field(cpuLayout.offsets.mxcsr, 'i'))))
const ldmxcsr: Lift = sse(g => g.helper('LDMXCSR'))

export const sseMoves: readonly Row[] = [
  ...[['NP', 'movups', 'movaps', 'movntps'], ['66', 'movupd', 'movapd', 'movntpd']].flatMap(([p, u, a, nt]) => [
    row(`${p} 0F 10 /r`, `${u} Vx, Wx`, load(false)),
    row(`${p} 0F 11 /r`, `${u} Wx, Vx`, store(false)),
    row(`${p} 0F 28 /r`, `${a} Vx, Wx`, load(true)),
    row(`${p} 0F 29 /r`, `${a} Wx, Vx`, store(true)),
    row(`${p} 0F 2B /r`, `${nt} Mx, Vx`, store(true)),
  ]),
  row('F3 0F 10 /r', 'movss Vx, Wd', loadScalar(4)),
  row('F3 0F 11 /r', 'movss Wd, Vx', storeScalar(4)),
  row('F2 0F 10 /r', 'movsd Vx, Wq', loadScalar(8)),
  row('F2 0F 11 /r', 'movsd Wq, Vx', storeScalar(8)),
  row('NP 0F 12 /r mem', 'movlps Vx, Mq', loadHalf(false)),
  row('NP 0F 12 /r reg', 'movhlps Vx, Ux', loadHalf(false)),
  row('NP 0F 16 /r mem', 'movhps Vx, Mq', loadHalf(true)),
  row('NP 0F 16 /r reg', 'movlhps Vx, Ux', loadHalf(true)),
  row('66 0F 12 /r', 'movlpd Vx, Mq', loadHalf(false)),
  row('66 0F 16 /r', 'movhpd Vx, Mq', loadHalf(true)),
  row('NP 0F 13 /r', 'movlps Mq, Vx', storeHalf(false)),
  row('NP 0F 17 /r', 'movhps Mq, Vx', storeHalf(true)),
  row('66 0F 13 /r', 'movlpd Mq, Vx', storeHalf(false)),
  row('66 0F 17 /r', 'movhpd Mq, Vx', storeHalf(true)),
  row('F2 0F 12 /r', 'movddup Vx, Wq', duplicateLow),
  row('F3 0F 12 /r', 'movsldup Vx, Wx', duplicate([0, 0, 2, 2])),
  row('F3 0F 16 /r', 'movshdup Vx, Wx', duplicate([1, 1, 3, 3])),
  row('66 0F 6F /r', 'movdqa Vx, Wx', load(true)),
  row('66 0F 7F /r', 'movdqa Wx, Vx', store(true)),
  row('F3 0F 6F /r', 'movdqu Vx, Wx', load(false)),
  row('F3 0F 7F /r', 'movdqu Wx, Vx', store(false)),
  row('F2 0F F0 /r', 'lddqu Vx, Mx', load(false)),
  row('66 0F E7 /r', 'movntdq Mx, Vx', store(true)),
  row('66 0F 6E /r', 'movd|movd|movq Vx, Ey', fromGeneral),
  row('66 0F 7E /r', 'movd|movd|movq Ey, Vx', toGeneral),
  row('F3 0F 7E /r', 'movq Vx, Wq', load64),
  row('66 0F D6 /r', 'movq Wq, Vx', store64),
  row('NP 0F C3 /r', 'movnti My, Gy', storeGeneral),
  row('NP 0F 50 /r', 'movmskps Gd, Ux', mask('i32x4.bitmask')),
  row('66 0F 50 /r', 'movmskpd Gd, Ux', mask('i64x2.bitmask')),
  row('66 0F D7 /r', 'pmovmskb Gd, Ux', mask('i8x16.bitmask')),
  row('66 0F F7 /r', 'maskmovdqu Vx, Ux', maskedStore, { observes: true }),
  row('F2 0F D6 /r', 'movdq2q Pq, Ux', toMmx, { observes: true }),
  row('F3 0F D6 /r', 'movq2dq Vx, Nq', fromMmx, { observes: true }),
  row('NP 0F AE /2', 'ldmxcsr Md', ldmxcsr),
  row('NP 0F AE /3', 'stmxcsr Md', stmxcsr),
]
