// How long decoding and lifting take per instruction, over a real program's code: the largest executable
// section of an ELF file (64 bits, little-endian): `node bench/riscv-lift.ts [FILE]`.
// Each stretch of code is timed several times and its best time counts, so that a busy machine does no harm.
import { readFileSync } from 'node:fs'
import { Builder } from '../src/ir/build.ts'
import { Mode } from '../src/isa/riscv/cpu.ts'
import { decode16, decode32 } from '../src/isa/riscv/decode.ts'
import { lift } from '../src/isa/riscv/lift.ts'
import { largestCode } from './elf.ts'

const ROUNDS = 20, STRETCH = 8192

const text = largestCode(readFileSync(process.argv[2] ?? '/usr/riscv64-linux-gnu/lib/libc.so.6'))
/** Where each stretch begins, and its instructions. */
const stretches: { readonly at: number; readonly words: number[] }[] = []
for (let at = 0; at + 4 <= text.length;) {
  if (stretches.length === 0 || at - stretches.at(-1)!.at >= STRETCH) stretches.push({ at, words: [] })
  const low = text[at]! | (text[at + 1]! << 8), long = (low & 3) === 3
  stretches.at(-1)!.words.push(long ? low | (text[at + 2]! << 16) | (text[at + 3]! << 24) : low)
  at += long ? 4 : 2
}
const total = stretches.reduce((n, s) => n + s.words.length, 0)

/** Nanoseconds per instruction of `run` over all stretches. */
function time(run: (s: (typeof stretches)[number]) => void): string {
  const best = stretches.map(() => Infinity)
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, s] of stretches.entries()) {
      const start = performance.now()
      run(s)
      best[i] = Math.min(best[i]!, performance.now() - start)
    }
  }
  return (best.reduce((a, b) => a + b) * 1e6 / total).toFixed(1)
}

let unknown = 0, sum = 0
const find = time(({ words }) => {
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    if (((word & 3) === 3 ? decode32 : decode16).find(word) < 0) unknown++
  }
})
const extract = time(({ words }) => {
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!, decoder = (word & 3) === 3 ? decode32 : decode16, row = decoder.find(word)
    if (row >= 0) sum += (decoder.extract(row, word) as { readonly rd: number }).rd
  }
})
const g = new Builder(), mode = (2 << Mode.FS_SHIFT) | Mode.NEAREST
let insns = 0, ops = 0, blocks = 0
let base = 0
const code = {
  u8: (at: number) => text[base + at] ?? -1,
  u16: (at: number) => (base + at + 2 <= text.length ? text[base + at]! | (text[base + at + 1]! << 8) : -1),
}
const lifted = time(({ at }) => {
  for (base = at; base < at + STRETCH;) {
    g.begin(base, 0)
    lift(g, code, mode, { maxInsns: 64 })
    if (g.block.n === 0) break
    base += g.block.sizeBytes
    insns += g.block.insns
    ops += g.block.n
    blocks++
  }
})
console.log(`${total} instructions, ${unknown / ROUNDS} of them unknown (checksum ${sum % 1000})`)
console.log(`ns per instruction: ${find} to find its row, ${extract} with operands, ${lifted} lifted`)
console.log(`${(insns / blocks).toFixed(1)} instructions a block, ${(ops / insns).toFixed(1)} operations an instruction`)
