// From a block of IR to WebAssembly. Pure operations are emitted where they are used, as expression trees; what has an
// effect is emitted where it stands. Guest registers are locals that always hold the architectural value.
import type { Block } from '../../../ir/block.ts'
import { arity, effects, isGet, isSet, MemOp, op, opNames, resultType, rows, type Type } from '../../../ir/ops.ts'
import { PAGE_BITS, TlbEntry } from '../../../mem/tlb.ts'
import { type Code, I32, I64, type Label } from '../../../wasm/encode.ts'
import { emitFloat } from '../../../wasm/float.ts'
import { conditionFirst, emitPure, type Library, valType } from '../../../wasm/lower.ts'
import * as W from '../../../wasm/opcodes.ts'
import type { WasmFeatures } from '../../../wasm/features.ts'
import type { Callee } from '../../../wasm/encode.ts'
import { accessBytes, emitAmo, emitCas, emitHit, emitHost, emitLoad, emitSpan, emitStore, loadTag } from '../access.ts'
import { AccessKind } from '../code.ts'
import type { CoreOffsets } from '../runtime.ts'
import { findGroups, type Group, typeOf } from './groups.ts'

export type SlowName = 'slowLoad' | 'slowStore' | 'slowLoadWide' | 'slowStoreWide' | 'slowAtomic' | 'slowCall' | 'slowFloat'

export type LowerContext = {
  readonly f: Code
  readonly lib: Library
  readonly features: WasmFeatures
  readonly offsets: CoreOffsets & { readonly helper: number; readonly arg: number }
  readonly cpu: number
  readonly tlb: number
  /** Whether accesses are checked together (groups.ts). */
  readonly group: boolean
  /** Local of a guest register. */
  register(index: number): number
  /** The runtime's slow-path functions, imported on first use. */
  slow(name: SlowName): Callee
  /** A fault was noted and the low half of pc stored. */
  readonly fault: Label
  /** Helper and argument are in the state, and the low half of pc. */
  readonly system: Label
}

const local = valType

export class BlockLowering {
  private readonly c: LowerContext
  private readonly b: Block
  /** Local that holds a value, -1 while it has none; uses left; registers that a value not yet computed depends on. */
  private readonly held: Int32Array
  private readonly left: Int32Array
  private readonly needs: Int32Array
  private readonly needsHigh: Int32Array
  private readonly groups: readonly (Group | undefined)[]
  private pending: number[] = []
  private pcLo = 0

  constructor(c: LowerContext, b: Block) {
    this.c = c
    this.b = b
    this.held = new Int32Array(b.n).fill(-1)
    this.left = new Int32Array(b.n)
    this.needs = new Int32Array(b.n)
    this.needsHigh = new Int32Array(b.n)
    this.countUses()
    this.groups = c.group ? findGroups(b) : []
  }

  /** Uses by operations that will be emitted: values that nobody needs count for nothing. */
  private countUses(): void {
    const { b, left } = this
    for (let i = b.n - 1; i >= 0; i--) {
      const o = b.op[i]!
      if (left[i] === 0 && (effects[o] === 'none' || (effects[o] === 'reg' && isGet[o]) || (effects[o] === 'state' && resultType[o])))
        continue
      const k = arity[o]!
      if (k > 0) left[b.a[i]!]!++
      if (k > 1) left[b.b[i]!]!++
      if (k > 2) left[b.c[i]!]!++
    }
  }

  /** Emits the whole block. A branch leaves its condition on the stack, an indirect jump its target. */
  emit(): void {
    for (let i = 0; i < this.b.n; i++) i = this.operation(i)
  }

  private operation(i: number): number {
    const { b } = this, o = b.op[i]!
    switch (effects[o]) {
      case 'mark':
        this.pcLo = (b.pcLo + b.lo[i]!) | 0
        return i
      case 'none':
        this.defer(i)
        return i
      case 'reg':
        if (isGet[o]) this.defer(i)
        else this.set(i)
        return i
      case 'state':
        return this.field(i)
      case 'memory':
        return this.memory(i)
      case 'float':
        return this.float(i)
      case 'call':
        this.c.f.get(this.c.cpu)
        this.value(b.a[i]!)
        this.value(b.b[i]!)
        this.c.f.i32c(b.lo[i]!).call(this.c.slow('slowCall'))
        return this.result(i)
      case 'leave':
        this.value(b.a[i]!)
        this.c.f.unlikely().if()
        this.leave(i)
        this.c.f.end()
        return i
      case 'end':
        this.end(i)
        return i
    }
    throw new Error(`cannot lower ${opNames[o]}`)
  }

