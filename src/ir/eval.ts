// Executes a block the slow and obvious way: the oracle for both tiers. All values are unsigned BigInts of
// raw bits.
import type { FloatContext, Rounding } from '../base/softfloat.ts'
import type { Block } from './block.ts'
import { floatFunctions } from './float.ts'
import { AmoKind, arity, effects, FpEnv, MemOp, rows } from './ops.ts'

export type EvalMachine = {
  /** The register file. */
  readonly registers: bigint[]
  /** The processor's state, for fields. */
  readonly fields: DataView
  /** `bytes` at an address, zero-extended; undefined if the access faults. `memop` says whether it must be
   * aligned. */
  load(address: bigint, bytes: number, memop: number): bigint | undefined
  /** False if the access faults. */
  store(address: bigint, bytes: number, value: bigint, memop: number): boolean
  /** Reads and writes in one step; the old value, or undefined if the access (a write) faults. Where `next`
   * gives undefined nothing is written. */
  update(address: bigint, bytes: number, next: (old: bigint) => bigint | undefined, memop: number): bigint | undefined
  call(helper: number, a: bigint, b: bigint): bigint
  /** Flags are accumulated here; `rounding` is set for each operation. */
  readonly float: FloatContext
  /** Told of them after each operation that raised one. */
  raise?(flags: number): void
  /** The rounding mode of operations that take it from the state. */
  dynamicRounding(): Rounding
}

/** How the block was left. `pc` is the next instruction's for a jump, else that of the instruction in
 * question. */
export type Outcome =
  | { readonly kind: 'jump'; readonly pc: bigint }
  | { readonly kind: 'system'; readonly pc: bigint; readonly helper: number; readonly arg: number }
  | { readonly kind: 'fault'; readonly pc: bigint; readonly address: bigint; readonly write: boolean }

const M32 = 0xffffffffn, M64 = 0xffffffffffffffffn
const pair = (lo: number, hi: number) => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)

const amoFunctions: Record<number, (a: bigint, b: bigint, bits: number) => bigint> = {
  [AmoKind.SWAP]: (_a, b) => b,
  [AmoKind.ADD]: (a, b) => a + b,
  [AmoKind.XOR]: (a, b) => a ^ b,
  [AmoKind.AND]: (a, b) => a & b,
  [AmoKind.OR]: (a, b) => a | b,
  [AmoKind.MIN]: (a, b, n) => (BigInt.asIntN(n, a) < BigInt.asIntN(n, b) ? a : b),
  [AmoKind.MAX]: (a, b, n) => (BigInt.asIntN(n, a) > BigInt.asIntN(n, b) ? a : b),
  [AmoKind.MINU]: (a, b) => (a < b ? a : b),
  [AmoKind.MAXU]: (a, b) => (a > b ? a : b),
}

export function evaluate(block: Block, m: EvalMachine): Outcome {
  const v: bigint[] = []
  const start = pair(block.pcLo, block.pcHi)
  let pc = start, next = start
  for (let i = 0; i < block.n; i++) {
    const name = block.nameOf(i), lo = block.lo[i]!, hi = block.hi[i]!, row = rows[block.op[i]!]!
    const k = arity[block.op[i]!]!
    const a = k > 0 ? v[block.a[i]!]! : 0n, b = k > 1 ? v[block.b[i]!]! : 0n, c = k > 2 ? v[block.c[i]!]! : 0n
    v[i] = 0n
    if (row.eval) {
      v[i] = row.eval(a, b, c)
      continue
    }
    if (effects[block.op[i]!] === 'float') {
      const rm = lo & FpEnv.RM
      m.float.rounding = rm === FpEnv.DYN ? m.dynamicRounding() : rm as Rounding
      v[i] = floatFunctions[name]!(m.float, a, b, c)
      if (m.float.flags && m.raise) {
        m.raise(m.float.flags)
        m.float.flags = 0
      }
      continue
    }
    const bytes = name === 'load.v' || name === 'store.v' ? 16 : 1 << (lo & MemOp.SIZE), bits = 8 * bytes
    const address = (a + BigInt(hi)) & M64
    const widen = (x: bigint, to: bigint) => (lo & MemOp.SIGNED ? BigInt.asIntN(bits, x) & to : x)
    const fault = (at: bigint, write: boolean): Outcome => ({ kind: 'fault', pc, address: at, write })
    switch (name) {
      case 'i32.const': v[i] = BigInt(lo >>> 0); break
      case 'i64.const': v[i] = pair(lo, hi); break
      case 'v.const': v[i] = (pair(block.a[i]!, block.b[i]!) << 64n) | pair(lo, hi); break
      case 'get.l':
      case 'get.i':
      case 'get.d':
      case 'get.v': v[i] = m.registers[lo]!; break
      case 'set.l':
      case 'set.i':
      case 'set.d':
      case 'set.v': m.registers[lo] = a; break
      case 'field.l': v[i] = m.fields.getBigUint64(lo, true); break
      case 'field.i': v[i] = BigInt(m.fields.getUint32(lo, true)); break
      case 'field8': v[i] = BigInt(m.fields.getUint8(lo)); break
      case 'setfield.l': m.fields.setBigUint64(lo, a, true); break
      case 'setfield.i': m.fields.setUint32(lo, Number(a), true); break
      case 'setfield8': m.fields.setUint8(lo, Number(a & 0xffn)); break
      case 'load.l':
      case 'load.i':
      case 'load.d':
      case 'load.f':
      case 'load.v': {
        const x = m.load(address, bytes, lo)
        if (x === undefined) return fault(address, (lo & MemOp.UPDATE) !== 0)
        v[i] = name === 'load.v' ? x : widen(x, name === 'load.i' ? M32 : M64)
        break
      }
      case 'store.l':
      case 'store.i':
      case 'store.d':
      case 'store.f':
      case 'store.v':
        if (!m.store(address, bytes, BigInt.asUintN(bits, b), lo)) return fault(address, true)
        break
      case 'amo':
      case 'cas': {
        const operand = BigInt.asUintN(bits, b), replacement = BigInt.asUintN(bits, c)
        const old = name === 'cas'
          ? m.update(a, bytes, x => (x === operand ? replacement : undefined), lo & 0xff)
          : m.update(a, bytes, x => BigInt.asUintN(bits, amoFunctions[lo >> 8]!(x, operand, bits)), lo & 0xff)
        if (old === undefined) return fault(a, true)
        v[i] = widen(old, M64)
        break
      }
      case 'fill':
      case 'copy': {
        // One element is enough.
        const x = name === 'fill' ? b : m.load(b, bytes, lo)
        if (x === undefined) return fault(b, false)
        if (!m.store(a, bytes, BigInt.asUintN(bits, x), lo)) return fault(a, true)
        v[i] = 1n
        break
      }
      case 'fence': break
      case 'call': v[i] = m.call(lo, a, b) & M64; break
      case 'insn':
        pc = (start + BigInt(lo)) & M64
        next = (pc + BigInt(hi)) & M64
        break
      case 'leaveif':
        if (a) return { kind: 'system', pc, helper: lo, arg: hi }
        break
      case 'system': return { kind: 'system', pc, helper: lo, arg: hi }
      case 'jump': return { kind: 'jump', pc: pair(lo, hi) }
      case 'branch': return { kind: 'jump', pc: a ? pair(lo, hi) : next }
      case 'jumpto': return { kind: 'jump', pc: a }
      default: throw new Error(`no evaluation of ${name}`)
    }
  }
  throw new Error('the block has no end')
}
