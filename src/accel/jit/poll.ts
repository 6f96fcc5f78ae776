// Where generated code looks whether it should return to its thread: at block entries, on back edges, before chained jumps.
import { type Code, I32 } from '../../wasm/encode.ts'
import * as W from '../../wasm/opcodes.ts'
import type { CoreOffsets, MemoryShape } from './runtime.ts'

/** Leaves non-zero if it should. On a machine of one thread nobody could ask: there the code runs out of fuel. */
export function emitPoll(f: Code, cpu: number, offsets: CoreOffsets, memory: MemoryShape): Code {
  f.get(cpu).load(W.I32_LOAD, offsets.exitRequest)
  if (memory.shared) return f
  const left = f.temp(I32)
  f.get(cpu).get(cpu).load(W.I32_LOAD, offsets.fuel).i32c(1).op(W.I32_SUB).tee(left).store(W.I32_STORE, offsets.fuel)
  f.get(left).op(W.I32_EQZ).op(W.I32_OR)
  return f.free(left)
}
