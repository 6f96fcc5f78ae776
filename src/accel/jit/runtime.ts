// The runtime module, generated at start-up: the interpreter with its dispatcher, and the slow-path functions that compiled
// regions import. One instance per processor.
import type { FpStack } from '../../ir/fp-stack.ts'
import { MemOp } from '../../ir/ops.ts'
import { JUMP_MASK, JumpEntry, TlbEntry } from '../../mem/tlb.ts'
import { type Code, I32, I64, type Label, moduleBuilder, V128 } from '../../wasm/encode.ts'
import type { WasmFeatures } from '../../wasm/features.ts'
import { emitX87 } from '../../wasm/x87.ts'
import { Library } from '../../wasm/lower.ts'
import * as W from '../../wasm/opcodes.ts'
import { V128_LOAD, V128_STORE } from '../../wasm/simd.ts'
import { emitHit, emitHost, emitLoad, emitStore } from './access.ts'
import { Answer, FIRST_RECORD, SLOT_BITS } from './code.ts'
import { emitPoll } from './poll.ts'
import { emitHandler } from './tier0/handlers.ts'
import { Record, recordOps } from './tier0/records.ts'

/** Byte offsets of the core fields (isa.ts, vcpuCore). */
export type CoreOffsets = { readonly [N in 'exitRequest' | 'pc' | 'mode' | 'tlb' | 'jumpCache' | 'args' | 'result' | 'fuel']: number }

/** What the interpreter and compiled code call; `rec` is a record's address, `desc` a slow access (code.ts). */
export type RuntimeImports = {
  /** A memory record that missed: does the access; 1 if it faulted (and the fault was delivered). */
  slow(rec: number): number
  system(rec: number): void
  call(rec: number): void
  fp(rec: number): void
  /** Code for the pc in the state; `rec`, if it is a goto record, may be linked. 0: leave. */
  lookup(rec: number): number
  hot(rec: number): void
  deliver(): void
  systemPending(): void
  /** A compiled region's access that missed: address and operands in args, value to result; 1 on a fault (noted). */
  slowAccess(desc: number): number
  fpCompiled(row: number, env: number): void
  callCompiled(helper: number): void
}
export type RuntimeExports = {
  /** Runs from a code number (0: from the pc in the state) until JavaScript is wanted. */
  run(cpu: number, code: number): number
}
const importTypes: { [N in keyof RuntimeImports]: [params: number, results: number] } = {
  slow: [1, 1], system: [1, 0], call: [1, 0], fp: [1, 0], lookup: [1, 1], hot: [1, 0], deliver: [0, 0], systemPending: [0, 0],
  slowAccess: [1, 1], fpCompiled: [2, 0], callCompiled: [1, 0],
}

/** `shared`: with a thread per processor. Otherwise all of them run on one thread, and their code needs fuel. */
export type MemoryShape = { readonly min: number; readonly max: number; readonly shared: boolean }