  private defer(i: number): void {
    const { b, needs, needsHigh } = this
    if (this.left[i] === 0) return
    const o = b.op[i]!
    if (isGet[o]) {
      const r = b.lo[i]!
      if (r & 32) needsHigh[i] = 1 << (r & 31)
      else needs[i] = 1 << (r & 31)
    } else {
      const k = arity[o]!
      for (let n = 0; n < k; n++) {
        const v = n === 0 ? b.a[i]! : n === 1 ? b.b[i]! : b.c[i]!
        if (this.held[v]! >= 0) continue
        needs[i]! |= needs[v]!
        needsHigh[i]! |= needsHigh[v]!
      }
      if (k === 0) return // a constant
    }
    this.pending.push(i)
  }

  /** Leaves a value on the stack and counts the use. */
  private value(v: number): void {
    const { b, c, held, left } = this, { f } = c, o = b.op[v]!
    const last = --left[v]! === 0
    if (held[v]! >= 0) {
      f.get(held[v]!)
      if (last) f.free(held[v]!)
      return
    }
    if (o === op['i64.const']) return void f.i64c(b.lo[v]!, b.hi[v]!)
    if (o === op['i32.const']) return void f.i32c(b.lo[v]!)
    if (o === op['v.const']) return void f.v128c(b.lo[v]!, b.hi[v]!, b.a[v]!, b.b[v]!)
    if (isGet[o]) return void f.get(c.register(b.lo[v]!))
    this.compute(v)
    if (!last) {
      held[v] = f.temp(local[resultType[o] as Type])
      f.tee(held[v]!)
    }
  }

  private compute(v: number): void {
    const { b } = this, o = b.op[v]!, k = arity[o]!
    if (o === op['v.shuffle'] && this.shuffle(v)) return
    if (conditionFirst(o)) {
      this.value(b.b[v]!)
      this.value(b.c[v]!)
      this.value(b.a[v]!)
    } else {
      if (k > 0) this.value(b.a[v]!)
      if (k > 1) this.value(b.b[v]!)
      if (k > 2) this.value(b.c[v]!)
    }
    emitPure(this.c.f, this.c.lib, o)
  }

  /** Of lanes that are known and there; false if they are not. */
  private shuffle(v: number): boolean {
    const { b } = this, mask = b.c[v]!
    if (b.op[mask] !== op['v.const']) return false
    const words = [b.lo[mask]!, b.hi[mask]!, b.a[mask]!, b.b[mask]!]
    const lanes = Array.from({ length: 16 }, (_, i) => (words[i >> 2]! >>> (8 * (i & 3))) & 0xff)
    if (lanes.some(n => n > 31)) return false
    this.left[mask]!--
    this.value(b.a[v]!)
    this.value(b.b[v]!)
    this.c.f.shuffle(lanes)
    return true
  }

  /** Register `r` is about to change: what depends on its old value is computed now. */
  private settle(r: number): void {
    const { needs, needsHigh, held, left, c, b } = this
    const bit = 1 << (r & 31), high = (r & 32) !== 0
    let kept = 0
    for (const v of this.pending) {
      if (left[v] === 0 || held[v]! >= 0) continue
      if ((high ? needsHigh[v]! : needs[v]!) & bit) {
        const t = c.f.temp(local[resultType[b.op[v]!] as Type])
        this.valueInto(v, t)
        held[v] = t
      } else this.pending[kept++] = v
    }
    this.pending.length = kept
  }

  private valueInto(v: number, t: number): void {
    const { b, c } = this
    if (isGet[b.op[v]!]) c.f.get(c.register(b.lo[v]!))
    else this.compute(v)
    c.f.set(t)
  }

  private set(i: number): void {
    const { b, c } = this
    this.value(b.a[i]!)
    this.settle(b.lo[i]!)
    c.f.set(c.register(b.lo[i]!))
  }

  /** The result of operation `i` is on the stack: into the register that the next operation sets, or a temporary. */
  private result(i: number): number {
    const { b, c, left } = this, next = i + 1
    if (left[i] === 0) {
      c.f.drop()
      return i
    }
    if (left[i] === 1 && next < b.n && isSet[b.op[next]!] && b.a[next] === i) {
      left[i] = 0
      this.settle(b.lo[next]!)
      c.f.set(c.register(b.lo[next]!))
      return next
    }
    this.held[i] = c.f.temp(local[resultType[b.op[i]!] as Type])
    c.f.set(this.held[i]!)
    return i
  }

