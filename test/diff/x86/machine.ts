// Cases and results of the x86 instruction tests, and the reference: runner.c on the processor underneath.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Row } from '../../../src/isa/x86/row.ts'

// The same in runner.c.
export const CODE = 0x40000000, CODE_BYTES = 0x400000, START = CODE + CODE_BYTES / 2
export const PAGE_AT = 0x50000000, WINDOW_BYTES = 256, WINDOW = PAGE_AT + 4096 - WINDOW_BYTES
export const CODE_MAX = 32
export const CODE16_BASE = START - 0x8000, DATA16_BASE = PAGE_AT - 0x4000
export const FS_BASE = WINDOW + 16, GS_BASE = WINDOW - 1024, FS_LIMIT = 0xbf, GS_LIMIT = 0x4df

export type Bits = 16 | 32 | 64
export type Case = {
  readonly row: Row
  readonly bits: Bits
  /** Bytes at START; everything else between CODE and its end is INT3. */
  readonly code: Uint8Array
  readonly registers: BigUint64Array
  /** Flags that are undefined after it, besides those of the row. */
  readonly undefinedFlags?: number
  /** Arithmetic flags, DF and AC. */
  readonly flags: number
  readonly memory: Uint8Array
  /** As FXSAVE stores the registers of x87, MMX and SSE. */
  readonly fx: Uint8Array<ArrayBuffer>
}

/** The state at the first exception. */
export type Result = {
  readonly registers: BigUint64Array
  readonly ip: bigint
  readonly flags: number
  readonly vector: number
  /** Of a page fault. */
  readonly address: bigint
  readonly write: boolean
  readonly memory: Uint8Array
  readonly fx: Uint8Array
}

export type Engine = { readonly name: string; run(c: Case): Result }

export const FX_BYTES = 512
const IN_BYTES = CODE_MAX + 8 * 18 + WINDOW_BYTES + FX_BYTES, OUT_BYTES = 8 * 21 + WINDOW_BYTES + FX_BYTES
const INT3 = 0xcc, INT3_VECTOR = 3, PAGE_FAULT = 14

function pack(cases: readonly Case[]): Uint8Array {
  const buffer = new Uint8Array(cases.length * IN_BYTES), words = new BigUint64Array(buffer.buffer)
  for (const [i, c] of cases.entries()) {
    const at = i * IN_BYTES, w = (at + CODE_MAX) / 8
    buffer.fill(INT3, at, at + CODE_MAX)
    buffer.set(c.code, at)
    words.set(c.registers, w)
    words[w + 16] = BigInt(c.flags)
    words[w + 17] = BigInt(c.bits)
    buffer.set(c.memory, at + CODE_MAX + 144)
    buffer.set(c.fx, at + CODE_MAX + 144 + WINDOW_BYTES)
  }
  return buffer
}

function unpack(buffer: Buffer): Result[] {
  const bytes = new Uint8Array(buffer), words = new BigUint64Array(bytes.buffer), out: Result[] = []
  for (let at = 0; at + OUT_BYTES <= bytes.length; at += OUT_BYTES) {
    const w = at / 8, vector = Number(words[w + 18])
    out.push({
      registers: words.slice(w, w + 16), ip: words[w + 16]!, flags: Number(words[w + 17]), vector,
      write: vector === PAGE_FAULT && (words[w + 19]! & 2n) !== 0n, address: vector === PAGE_FAULT ? words[w + 20]! : 0n,
      memory: bytes.slice(at + 168, at + 168 + WINDOW_BYTES), fx: bytes.slice(at + 168 + WINDOW_BYTES, at + OUT_BYTES),
    })
  }
  return out
}

const here = dirname(fileURLToPath(import.meta.url))

/** Why the reference cannot run here, or undefined. */
/** Who made the processor underneath: where manuals leave something open, the models here do as those of AMD, and other makers
 * differ in more cases than are explained. */
export const isAmd = process.platform === 'linux' && /AuthenticAMD/.test(readFileSync('/proc/cpuinfo', 'latin1'))

