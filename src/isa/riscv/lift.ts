// Lifts one basic block of RV64 code to IR: instructions up to the first that changes control flow or is left
// to the processor code, or until the limit or the end of the readable bytes.
import type { Builder } from '../../ir/build.ts'
import type { Code, LiftLimits } from '../isa.ts'
import { decode16, decode32, lengthOf } from './decode.ts'
import { Emit } from './emit.ts'

// The builder that lifting functions see shares its block with the caller's.
const emitters = new WeakMap<Builder, Emit>()

function emitterFor(g: Builder): Emit {
  let e = emitters.get(g)
  if (e?.block !== g.block) emitters.set(g, e = new Emit(g.block, g.fold))
  return e
}

/** The instruction at `offset`, of which `low` is the first half; undefined where its bytes cannot be had. */
function fetch(code: Code, offset: number, low: number): number | undefined {
  if (lengthOf(low) === 2) return low
  const high = code.u16(offset + 2)
  return high < 0 ? undefined : low | (high << 16)
}

export function lift(g: Builder, code: Code, mode: number, limits: LiftLimits): void {
  const e = emitterFor(g), { block } = g
  e.begin(block.pcLo, block.pcHi)
  e.mode = mode
  const end = limits.endOffset ?? Infinity
  for (let n = 0; n < limits.maxInsns && !e.ended && block.sizeBytes < end; n++) {
    const offset = block.sizeBytes, low = code.u16(offset)
    if (low < 0) break
    const word = fetch(code, offset, low)
    if (word === undefined) break
    e.insn(e.length = lengthOf(low))
    e.word = word
    const decoder = e.length === 2 ? decode16 : decode32
    const row = decoder.find(word)
    if (row >= 0) decoder.rows[row]!.lift(e, decoder.extract(row, word))
    else e.illegal()
  }
  if (block.n > 0 && !e.ended) e.jump(e.next())
}