  private field(i: number): number {
    const { b, c } = this, { f } = c, o = b.op[i]!, offset = b.lo[i]!
    if (resultType[o]) {
      if (this.left[i] === 0) return i
      f.get(c.cpu).load(o === op['field.l'] ? W.I64_LOAD : o === op['field.i'] ? W.I32_LOAD : W.I32_LOAD8_U, offset)
      return this.result(i)
    }
    f.get(c.cpu)
    this.value(b.a[i]!)
    f.store(o === op['setfield.l'] ? W.I64_STORE : o === op['setfield.i'] ? W.I32_STORE : W.I32_STORE8, offset)
    return i
  }

  /** Leaves the address, base plus displacement, in a new temporary. */
  private address(i: number): number {
    const { b, c } = this, { f } = c, t = f.temp(I64), disp = b.hi[i]!
    this.value(b.a[i]!)
    if (disp) f.i64c(disp, disp >> 31).op(W.I64_ADD)
    f.set(t)
    return t
  }

  private memory(i: number): number {
    const { b, c } = this, { f } = c, o = b.op[i]!
    if (o === op.fence) {
      f.fence()
      return i
    }
    if (o === op.amo || o === op.cas) return this.atomic(i)
    if (o === op.fill || o === op.copy) return this.elements(i)
    const group = this.groups[i]
    if (group && (group.members > 1 || group.host >= 0)) return this.grouped(i, group)
    const memop = b.lo[i]! & 0xff, bytes = accessBytes(typeOf(o), memop), addr = this.address(i), entry = f.temp(I32)
    const tlb = () => void f.get(c.tlb), aligned = (memop & MemOp.ALIGNED) !== 0
    if (resultType[o]) {
      const t = resultType[o] as Type
      emitHit(f, loadTag(memop), bytes, aligned, addr, entry, tlb)
      f.likely().if(valType[t])
      emitHost(f, addr, entry)
      emitLoad(f, t, memop)
      f.else()
      f.get(c.cpu).get(addr)
      this.slowLoad(t, memop)
      f.end()
      f.free(addr).free(entry)
      return this.result(i)
    }
    const v = b.b[i]!, t = this.b.typeOf(v) as Type
    const value = f.temp(local[t])
    this.value(v)
    f.set(value)
    emitHit(f, TlbEntry.WRITE, bytes, aligned, addr, entry, tlb)
    f.likely().if()
    emitHost(f, addr, entry)
    f.get(value)
    emitStore(f, t, memop)
    f.else()
    f.get(c.cpu).get(addr).get(value)
    this.slowStore(t, memop)
    f.end()
    f.free(addr).free(entry).free(value)
    return i
  }

  /** State and address are on the stack; the value is left there. */
  private slowLoad(t: Type, memop: number): void {
    const { f, slow, fault } = this.c, wide = t === 'v'
    f.i32c(memop | AccessKind.LOAD | (wide ? AccessKind.WIDE : 0)).i32c(this.pcLo).call(slow(wide ? 'slowLoadWide' : 'slowLoad')).unlikely().brIf(fault)
    this.fromBits(t)
  }
  /** State, address and value are on the stack. */
  private slowStore(t: Type, memop: number): void {
    const { f, slow, fault } = this.c, wide = t === 'v'
    this.toBits(t)
    f.i32c(memop | AccessKind.STORE | (wide ? AccessKind.WIDE : 0)).i32c(this.pcLo).call(slow(wide ? 'slowStoreWide' : 'slowStore')).unlikely().brIf(fault)
  }

