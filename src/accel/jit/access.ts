// The inline software-TLB hit, the same in both tiers.
import { MemOp, type Type } from '../../ir/ops.ts'
import { TLB_FOLD, TLB_MASK, TlbEntry, PAGE_BITS } from '../../mem/tlb.ts'
import * as A from '../../wasm/atomics.ts'
import { type Code, I32 } from '../../wasm/encode.ts'
import * as W from '../../wasm/opcodes.ts'
import { V128_LOAD, V128_STORE } from '../../wasm/simd.ts'

export const accessBytes = (type: Type, memop: number): number => (type === 'v' ? 16 : 1 << (memop & MemOp.SIZE))

/** Leaves the address of the TLB entry for the address in local `addr` (i64). `tlb` leaves the table's on the stack. */
export function emitEntry(f: Code, addr: number, tlb: () => void): void {
  tlb()
  f.get(addr).op(W.I32_WRAP_I64).i32c(PAGE_BITS - TlbEntry.BITS).op(W.I32_SHR_U).i32c(TLB_MASK).op(W.I32_AND)
  f.get(addr).op(W.I32_WRAP_I64).i32c(PAGE_BITS).op(W.I32_SHR_U).i32c(TLB_FOLD).op(W.I32_AND).op(W.I32_XOR).op(W.I32_ADD)
}

/** Leaves 1 on the stack if an access of `bytes` (a number, or a local of one) at the address in local `addr` (i64) is direct:
 * all of it lies in a page that may be accessed so, and it is aligned if `aligned` says that it must be. Sets local `entry`. */
export function emitHit(
  f: Code, kind: number, bytes: number | { readonly local: number }, aligned: boolean, addr: number, entry: number, tlb: () => void,
): void {
  emitEntry(f, addr, tlb)
  f.tee(entry).load(W.I64_LOAD, kind)
  emitTag(f, bytes, aligned, addr)
  f.op(W.I64_EQ)
}

/** What an entry's tag must be: the page of the last byte, which the entry of the first byte's page has only where they are
 * one page (see TLB_MASK). */
function emitTag(f: Code, bytes: number | { readonly local: number }, aligned: boolean, addr: number): void {
  f.get(addr)
  if (typeof bytes !== 'number') f.get(bytes.local).op(W.I64_EXTEND_I32_U).op(W.I64_ADD).i64c(1, 0).op(W.I64_SUB)
  else if (bytes > 1 && !aligned) f.i64c(bytes - 1, 0).op(W.I64_ADD)
  f.i64c(-(1 << PAGE_BITS) | (typeof bytes === 'number' && aligned ? bytes - 1 : 0), -1).op(W.I64_AND)
}

/** Leaves the host address of `bytes` from the address in local `addr` on if they lie in one page that may be accessed
 * directly, else 0. */
export function emitSpan(f: Code, kind: number, bytes: number, addr: number, entry: number, tlb: () => void): void {
  emitHit(f, kind, bytes, false, addr, entry, tlb)
  f.likely().if(I32)
  emitHost(f, addr, entry)
  f.else().i32c(0).end()
}

/** Leaves the host address of a hit on the stack. */
export function emitHost(f: Code, addr: number, entry: number): void {
  f.get(addr).op(W.I32_WRAP_I64).get(entry).load(W.I32_LOAD, TlbEntry.ADDEND).op(W.I32_ADD)
}

const loads = {
  l: [[W.I64_LOAD8_U, W.I64_LOAD16_U, W.I64_LOAD32_U, W.I64_LOAD], [W.I64_LOAD8_S, W.I64_LOAD16_S, W.I64_LOAD32_S, W.I64_LOAD]],
  i: [[W.I32_LOAD8_U, W.I32_LOAD16_U, W.I32_LOAD, W.I32_LOAD], [W.I32_LOAD8_S, W.I32_LOAD16_S, W.I32_LOAD, W.I32_LOAD]],
} as const

/** The plain load of a hit: host address on the stack, value left there. */
export function emitLoad(f: Code, type: Type, memop: number, offset = 0): void {
  if (type === 'd') return void f.load(W.F64_LOAD, offset, 0)
  if (type === 'f') return void f.load(W.F32_LOAD, offset, 0)
  if (type === 'v') return void f.load(V128_LOAD, offset, 0)
  f.load(loads[type][memop & MemOp.SIGNED ? 1 : 0][memop & MemOp.SIZE]!, offset, 0)
}

const stores = {
  l: [W.I64_STORE8, W.I64_STORE16, W.I64_STORE32, W.I64_STORE],
  i: [W.I32_STORE8, W.I32_STORE16, W.I32_STORE, W.I32_STORE],
} as const

