// The interpreter's handlers: for each record operation the WebAssembly that executes it. A handler ends by setting `rec`
// to the next record and branching to `next`.
import { arity, MemOp, op, resultType, rows, type Type } from '../../../ir/ops.ts'
import { TlbEntry } from '../../../mem/tlb.ts'
import { type Code, type FuncIndex, I32, I64, type Label } from '../../../wasm/encode.ts'
import type { WasmFeatures } from '../../../wasm/features.ts'
import { emitFloat } from '../../../wasm/float.ts'
import { conditionFirst, emitPure, type Library, valType } from '../../../wasm/lower.ts'
import * as W from '../../../wasm/opcodes.ts'
import { V128_LOAD, V128_STORE } from '../../../wasm/simd.ts'
import type { MemOp as WasmMemOp } from '../../../wasm/table.ts'
import { accessBytes, emitAmo, emitCas, emitHit, emitHost, emitLoad, emitStore, loadTag } from '../access.ts'
import { emitPoll } from '../poll.ts'
import type { CoreOffsets, MemoryShape } from '../runtime.ts'
import { Record, type RecordOp } from './records.ts'

export type HandlerContext = {
  readonly f: Code
  readonly lib: Library
  /** See wasm/x87.ts. */
  readonly x87: Code | undefined
  readonly features: WasmFeatures
  /** Parameters and locals of the interpreter function. */
  readonly cpu: number
  readonly rec: number
  readonly next: Label
  /** Go on at the pc in the state. */
  readonly dispatch: Label
  /** Leave with `code` (an i32 local) as a code number of a compiled region. */
  readonly compiled: Label
  readonly code: number
  readonly imports: { [K in 'slow' | 'system' | 'call' | 'fp' | 'hot']: FuncIndex }
  /** Leave with the record as the place to go on. */
  readonly exit: Label
  readonly offsets: CoreOffsets
  readonly memory: MemoryShape
}

const slotLoad: { [T in Type]: WasmMemOp } = { i: W.I32_LOAD, l: W.I64_LOAD, f: W.F32_LOAD, d: W.F64_LOAD, v: V128_LOAD }
const slotStore: { [T in Type]: WasmMemOp } = { i: W.I32_STORE, l: W.I64_STORE, f: W.F32_STORE, d: W.F64_STORE, v: V128_STORE }

export function emitHandler(c: HandlerContext, r: RecordOp): void {
  const { f } = c
  switch (r.kind) {
    case 'pure': {
      const sig = rows[r.row]!.sig, n = arity[r.row]!
      destination(c)
      const operand = (i: number) => {
        const t = sig[i] as Type
        if (r.immediate && i === n - 1) immediate(c, t, Record.IMM)
        else value(c, i, t)
      }
      if (conditionFirst(r.row)) {
        operand(1)
        operand(2)
        operand(0)
      } else for (let i = 0; i < n; i++) operand(i)
      emitPure(f, c.lib, r.row)
      f.store(slotStore[resultType[r.row] as Type])
      return advance(c)
    }
    case 'branch': {
      const sig = rows[r.row]!.sig, n = arity[r.row]!
      f.get(c.rec).load(W.I32_LOAD, Record.IMM)
      f.get(c.rec).i32c(Record.BYTES).op(W.I32_ADD)
      for (let i = 0; i < n; i++) {
        if (r.immediate && i === n - 1) immediate(c, sig[i] as Type, Record.AUX)
        else value(c, i, sig[i] as Type)
      }
      emitPure(f, c.lib, r.row)
      f.select().set(c.rec).br(c.next)
      return
    }
    case 'memory':
      return memory(c, r.row, r.memop)
    case 'atomic':
      return atomic(c, r.row, r.memop, r.amo)
    case 'float': {
      const sig = rows[r.row]!.sig, n = arity[r.row]!, result = resultType[r.row] as Type
      const locals = Array.from({ length: n }, (_, i) => f.temp(valType[sig[i] as Type]))
      locals.forEach((local, i) => {
        if (i < 2) value(c, i, sig[i] as Type)
        else slotAt(c, Record.AUX).load(slotLoad[sig[i] as Type])
        f.set(local)
      })
      destination(c)
      emitFloat(f, c.features, r.row, r.env, locals, g => {
        // The runtime computes it from the record and stores the result where it belongs; read it back.
        g.get(c.rec).call(c.imports.fp)
        slotAt(c, Record.DST).load(slotLoad[result])
      })
      f.store(slotStore[result])
      for (const local of locals) f.free(local)
      return advance(c)
    }
    case 'control':
      return controlHandler(c, r.name)
  }
}