  /** Of a string: as many elements as lie in the pages that it has come to. */
  private elements(i: number): number {
    const { b, c } = this, { f } = c, copies = b.op[i] === op.copy, memop = b.lo[i]! & MemOp.SIZE, bytes = 1 << memop
    const [to, from, left] = [f.temp(I64), f.temp(I64), f.temp(I64)] as const, entry = f.temp(I32), source = f.temp(I32), n = f.temp(I32)
    const tlb = () => void f.get(c.tlb)
    this.value(b.a[i]!)
    f.set(to)
    this.value(b.b[i]!)
    f.set(from)
    this.value(b.c[i]!)
    f.set(left)
    emitHit(f, TlbEntry.WRITE, bytes, false, to, entry, tlb)
    if (copies) {
      emitHit(f, TlbEntry.READ, bytes, false, from, source, tlb)
      f.op(W.I32_AND)
    }
    f.likely().if(I64)
    this.least(n, left, [to, ...(copies ? [from] : [])], memop)
    emitHost(f, to, entry)
    f.set(entry)
    if (copies) {
      emitHost(f, from, source)
      f.set(source)
      // A copy that reads what it has written goes element by element.
      f.i32c(1).get(n).get(entry).get(source).op(W.I32_SUB).get(n).i32c(memop).op(W.I32_SHL).op(W.I32_LT_U).select().set(n)
      f.get(entry).get(source).get(n).i32c(memop).op(W.I32_SHL).memoryCopy()
    } else {
      f.get(entry).get(from)
      // The same in each element of 64 bits.
      for (let size = memop; size < 3; size++) {
        if (size === memop) f.i64c(memop === 2 ? -1 : memop === 1 ? 0xffff : 0xff, 0).op(W.I64_AND).tee(from)
        f.get(from).i64c(8 << size, 0).op(W.I64_SHL).op(W.I64_OR).tee(from)
      }
      f.get(n).i32c(memop).op(W.I32_SHL).call(c.lib.get('fill', [I32, I64, I32], [], fillMemory))
    }
    f.get(n).op(W.I64_EXTEND_I32_U)
    f.else()
    if (copies) {
      f.get(c.cpu).get(from)
      this.slowLoad('l', memop)
      f.set(from)
    }
    f.get(c.cpu).get(to).get(from)
    this.slowStore('l', memop)
    f.i64c(1, 0)
    f.end()
    for (const t of [to, from, left, entry, source, n]) f.free(t)
    return this.result(i)
  }
  /** Sets `n` to a count, but no more than lie between each address and the end of its page. */
  private least(n: number, count: number, addresses: readonly number[], memop: number): void {
    const { f } = this.c, room = f.temp(I32)
    f.get(count).i64c(1 << PAGE_BITS, 0).get(count).i64c(1 << PAGE_BITS, 0).op(W.I64_LT_U).select().op(W.I32_WRAP_I64).set(n)
    for (const addr of addresses) {
      f.i32c(1 << PAGE_BITS).get(addr).op(W.I32_WRAP_I64).i32c((1 << PAGE_BITS) - 1).op(W.I32_AND).op(W.I32_SUB)
      f.i32c(memop).op(W.I32_SHR_U).tee(room).get(n).get(room).get(n).op(W.I32_LT_U).select().set(n)
    }
    f.free(room)
  }

  /** One of several accesses to the same page. */
  private grouped(i: number, g: Group): number {
    const { b, c } = this, { f } = c, o = b.op[i]!, memop = b.lo[i]! & 0xff, base = c.register(g.register)
    this.left[b.a[i]!]!--
    const address = (disp: number) => {
      f.get(base)
      if (disp) f.i64c(disp, disp >> 31).op(W.I64_ADD)
    }
    if (g.host < 0) {
      const addr = f.temp(I64), entry = f.temp(I32)
      g.host = f.temp(I32)
      address(g.first)
      f.set(addr)
      emitSpan(f, g.write ? TlbEntry.WRITE : TlbEntry.READ, g.end - g.first, addr, entry, () => void f.get(c.tlb))
      f.set(g.host).free(addr).free(entry)
    }
    const offset = b.hi[i]! - g.first, last = --g.members === 0
    if (resultType[o]) {
      const t = resultType[o] as Type
      f.get(g.host).likely().if(valType[t])
      f.get(g.host)
      emitLoad(f, t, memop, offset)
      f.else()
      f.get(c.cpu)
      address(b.hi[i]!)
      this.slowLoad(t, memop)
      f.end()
      if (last) f.free(g.host)
      return this.result(i)
    }
    const v = b.b[i]!, t = this.b.typeOf(v) as Type, value = f.temp(local[t])
    this.value(v)
    f.set(value)
    f.get(g.host).likely().if()
    f.get(g.host).get(value)
    emitStore(f, t, memop, offset)
    f.else()
    f.get(c.cpu)
    address(b.hi[i]!)
    f.get(value)
    this.slowStore(t, memop)
    f.end()
    f.free(value)
    if (last) f.free(g.host)
    return i
  }