/** `stack`: helpers of which the code does the common case by itself. */
export function buildRuntime(
  offsets: CoreOffsets, features: WasmFeatures, memory: MemoryShape, stack?: FpStack,
): Uint8Array<ArrayBuffer> {
  const m = moduleBuilder('runtime')
  m.importMemory('env', 'memory', memory)
  const table = m.importTable('env', 'table', { min: 1 })
  const ints = (n: number) => Array.from({ length: n }, () => I32)
  const imports = Object.fromEntries(Object.entries(importTypes).map(([name, [p, r]]) =>
    [name, m.importFunction('env', name, m.type(ints(p), ints(r)))])) as { [N in keyof RuntimeImports]: ReturnType<typeof m.importFunction> }
  const lib = new Library(m), x87 = stack && emitX87(m, lib, stack)
  const compiledType = m.type([I32, I32], [I32])

  const f = m.function(m.type([I32, I32], [I32]), { name: 'run', export: 'run' })
  const cpu = 0, code = 1, rec = f.local(I32), pc = f.local(I64), entry = f.local(I32)
  const exit = f.block()
  const again = f.loop() // with `code`
  const dispatch = f.block()
  const compiled = f.block()
  // An even code number that is a record: interpret. 0 comes from the caller: dispatch.
  f.get(code).i32c(1).op(W.I32_AND).brIf(compiled)
  f.get(code).op(W.I32_EQZ)
  f.if()
  f.i32c(0).set(rec).br(dispatch)
  f.end()
  f.get(code).set(rec)
  const next = f.loop()
  const labels: Label[] = recordOps.map(() => f.block()).reverse()
  f.get(rec).load(W.I32_LOAD16_U, Record.OP).brTable(labels, labels[0]!)
  for (const r of recordOps) {
    f.end()
    emitHandler({ f, lib, x87, features, cpu, rec, next, dispatch, compiled, code, imports, exit, offsets, memory }, r)
  }
  f.end() // next
  f.unreachable()
  f.end() // compiled: `code` is an entry of a region
  f.get(cpu).get(code).get(code).i32c(1).op(W.I32_SHR_U).i32c((1 << SLOT_BITS) - 1).op(W.I32_AND)
  f.callIndirect(compiledType, table).tee(code)
  f.i32c(FIRST_RECORD).op(W.I32_GE_U).brIf(again)
  f.i32c(0).set(rec)
  f.get(code).i32c(Answer.FAULT).op(W.I32_EQ).if()
  f.call(imports.deliver).end()
  f.get(code).i32c(Answer.SYSTEM).op(W.I32_EQ).if()
  f.call(imports.systemPending).end()
  f.get(code).i32c(Answer.EXIT).op(W.I32_EQ).if()
  f.i32c(0).return().end()
  f.get(code).i32c(Answer.LOOKUP).op(W.I32_EQ).if()
  f.i32c(0).call(imports.lookup).tee(code).brIf(again)
  f.i32c(0).return().end()
  // A trap may lead straight back into compiled code, which polls at its back edges only.
  emitPoll(f, cpu, offsets, memory).if()
  f.i32c(0).return().end()
  f.end() // dispatch: by the pc in the state
  f.get(cpu).load(W.I64_LOAD, offsets.pc).set(pc)
  jumpEntry(f, cpu, pc, entry, offsets)
  f.if(I32)
  f.get(entry).load(W.I32_LOAD, JumpEntry.CODE).else()
  f.get(rec).call(imports.lookup).end()
  f.tee(code).brIf(again)
  f.i32c(0).return()
  f.end() // again
  f.end() // exit: at a record
  f.get(rec)

  // For compiled regions: the address, and at a fault the low half of the pc, go into the state.
  const slow = m.function(m.type([I32, I64, I32, I32], [I64, I32]), { name: 'slowLoad', export: 'slowLoad' })
  const missed = slow.local(I32)
  nearLoad(slow, offsets)
  slow.get(0).get(1).store(W.I64_STORE, offsets.args)
  slow.get(2).call(imports.slowAccess).tee(missed)
  slow.if()
  slow.get(0).get(3).store(W.I32_STORE, offsets.pc).end()
  slow.get(0).load(W.I64_LOAD, offsets.result).get(missed)
  const store = m.function(m.type([I32, I64, I64, I32, I32], [I32]), { name: 'slowStore', export: 'slowStore' })
  nearStore(store, offsets)
  store.get(0).get(1).store(W.I64_STORE, offsets.args)
  store.get(0).get(2).store(W.I64_STORE, offsets.args + 8)
  store.get(3).call(imports.slowAccess)
  store.if(I32)
  store.get(0).get(4).store(W.I32_STORE, offsets.pc)
  store.i32c(1).else().i32c(0).end()
  const wideLoad = m.function(m.type([I32, I64, I32, I32], [V128, I32]), { name: 'slowLoadWide', export: 'slowLoadWide' })
  const wideMissed = wideLoad.local(I32)
  nearWideLoad(wideLoad, offsets)
  wideLoad.get(0).get(1).store(W.I64_STORE, offsets.args)
  wideLoad.get(2).call(imports.slowAccess).tee(wideMissed)
  wideLoad.if()
  wideLoad.get(0).get(3).store(W.I32_STORE, offsets.pc).end()
  wideLoad.get(0).load(V128_LOAD, offsets.result).get(wideMissed)
  const wideStore = m.function(m.type([I32, I64, V128, I32, I32], [I32]), { name: 'slowStoreWide', export: 'slowStoreWide' })
  nearWideStore(wideStore, offsets)
  wideStore.get(0).get(1).store(W.I64_STORE, offsets.args)
  wideStore.get(0).get(2).store(V128_STORE, offsets.args + 8)
  wideStore.get(3).call(imports.slowAccess)
  wideStore.if(I32)
  wideStore.get(0).get(4).store(W.I32_STORE, offsets.pc)
  wideStore.i32c(1).else().i32c(0).end()
  const atomic = m.function(m.type([I32, I64, I64, I64, I32, I32], [I64, I32]), { name: 'slowAtomic', export: 'slowAtomic' })
  atomic.get(0).get(1).store(W.I64_STORE, offsets.args)
  atomic.get(0).get(2).store(W.I64_STORE, offsets.args + 8)
  atomic.get(0).get(3).store(W.I64_STORE, offsets.args + 16)
  const faulted = atomic.local(I32)
  atomic.get(4).call(imports.slowAccess).tee(faulted)
  atomic.if()
  atomic.get(0).get(5).store(W.I32_STORE, offsets.pc).end()
  atomic.get(0).load(W.I64_LOAD, offsets.result).get(faulted)
  const call = m.function(m.type([I32, I64, I64, I32], [I64]), { name: 'slowCall', export: 'slowCall' })
  if (x87) {
    const done = call.local(I32)
    call.get(0).get(3).get(1).call(x87).set(done)
    call.get(done).likely().brIf(call.body).drop()
  }
  call.get(0).get(1).store(W.I64_STORE, offsets.args)
  call.get(0).get(2).store(W.I64_STORE, offsets.args + 8)
  call.get(3).call(imports.callCompiled)
  call.get(0).load(W.I64_LOAD, offsets.result)
  // Floats: operands as raw bits; one function, wrapped by the caller.
  const fp = m.function(m.type([I32, I64, I64, I64, I32, I32], [I64]), { name: 'slowFloat', export: 'slowFloat' })
  fp.get(0).get(1).store(W.I64_STORE, offsets.args)
  fp.get(0).get(2).store(W.I64_STORE, offsets.args + 8)
  fp.get(0).get(3).store(W.I64_STORE, offsets.args + 16)
  fp.get(4).get(5).call(imports.fpCompiled)
  fp.get(0).load(W.I64_LOAD, offsets.result)
  return m.finish() as Uint8Array<ArrayBuffer>
}