/** Leaves the address of the slot named by the record's field (16 bits, or the low half of a 32-bit field). */
function slotAt(c: HandlerContext, field: number): Code {
  return c.f.get(c.cpu).get(c.rec).load(W.I32_LOAD16_U, field).op(W.I32_ADD)
}
const destination = (c: HandlerContext) => void slotAt(c, Record.DST)
const operandField = [Record.A, Record.B, Record.IMM]
const value = (c: HandlerContext, i: number, t: Type) => void slotAt(c, operandField[i]!).load(slotLoad[t])

function immediate(c: HandlerContext, t: Type, field: number): void {
  c.f.get(c.rec).load(t === 'l' ? W.I64_LOAD32_S : W.I32_LOAD, field)
}

function advance(c: HandlerContext): void {
  c.f.get(c.rec).i32c(Record.BYTES).op(W.I32_ADD).set(c.rec).br(c.next)
}

function slowAndAdvance(c: HandlerContext): void {
  c.f.get(c.rec).call(c.imports.slow).brIf(c.dispatch)
  advance(c)
}

function memory(c: HandlerContext, row: number, memop: number): void {
  const { f } = c, load = resultType[row] !== '', addr = f.temp(I64), entry = f.temp(I32)
  const t = (load ? resultType[row] : rows[row]!.sig[1]) as Type
  value(c, 0, 'l')
  f.get(c.rec).load(W.I64_LOAD32_S, Record.IMM).op(W.I64_ADD).set(addr)
  const tag = load ? loadTag(memop) : TlbEntry.WRITE, bytes = accessBytes(t, memop)
  emitHit(f, tag, bytes, (memop & MemOp.ALIGNED) !== 0, addr, entry, () => f.get(c.cpu).load(W.I32_LOAD, c.offsets.tlb))
  f.likely().if()
  if (load) {
    destination(c)
    emitHost(f, addr, entry)
    emitLoad(f, t, memop)
    f.store(slotStore[t])
  } else {
    emitHost(f, addr, entry)
    value(c, 1, t)
    emitStore(f, t, memop)
  }
  advance(c)
  f.end()
  slowAndAdvance(c)
  f.free(addr).free(entry)
}

function atomic(c: HandlerContext, row: number, memop: number, amo: number): void {
  const { f } = c, addr = f.temp(I64), entry = f.temp(I32), host = f.temp(I32)
  const x = f.temp(I64), y = f.temp(I64), z = f.temp(I64)
  value(c, 0, 'l')
  f.set(addr)
  emitHit(f, TlbEntry.WRITE, accessBytes('l', memop), true, addr, entry, () => f.get(c.cpu).load(W.I32_LOAD, c.offsets.tlb))
  f.likely().if()
  emitHost(f, addr, entry)
  f.set(host)
  value(c, 1, 'l')
  f.set(x)
  destination(c)
  if (row === op.cas) {
    value(c, 2, 'l')
    f.set(y)
    emitCas(f, memop, host, x, y)
  } else emitAmo(f, amo, memop, host, x, y, z)
  f.store(W.I64_STORE)
  advance(c)
  f.end()
  slowAndAdvance(c)
  for (const local of [addr, entry, host, x, y, z]) f.free(local)
}