  private atomic(i: number): number {
    const { b, c } = this, { f } = c, o = b.op[i]!, memop = b.lo[i]! & 0xff, amo = b.lo[i]! >> 8
    const addr = this.address(i), entry = f.temp(I32), host = f.temp(I32), x = f.temp(I64), y = f.temp(I64), z = f.temp(I64)
    this.value(b.b[i]!)
    f.set(x)
    if (o === op.cas) {
      this.value(b.c[i]!)
      f.set(y)
    }
    emitHit(f, TlbEntry.WRITE, accessBytes('l', memop), true, addr, entry, () => void f.get(c.tlb))
    f.likely().if(I64)
    emitHost(f, addr, entry)
    f.set(host)
    if (o === op.cas) emitCas(f, memop, host, x, y)
    else emitAmo(f, amo, memop, host, x, y, z)
    f.else()
    f.get(c.cpu).get(addr).get(x)
    if (o === op.cas) f.get(y)
    else f.i64c(0, 0)
    f.i32c(memop | (amo << 8) | (o === op.cas ? AccessKind.CAS : AccessKind.AMO)).i32c(this.pcLo)
    f.call(c.slow('slowAtomic')).unlikely().brIf(c.fault)
    f.end()
    for (const t of [addr, entry, host, x, y, z]) f.free(t)
    return this.result(i)
  }

  private float(i: number): number {
    const { b, c } = this, { f } = c, o = b.op[i]!, sig = rows[o]!.sig, k = arity[o]!
    const operands: number[] = []
    for (let n = 0; n < k; n++) {
      const t = f.temp(local[sig[n] as Type])
      this.value(n === 0 ? b.a[i]! : n === 1 ? b.b[i]! : b.c[i]!)
      f.set(t)
      operands.push(t)
    }
    emitFloat(f, c.features, o, b.lo[i]!, operands, () => {
      f.get(c.cpu)
      for (let n = 0; n < 3; n++) {
        if (n < k) {
          f.get(operands[n]!)
          this.toBits(sig[n] as Type)
        } else f.i64c(0, 0)
      }
      f.i32c(o).i32c(b.lo[i]!).call(c.slow('slowFloat'))
      this.fromBits(resultType[o] as Type)
    })
    for (const t of operands) f.free(t)
    return this.result(i)
  }

  private toBits(t: Type): void {
    const { f } = this.c
    if (t === 'i') f.op(W.I64_EXTEND_I32_U)
    else if (t === 'd') f.op(W.I64_REINTERPRET_F64)
    else if (t === 'f') f.op(W.I32_REINTERPRET_F32).op(W.I64_EXTEND_I32_U)
  }

  private fromBits(t: Type): void {
    const { f } = this.c
    if (t === 'i') f.op(W.I32_WRAP_I64)
    else if (t === 'd') f.op(W.F64_REINTERPRET_I64)
    else if (t === 'f') f.op(W.I32_WRAP_I64).op(W.F32_REINTERPRET_I32)
  }

  private leave(i: number): void {
    const { b, c } = this, { f } = c
    f.get(c.cpu).i32c(this.pcLo).store(W.I32_STORE, c.offsets.pc)
    f.get(c.cpu).i32c(b.lo[i]!).store(W.I32_STORE, c.offsets.helper)
    f.get(c.cpu).i32c(b.hi[i]!).store(W.I32_STORE, c.offsets.arg)
    f.br(c.system)
  }

  private end(i: number): void {
    const { b } = this, o = b.op[i]!
    if (o === op.system) this.leave(i)
    else if (o === op.branch || o === op.jumpto) this.value(b.a[i]!)
  }
}

/** Parameters: an address, eight bytes, and how many bytes to fill with them, over and over. */
function fillMemory(f: Code): void {
  const at = 0, v = 1, bytes = 2, rest = f.local(I32)
  const done = f.block()
  f.get(bytes).i32c(7).op(W.I32_AND).set(rest)
  f.get(bytes).i32c(-8).op(W.I32_AND).get(at).op(W.I32_ADD).set(bytes)
  const whole = f.block(), again = f.loop()
  f.get(at).get(bytes).op(W.I32_EQ).brIf(whole)
  f.get(at).get(v).store(W.I64_STORE, 0, 0)
  f.get(at).i32c(8).op(W.I32_ADD).set(at).br(again)
  f.end().end()
  const single = f.loop()
  f.get(rest).op(W.I32_EQZ).brIf(done)
  f.get(at).get(v).store(W.I64_STORE8)
  f.get(v).i64c(8, 0).op(W.I64_SHR_U).set(v)
  f.get(at).i32c(1).op(W.I32_ADD).set(at)
  f.get(rest).i32c(1).op(W.I32_SUB).set(rest).br(single)
  f.end()
  f.end()
}