/** A compiled region's load (state, address, description, pc) that hits all the same: one of a group that does not lie in one
 * page. */
function nearLoad(f: Code, offsets: CoreOffsets): void {
  const cpu = 0, addr = 1, desc = 2, entry = f.local(I32)
  mayRead(f, desc, nearness(f, cpu, addr, desc, entry, offsets))
  f.if()
  const cases = [0, MemOp.SIGNED].flatMap(signed => [0, 1, 2, 3].map(size => size | signed))
  const labels = cases.map(() => f.block()).reverse()
  f.get(desc).i32c(MemOp.SIZE | MemOp.SIGNED).op(W.I32_AND).brTable(labels, labels[0]!)
  for (const memop of cases) {
    f.end()
    emitHost(f, addr, entry)
    emitLoad(f, 'l', memop)
    f.i32c(0).return()
  }
  f.end()
}

/** The same for a store (state, address, value, description, pc). */
function nearStore(f: Code, offsets: CoreOffsets): void {
  const cpu = 0, addr = 1, value = 2, desc = 3, entry = f.local(I32)
  nearness(f, cpu, addr, desc, entry, offsets)(TlbEntry.WRITE)
  f.if()
  const labels = [0, 1, 2, 3].map(() => f.block()).reverse()
  f.get(desc).i32c(MemOp.SIZE).op(W.I32_AND).brTable(labels, labels[0]!)
  for (const memop of [0, 1, 2, 3]) {
    f.end()
    emitHost(f, addr, entry)
    f.get(value)
    emitStore(f, 'l', memop)
    f.i32c(0).return()
  }
  f.end()
}

/** The same of 16 bytes. */
function nearWideLoad(f: Code, offsets: CoreOffsets): void {
  const cpu = 0, addr = 1, desc = 2, entry = f.local(I32)
  mayRead(f, desc, nearness(f, cpu, addr, desc, entry, offsets, true))
  f.if()
  emitHost(f, addr, entry)
  emitLoad(f, 'v', 0)
  f.i32c(0).return()
  f.end()
}
function nearWideStore(f: Code, offsets: CoreOffsets): void {
  const cpu = 0, addr = 1, value = 2, desc = 3, entry = f.local(I32)
  nearness(f, cpu, addr, desc, entry, offsets, true)(TlbEntry.WRITE)
  f.if()
  emitHost(f, addr, entry)
  f.get(value)
  emitStore(f, 'v', 0)
  f.i32c(0).return()
  f.end()
}

/** Leaves 1 if a load is `near`, or the store that follows it. */
function mayRead(f: Code, desc: number, near: (kind: number) => void): void {
  f.get(desc).i32c(MemOp.UPDATE).op(W.I32_AND).if(I32)
  near(TlbEntry.WRITE)
  f.else()
  near(TlbEntry.READ)
  f.end()
}

/** What leaves 1 if the access is direct and need not be aligned. */
function nearness(
  f: Code, cpu: number, addr: number, desc: number, entry: number, offsets: CoreOffsets, wide = false,
): (kind: number) => void {
  const bytes = f.local(I32)
  if (wide) f.i32c(16).set(bytes)
  else f.i32c(1).get(desc).i32c(MemOp.SIZE).op(W.I32_AND).op(W.I32_SHL).set(bytes)
  return kind => {
    emitHit(f, kind, { local: bytes }, false, addr, entry, () => void f.get(cpu).load(W.I32_LOAD, offsets.tlb))
    f.get(desc).i32c(MemOp.ALIGNED).op(W.I32_AND).op(W.I32_EQZ).op(W.I32_AND)
  }
}

/** Sets `entry` to the jump-cache entry of `pc` and leaves 1 if it is for this pc and mode. */
export function jumpEntry(f: Code, cpu: number, pc: number, entry: number, offsets: CoreOffsets): void {
  f.get(cpu).load(W.I32_LOAD, offsets.jumpCache)
  f.get(pc).op(W.I32_WRAP_I64).i32c(1).op(W.I32_SHR_U).get(pc).op(W.I32_WRAP_I64).i32c(14).op(W.I32_SHR_U).op(W.I32_XOR)
  f.i32c(JUMP_MASK).op(W.I32_AND).i32c(JumpEntry.BITS).op(W.I32_SHL).op(W.I32_ADD).tee(entry)
  f.load(W.I64_LOAD, JumpEntry.PC).get(pc).op(W.I64_EQ)
  f.get(entry).load(W.I32_LOAD, JumpEntry.MODE).get(cpu).load(W.I32_LOAD, offsets.mode).op(W.I32_EQ).op(W.I32_AND)
}