export function unavailable(): string | undefined {
  if (process.arch !== 'x64' || process.platform !== 'linux') return 'the host is no x86-64 Linux'
  try {
    execFileSync('gcc', ['--version'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'gcc is not installed'
  }
}

/** The runner, compiled if it is not there or older than its source and this file. */
export function runner(): string {
  const source = join(here, 'runner.c'), binary = join(here, '../../../.cache/diff/insn-x86')
  const changed = Math.max(statSync(source).mtimeMs, statSync(fileURLToPath(import.meta.url)).mtimeMs)
  if (!existsSync(binary) || statSync(binary).mtimeMs < changed) {
    mkdirSync(dirname(binary), { recursive: true })
    execFileSync('gcc', ['-O2', '-static', '-no-pie', '-nostdlib', '-ffreestanding', '-fno-stack-protector', '-mgeneral-regs-only', '-mno-red-zone',
      '-fno-tree-loop-distribute-patterns',
      // Far from the small numbers that cases use as addresses, and as stack pointers.
      '-Wl,-Ttext-segment=0x3123450000', '-Wl,--no-relax', '-o', binary, source])
  }
  return binary
}

/** Runs cases in the reference. */
export function reference(binary: string, cases: readonly Case[]): Promise<Result[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, { stdio: ['pipe', 'pipe', 'inherit'] })
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.on('error', reject)
    child.stdin.on('error', () => {}) // the exit status tells
    child.on('close', (code, signal) => {
      const results = unpack(Buffer.concat(chunks))
      if (code === 0 && results.length === cases.length) resolve(results)
      else reject(new Error(`${binary}: exit ${code ?? signal} after ${results.length} of ${cases.length} cases`))
    })
    child.stdin.end(pack(cases))
  })
}

const ARITHMETIC = 0x8d5, DF = 0x400, AC = 0x40000

/** What differs, as text; empty if nothing does. Flags that the row leaves undefined may differ if it was executed. */
export function differences(c: Case, expected: Result, actual: Result): string[] {
  const out: string[] = []
  const hex = (v: bigint | number) => `0x${v.toString(16)}`
  const check = (what: string, e: bigint | number, a: bigint | number) => {
    if (e !== a) out.push(`${what}: expected ${hex(e)}, got ${hex(a)}`)
  }
  // Which of two accesses faults first is the processor's choice: it differs with REP and with the size.
  const either = c.row.syntax.startsWith('cmps') && expected.vector > INT3_VECTOR && actual.vector > INT3_VECTOR
  if (!either) check('vector', expected.vector, actual.vector)
  check('ip', expected.ip, actual.ip)
  if (!either) check('address', expected.address, actual.address)
  if (expected.write !== actual.write) out.push(`a write: ${expected.write}, got ${actual.write}`)
  const mask = c.bits === 64 ? 0xffffffffffffffffn : 0xffffffffn, names = c.bits === 64 ? 16 : 8
  // Returning to a 16-bit stack leaves the kernel's bits in the upper half of ESP.
  for (let i = 0; i < names; i++) {
    const m = i === 4 && c.bits === 16 ? 0xffffn : mask
    check(`r${i}`, expected.registers[i]! & m, actual.registers[i]! & m)
  }
  const flags = (ARITHMETIC & ~c.row.undefinedFlags & ~(c.undefinedFlags ?? 0)) | DF | AC
  check('flags', expected.flags & flags, actual.flags & flags)
  out.push(...vectorDifferences(c, expected.fx, actual.fx))
  if (Buffer.compare(expected.memory, actual.memory) === 0) return out
  for (let i = 0; i < WINDOW_BYTES; i++) check(`memory[${i}]`, expected.memory[i]!, actual.memory[i]!)
  return out
}

/** Of an image of FXSAVE: control, status and tag words, MXCSR, x87's registers, vectors. Not compared: pointers to the last
 * instruction, and the denormal flag while all exceptions are masked (see the README of src/isa/x86). */
function vectorDifferences(c: Case, expected: Uint8Array, actual: Uint8Array): string[] {
  const out: string[] = [], hex = (b: Uint8Array, at: number, n: number) => Buffer.from(b.subarray(at, at + n)).reverse().toString('hex')
  const check = (what: string, at: number, n: number) => {
    const e = hex(expected, at, n), a = hex(actual, at, n)
    if (e !== a) out.push(`${what}: expected ${e}, got ${a}`)
  }
  check('fcw', 0, 2)
  check('fsw', 2, 2)
  check('ftw', 4, 1)
  const mxcsr = (b: Uint8Array) => b[24]! | (b[25]! << 8), given = mxcsr(c.fx)
  const mask = (given & 0xffc0) === 0x1f80 ? ~DENORMAL : ~0
  if ((mxcsr(expected) & mask) !== (mxcsr(actual) & mask)) out.push(`mxcsr: expected ${mxcsr(expected).toString(16)}, got ${mxcsr(actual).toString(16)}`)
  for (let i = 0; i < 8; i++) check(`st${i}`, 32 + 16 * i, 10)
  for (let i = 0; i < (c.bits === 64 ? 16 : 8); i++) check(`xmm${i}`, 160 + 16 * i, 16)
  return out
}
const DENORMAL = 2
