// The disassembler against objdump, on random encodings of every row.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { disassemble } from '../../../src/isa/x86/disassemble.ts'
import { rows } from '../../../src/isa/x86/tables.ts'
import { cases } from './generate.ts'

const SLOT = 32, NOP = 0x90

/** What objdump prints besides the instruction: a comment, prefixes without a meaning. */
const PREFIXES = /\b(rex(\.[WRXB]+)?|data16|data32|addr32|addr16) /g
/** It also adds a letter where the operand size is not that of the code. */
const SIZED = /^((?:repz |repnz |rep )?(?:push|pop|pushf|popf|ret|retf|enter|leave|[sl][gi]dt|call|jmp|iret|pusha|popa))[wdq](?= |$)/
const strip = (text: string) => text.replace(/\s+#.*$/, '').replace(/\s+/g, ' ').replace(PREFIXES, '').replace(SIZED, '$1').trim()

/** Where objdump says more, less or something else, and why that is no fault of ours. */
const EXPLAINED: readonly [RegExp, string][] = [
  [/^((cs|ds|es|ss|fs|gs|repz|repnz|rep|lock|xacquire|xrelease|bnd|notrack) )+/, 'a prefix that means nothing here is an instruction of its own'],
  [/\(bad\)|^bnd|^cldemote|^\.byte/, 'encodings of extensions that this processor has not'],
  [/^(fx|x)(save|rstor)(opt|c)?64|^sys(ret|exit)[qdl]|^iretw?d?$|^f(ldenv|n?stenv|n?save|rstor)[wd]/, 'names by operand size'],
  [/^l[dsefg]s |^(call|jmp) FWORD/, 'the size of a far pointer with REX.W'],
  [/^xlat |^(push|pop)a$/, 'an operand, or a letter, that says nothing'],
  [/^cmpxchg16b/, 'OWORD for XMMWORD'],
  [/^lddqu/, 'a size that it leaves out'],
  [/^cmp(eq|lt|le|unord|neq|nlt|nle|ord)[ps][sd]/, 'a predicate as part of the name'],
  [/^(p?movmsk|p?extr|pinsr)\w* .*r[a-ds\d]/, 'a 64-bit register of which 32 bits are meant'],
  [/^movdq2q|^movq2dq|^rex\.|^pcmp[ei]str[im]q/, 'names of registers, or a letter or prefix, that mean something else'],
  [/^(rd|wr)[fg]sbase/, 'a 16-bit form that there is not'],
]
/** In 32-bit code a short jump with an operand size of 16 bits goes to 16 bits of address; objdump keeps the others. */
const shortJump = (code: Uint8Array, bits: number) => bits === 32 && code.includes(0x66) && /[7e][0-9a-f]..$/.test(Buffer.from(code).toString('hex'))
const explained = (theirs: string, code: Uint8Array, bits: number) =>
  EXPLAINED.some(([pattern]) => pattern.test(theirs)) || (/^(j|loop)/.test(theirs) && shortJump(code, bits))

function objdump(bytes: Uint8Array, bits: number): Map<number, string> {
  const folder = mkdtempSync(join(tmpdir(), 'disassemble-')), file = join(folder, 'code')
  try {
    writeFileSync(file, bytes)
    const machine = bits === 64 ? 'i386:x86-64' : bits === 32 ? 'i386' : 'i8086'
    const text = execFileSync('objdump', ['-D', '-b', 'binary', '-m', machine, '-M', 'intel', '-w', '--no-show-raw-insn', file],
      { maxBuffer: 1 << 28 }).toString()
    const out = new Map<number, string>()
    for (const line of text.split('\n')) {
      const m = /^\s*([0-9a-f]+):\s+(.*)$/.exec(line)
      if (m) out.set(parseInt(m[1]!, 16), m[2]!)
    }
    return out
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function available(): boolean {
  try {
    execFileSync('objdump', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

const COUNT = Number(process.env.CASES ?? 1500)
for (const bits of [64, 32, 16])
  test(`${bits}-bit instructions read as objdump prints them`, { skip: available() ? false : 'objdump is not installed' }, () => {
    const list: Uint8Array[] = [], source = cases(5, rows)
    while (list.length < COUNT) {
      const c = source.next().value
      if (c.bits === bits) list.push(c.code)
    }
    const code = new Uint8Array(list.length * SLOT).fill(NOP)
    list.forEach((c, i) => code.set(c, i * SLOT))
    const theirs = objdump(code, bits), wrong: string[] = []
    let same = 0
    list.forEach((c, i) => {
      const expected = strip(theirs.get(i * SLOT) ?? 'nothing'), ours = disassemble(c, BigInt(i * SLOT), bits)?.text ?? '(bad)'
      if (expected === ours) same++
      else if (!explained(expected, c, bits)) wrong.push(`${Buffer.from(c).toString('hex')}: '${expected}', ours '${ours}'`)
    })
    assert.deepEqual(wrong, [])
    assert.ok(same > 0.8 * list.length, `only ${same} of ${list.length} are the same`)
  })