/** The plain store of a hit: host address and value on the stack. */
export function emitStore(f: Code, type: Type, memop: number, offset = 0): void {
  if (type === 'd') return void f.store(W.F64_STORE, offset, 0)
  if (type === 'f') return void f.store(W.F32_STORE, offset, 0)
  if (type === 'v') return void f.store(V128_STORE, offset, 0)
  f.store(stores[type][memop & MemOp.SIZE]!, offset, 0)
}

const swaps = [
  [A.I64_ATOMIC_RMW8_XCHG_U, A.I64_ATOMIC_RMW8_ADD_U, A.I64_ATOMIC_RMW8_XOR_U, A.I64_ATOMIC_RMW8_AND_U, A.I64_ATOMIC_RMW8_OR_U],
  [A.I64_ATOMIC_RMW16_XCHG_U, A.I64_ATOMIC_RMW16_ADD_U, A.I64_ATOMIC_RMW16_XOR_U, A.I64_ATOMIC_RMW16_AND_U, A.I64_ATOMIC_RMW16_OR_U],
  [A.I64_ATOMIC_RMW32_XCHG_U, A.I64_ATOMIC_RMW32_ADD_U, A.I64_ATOMIC_RMW32_XOR_U, A.I64_ATOMIC_RMW32_AND_U, A.I64_ATOMIC_RMW32_OR_U],
  [A.I64_ATOMIC_RMW_XCHG, A.I64_ATOMIC_RMW_ADD, A.I64_ATOMIC_RMW_XOR, A.I64_ATOMIC_RMW_AND, A.I64_ATOMIC_RMW_OR],
] as const
const atomicLoads = [A.I64_ATOMIC_LOAD8_U, A.I64_ATOMIC_LOAD16_U, A.I64_ATOMIC_LOAD32_U, A.I64_ATOMIC_LOAD] as const
const compareSwaps = [A.I64_ATOMIC_RMW8_CMPXCHG_U, A.I64_ATOMIC_RMW16_CMPXCHG_U, A.I64_ATOMIC_RMW32_CMPXCHG_U, A.I64_ATOMIC_RMW_CMPXCHG] as const
const extensions = [W.I64_EXTEND8_S, W.I64_EXTEND16_S, W.I64_EXTEND32_S] as const

/** Sign-extends the value on the stack from the size of an access. */
function extend(f: Code, memop: number): void {
  const size = memop & MemOp.SIZE
  if (size < 3) f.op(extensions[size]!)
}

/** Atomic read-modify-write of a hit on i64 operands: locals `host` (i32) and `value` (i64); the old value, zero- or
 * sign-extended as `memop` says, is left on the stack. Minimum and maximum are compare-and-swap loops. */
export function emitAmo(f: Code, kind: number, memop: number, host: number, value: number, old: number, i64: number): void {
  const size = memop & MemOp.SIZE, direct = swaps[size]![kind]
  if (direct !== undefined) {
    f.get(host).get(value).mem(direct)
  } else {
    const operand = (local: number) => {
      f.get(local)
      extend(f, memop)
    }
    const compare = [W.I64_LE_S, W.I64_GE_S, W.I64_LE_U, W.I64_GE_U][kind - swaps[size]!.length]!
    f.get(host).load(atomicLoads[size]!).set(old)
    const again = f.loop()
    f.get(host).get(old)
    f.get(old).get(value)
    operand(old)
    operand(value)
    // Sign extension keeps the unsigned order of narrower values too.
    f.op(compare).select()
    f.mem(compareSwaps[size]!).tee(i64).get(old).op(W.I64_NE)
    f.if()
    f.get(i64).set(old).br(again)
    f.end()
    f.end()
    f.get(old)
  }
  if (memop & MemOp.SIGNED) extend(f, memop)
}

/** Compare and swap of a hit: locals `host`, `expected`, `value`; the old value is left on the stack. */
export function emitCas(f: Code, memop: number, host: number, expected: number, value: number): void {
  const size = memop & MemOp.SIZE
  f.get(host).get(expected)
  if (size < 3) f.i64c(size === 2 ? -1 : size === 1 ? 0xffff : 0xff, 0).op(W.I64_AND)
  f.get(value).mem(compareSwaps[size]!)
  if (memop & MemOp.SIGNED) extend(f, memop)
}

/** The kind of TLB tag that a load needs. */
export const loadTag = (memop: number): number => (memop & MemOp.UPDATE ? TlbEntry.WRITE : TlbEntry.READ)
