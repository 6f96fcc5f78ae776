// Runtime helpers: instructions on bits that the intermediate representation has no operation for. On halves of 32 bits.
import { vcpuCore } from '../isa.ts'
import { layoutOf } from '../../state/layout.ts'
import { Call } from './cpu.ts'

const core = layoutOf(vcpuCore).offsets
const word = new Int32Array(1), number = new Float32Array(word.buffer)
const isNaN32 = (bits: number): boolean => (bits & 0x7fffffff) > 0x7f800000
const ARGS = core.args >> 2, RESULT = core.result >> 2

/** Runs helper `helper` of a processor whose state begins at word `w`. */
export function callBits(i32: Int32Array, w: number, helper: number): void {
  const a = w + ARGS, r = w + RESULT
  if (helper === Call.PDEP) deposit(i32, a, r)
  else if (helper === Call.PEXT) extract(i32, a, r)
  else if (helper === Call.RCP || helper === Call.RSQRT) {
    word[0] = i32[a]!
    number[0] = helper === Call.RCP ? 1 / number[0]! : 1 / Math.sqrt(number[0]!)
    if (Number.isNaN(number[0])) word[0] = isNaN32(i32[a]!) ? i32[a]! | 0x400000 : 0xffc00000 | 0
    i32[r] = word[0]!
    i32[r + 1] = 0
  }
}

/** Bits of the first argument, from the lowest, go where the second has ones. */
function deposit(i32: Int32Array, a: number, r: number): void {
  let from = 0
  for (let half = 0; half < 2; half++) {
    let out = 0
    for (let mask = i32[a + 2 + half]!; mask !== 0; mask &= mask - 1) {
      if ((i32[a + (from >> 5)]! >>> (from & 31)) & 1) out |= mask & -mask
      from++
    }
    i32[r + half] = out
  }
}
/** The other way round. */
function extract(i32: Int32Array, a: number, r: number): void {
  let to = 0
  const out = [0, 0]
  for (let half = 0; half < 2; half++)
    for (let mask = i32[a + 2 + half]!; mask !== 0; mask &= mask - 1) {
      if (i32[a + half]! & mask & -mask) out[to >> 5]! |= 1 << (to & 31)
      to++
    }
  i32[r] = out[0]!
  i32[r + 1] = out[1]!
}