function controlHandler(c: HandlerContext, name: string): void {
  const { f } = c
  switch (name) {
    case 'enter': {
      const count = f.temp(I32)
      emitPoll(f, c.cpu, c.offsets, c.memory).brIf(c.exit)
      f.get(c.rec).get(c.rec).load(W.I32_LOAD, Record.IMM).i32c(1).op(W.I32_SUB).tee(count).store(W.I32_STORE, Record.IMM)
      f.get(count).op(W.I32_EQZ).if()
      f.get(c.rec).call(c.imports.hot).end()
      f.free(count)
      return advance(c)
    }
    case 'entry':
      emitPoll(f, c.cpu, c.offsets, c.memory).brIf(c.exit)
      f.get(c.rec).load(W.I32_LOAD, Record.IMM).set(c.code).br(c.compiled)
      return
    case 'stale':
      f.br(c.exit)
      return
    case 'goto':
      f.get(c.cpu).get(c.rec).load(W.I64_LOAD, Record.IMM).store(W.I64_STORE, c.offsets.pc).br(c.dispatch)
      return
    case 'link':
      f.get(c.rec).load(W.I32_LOAD, Record.IMM).set(c.rec).br(c.next)
      return
    case 'jumpto':
      // The record is not a goto that could be linked.
      f.get(c.cpu)
      value(c, 0, 'l')
      f.store(W.I64_STORE, c.offsets.pc)
      f.get(c.rec).get(c.cpu).load(W.I32_LOAD, c.offsets.pc).store(W.I32_STORE, Record.AUX)
      f.i32c(0).set(c.rec).br(c.dispatch)
      return
    case 'branch':
      f.get(c.rec).load(W.I32_LOAD, Record.IMM).get(c.rec).i32c(Record.BYTES).op(W.I32_ADD)
      value(c, 0, 'i')
      f.select().set(c.rec).br(c.next)
      return
    case 'move':
      destination(c)
      value(c, 0, 'l')
      f.store(W.I64_STORE)
      return advance(c)
    case 'movewide':
      destination(c)
      value(c, 0, 'v')
      f.store(V128_STORE)
      return advance(c)
    case 'move32':
      destination(c)
      value(c, 0, 'i')
      f.store(W.I32_STORE)
      return advance(c)
    case 'const':
      destination(c)
      f.get(c.rec).load(W.I64_LOAD, Record.IMM).store(W.I64_STORE)
      return advance(c)
    case 'leaveif':
      value(c, 0, 'i')
      f.op(W.I32_EQZ).if()
      advance(c)
      f.end()
      f.get(c.rec).call(c.imports.system).i32c(0).set(c.rec).br(c.dispatch)
      return
    case 'system':
      f.get(c.rec).call(c.imports.system).i32c(0).set(c.rec).br(c.dispatch)
      return
    case 'call':
      if (c.x87) {
        const result = f.temp(I64)
        f.get(c.cpu).get(c.rec).load(W.I32_LOAD, Record.IMM)
        value(c, 0, 'l')
        const done = f.temp(I32)
        f.call(c.x87).set(done).set(result).get(done).likely().if()
        destination(c)
        f.get(result).store(W.I64_STORE)
        advance(c)
        f.end()
        f.free(result).free(done)
      }
      f.get(c.rec).call(c.imports.call)
      return advance(c)
    case 'float':
      f.get(c.rec).call(c.imports.fp)
      return advance(c)
    case 'fence':
      f.fence()
      return advance(c)
    case 'field8':
      destination(c)
      value8(c)
      f.store(W.I32_STORE)
      return advance(c)
    case 'setfield8':
      destination(c)
      value(c, 0, 'i')
      f.store(W.I32_STORE8)
      return advance(c)
    default:
      throw new Error(`no handler for ${name}`)
  }
}

const value8 = (c: HandlerContext) => void slotAt(c, Record.A).load(W.I32_LOAD8_U)

