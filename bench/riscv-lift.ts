// How long decoding and lifting take per instruction, over a real program's code: the largest executable
// section of an ELF file (64 bits, little-endian): `node bench/riscv-lift.ts [FILE]`.
import { readFileSync } from 'node:fs'
import { Builder } from '../src/ir/build.ts'
import { Mode } from '../src/isa/riscv/cpu.ts'
import { decode16, decode32 } from '../src/isa/riscv/decode.ts'
import { lift } from '../src/isa/riscv/lift.ts'

const ROUNDS = 8

function largestCode(elf: Buffer): Uint8Array {
  const table = Number(elf.readBigUInt64LE(0x28)), count = elf.readUInt16LE(0x3c)
  let best: Uint8Array = new Uint8Array(0)
  for (let i = 0; i < count; i++) {
    const at = table + 64 * i, PROGBITS = 1, EXECINSTR = 4n
    if (elf.readUInt32LE(at + 4) !== PROGBITS || !(elf.readBigUInt64LE(at + 8) & EXECINSTR)) continue
    const from = Number(elf.readBigUInt64LE(at + 24)), size = Number(elf.readBigUInt64LE(at + 32))
    if (size > best.length) best = elf.subarray(from, from + size)
  }
  return best
}

const text = largestCode(readFileSync(process.argv[2] ?? '/usr/riscv64-linux-gnu/lib/libc.so.6'))
const words: number[] = []
for (let at = 0; at + 4 <= text.length;) {
  const low = text[at]! | (text[at + 1]! << 8), long = (low & 3) === 3
  words.push(long ? low | (text[at + 2]! << 16) | (text[at + 3]! << 24) : low)
  at += long ? 4 : 2
}

let best = Infinity, unknown = 0, sum = 0
for (let round = 0; round < ROUNDS; round++) {
  unknown = 0
  const start = performance.now()
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!, decoder = (word & 3) === 3 ? decode32 : decode16, row = decoder.find(word)
    if (row >= 0) sum += (decoder.extract(row, word) as { readonly rd: number }).rd
    else unknown++
  }
  best = Math.min(best, (performance.now() - start) * 1e6 / words.length)
}
console.log(`decode and extract: ${best.toFixed(1)} ns per instruction `
  + `(${words.length} instructions, ${unknown} unknown, checksum ${sum})`)

const g = new Builder(), mode = (2 << Mode.FS_SHIFT) | Mode.NEAREST
best = Infinity
let insns = 0, ops = 0, blocks = 0
for (let round = 0; round < ROUNDS; round++) {
  insns = ops = blocks = 0
  let base = 0
  const code = {
    u8: (at: number) => text[base + at] ?? -1,
    u16: (at: number) => (base + at + 2 <= text.length ? text[base + at]! | (text[base + at + 1]! << 8) : -1),
  }
  const start = performance.now()
  for (;;) {
    g.begin(base, 0)
    lift(g, code, mode, { maxInsns: 64 })
    if (g.block.n === 0) break
    base += g.block.sizeBytes
    insns += g.block.insns
    ops += g.block.n
    blocks++
  }
  best = Math.min(best, (performance.now() - start) * 1e6 / insns)
}
console.log(`decode and lift: ${best.toFixed(1)} ns per instruction; `
  + `${(insns / blocks).toFixed(1)} instructions a block, ${(ops / insns).toFixed(1)} operations an instruction`)
