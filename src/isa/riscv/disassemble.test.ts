// Against GNU objdump: every row with random operands, and random words.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { anyOperand, encode } from '../pattern.ts'
import { csrs } from './csr.ts'
import { decode16, decode32 } from './decode.ts'
import { disassemble } from './disassemble.ts'
import { generator } from '../../base/random.ts'

const AS = 'riscv64-linux-gnu-as', OBJDUMP = 'riscv64-linux-gnu-objdump'
const missing = spawnSync(AS, ['--version']).error || spawnSync(OBJDUMP, ['--version']).error
const skip = missing ? `${AS} and ${OBJDUMP} are not installed` : false

/** What objdump makes of instruction words, in order; .insn keeps it from taking them for data. */
function objdump(words: readonly number[]): string[] {
  const dir = mkdtempSync(join(tmpdir(), 'typevisor-'))
  try {
    const source = join(dir, 'words.s'), object = join(dir, 'words.o')
    writeFileSync(source, words.map(w => `.insn 0x${(w >>> 0).toString(16)}\n`).join(''))
    execFileSync(AS, ['-march=rv64gc_zba_zbb_zbs', '-o', object, source])
    const text = execFileSync(OBJDUMP, ['-d', '-M', 'no-aliases', object], { maxBuffer: 1 << 28 }).toString()
    return [...text.matchAll(/^\s*[0-9a-f]+:\t[0-9a-f ]+\t(.*)$/gm)].map(m => m[1]!)
  } finally {
    rmSync(dir, { recursive: true })
  }
}

const knownCsrs = new Set(csrs.map(c => c.name))
/** objdump's line as ours: no symbols, no comments. */
const normal = (line: string) => line.replace(/\s+#.*$/, '').replace(/ <.*>$/, '').replace('\t', ' ').trim()
  .replace(/^c.addi zero,0$/, 'c.nop')
/** What objdump calls data: reserved rounding modes (illegal only when executed), fences with values in their
 * reserved fields (plain fences), PAUSE, exact conversions with a rounding mode. */
const notPrinted = /unknown|^fence(\.i)?\b|^pause$|^fcvt\.d\.(s|wu?) .*,(r\w\w|dyn)$/
/** Jump targets are printed by objdump without 0x; where the two know different CSR names the number decides
 * nothing. */
function same(ours: string | undefined, theirs: string): boolean {
  if (/^\.|unimp|unknown/.test(theirs)) return ours === undefined || notPrinted.test(ours)
  if (ours === undefined) return theirs === 'c.addi16sp sp,0' // reserved
  if (ours.replace(/0x([0-9a-f]+)$/, '$1') === theirs.replace(/0x([0-9a-f]+)$/, '$1')) return true
  const csr = /^(csrr\w+ \w+,)([\w]+)(,\w+)$/.exec(ours), other = /^(csrr\w+ \w+,)([\w]+)(,\w+)$/.exec(theirs)
  if (csr && other) return csr[1] === other[1] && csr[3] === other[3] && !knownCsrs.has(csr[2]!)
  // Shifts by 0 are hints with a name of their own there.
  return /^c\.s\w\wi64 /.test(theirs) && / ?\w+,0x0$/.test(ours)
}

test('instructions read as objdump prints them', { skip }, () => {
  const random = generator(1)
  const words: number[] = []
  for (const { rows } of [decode16, decode32]) {
    for (const row of rows) {
      for (let k = 0; k < 30; k++) {
        words.push(encode(row, Object.fromEntries(row.operands.map(o => [o.name, anyOperand(o, random)]))))
      }
    }
  }
  while (words.length < 40_000) {
    const w = (random() * 0x100000000) | 0
    if ((w & 3) !== 3) words.push(w & 0xffff)
    else if ((w & 0x1f) !== 0x1f) words.push(w) // not the prefix of a longer encoding
  }
  const theirs = objdump(words)
  assert.equal(theirs.length, words.length)
  const different: string[] = []
  let pc = 0n
  for (const [i, w] of words.entries()) {
    const ours = disassemble(w, pc)
    const line = normal(theirs[i]!)
    if (!same(ours, line)) different.push(`${(w >>> 0).toString(16)}: '${ours}', not '${line}'`)
    pc += (w & 3) === 3 ? 4n : 2n
  }
  assert.deepEqual(different.slice(0, 20), [], `${different.length} of ${words.length} differ`)
})
