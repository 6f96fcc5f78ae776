// Lifts one basic block of x86 code to IR: instructions up to the first that changes control flow or is left to the
// processor code, or until the limit or the end of the readable bytes.
import type { Builder } from '../../ir/build.ts'
import type { Code, LiftLimits } from '../isa.ts'
import { Mode, Vector } from './cpu.ts'
import { Decoded } from './decode.ts'
import { Emit } from './emit.ts'
import { repeatCount } from './string.insn.ts'
import { decoder } from './tables.ts'

// The builder that lifting functions see shares its block with the caller's.
const emitters = new WeakMap<Builder, Emit>()

function emitterFor(g: Builder): Emit {
  let e = emitters.get(g)
  if (e?.block !== g.block) emitters.set(g, e = new Emit(g.block, g.fold))
  return e
}

export const codeBits = (mode: number): number => 16 << (mode & Mode.CODE)
const isReal = (mode: number): boolean => !(mode & Mode.PROTECTED) || (mode & Mode.VM86) !== 0

export function lift(g: Builder, code: Code, mode: number, limits: LiftLimits): void {
  const e = emitterFor(g), { block } = g, { insn } = decoder, bits = codeBits(mode), real = isReal(mode)
  e.begin(block.pcLo, block.pcHi)
  e.mode = mode
  const end = limits.endOffset ?? Infinity, max = mode & Mode.STEP ? 1 : limits.maxInsns
  for (let n = 0; n < max && !e.ended && block.sizeBytes < end; n++) {
    const decoded = decoder.decode(code, block.sizeBytes, bits, real)
    if (decoded === Decoded.NO_BYTES) break
    const { row } = insn
    if (decoded === Decoded.OK && row!.options.string && insn.rep !== 0 && n > 0) return aroundRepeat(e, bits)
    // Flags show in an access and in a way out: jumps have one where CS must be checked.
    if (insn.memory || row?.observes || (mode & Mode.MXCSR_ODD && row?.options.simd) || (row?.jumps && bits !== 64 && !(mode & Mode.FLAT_CS))) e.syncFlags()
    e.startInsn(insn)
    if (mode & Mode.STEP) e.beforeStep()
    if (decoded === Decoded.OK) row!.lift(e)
    else e.fault(decoded === Decoded.TOO_LONG ? Vector.GP : Vector.UD)
  }
  if (block.n === 0 || e.ended) return
  const { lo, hi } = behind(e, bits, 0)
  e.jump(e.i64(lo, hi))
}

/** The address `bytes` behind the block's end. */
function behind({ block }: Emit, bits: number, bytes: number): { lo: number; hi: number } {
  const sum = block.pcLo + block.sizeBytes + bytes
  return { lo: sum | 0, hi: bits === 64 ? (block.pcHi + Math.floor(sum / 0x100000000)) | 0 : 0 }
}

/** A repeated string instruction is a block of its own, for it jumps to itself. What comes before it already goes round it if
 * its count is 0: then nothing leaves generated code. */
function aroundRepeat(e: Emit, bits: number): void {
  const { lo, hi } = behind(e, bits, e.i.length) // the decoder has the string instruction
  e.branchTo(e.eqz(repeatCount(e)), lo, hi)
}
