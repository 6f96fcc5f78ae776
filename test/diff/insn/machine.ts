// Cases and results of the instruction tests, and the reference: runner.c under qemu-riscv64.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

// The same in runner.c.
export const CODE = 0x40000000n, CODE_BYTES = 0x400000n, START = CODE + CODE_BYTES / 2n
export const WINDOW = 0x50000000n, WINDOW_BYTES = 256
export const CODE_MAX = 16

const C_EBREAK = 0x9002
export const SIGILL = 4, SIGTRAP = 5, SIGSEGV = 11

export type Case = {
  /** What the case is about: a row's name. */
  readonly name: string
  /** Halfwords at START; everything else between CODE and its end is C.EBREAK. */
  readonly code: readonly number[]
  readonly x: BigUint64Array
  readonly f: BigUint64Array
  readonly fcsr: number
  /** The memory window. There is no memory elsewhere but the code. */
  readonly memory: Uint8Array
}

/** The state in which the first signal came. */
export type Result = {
  readonly pc: bigint
  readonly x: BigUint64Array
  readonly f: BigUint64Array
  readonly fcsr: number
  readonly signal: number
  /** Of an access that faulted. */
  readonly address: bigint
  readonly memory: Uint8Array
}

export type Engine = { readonly name: string; run(c: Case): Result }

/** The halfword at an address as the case sees it, or -1 outside the code. */
function codeAt(c: Case, pc: bigint): number {
  if (pc < CODE || pc >= CODE + CODE_BYTES) return -1
  return c.code[Number(pc - START) / 2] ?? C_EBREAK
}

/** The code from `pc` on, for a lifter. */
export const codeFrom = (c: Case, pc: bigint) => ({
  u8: (offset: number) => codeAt(c, pc + BigInt(offset)) & 0xff, // RISC-V is read by halfwords alone
  u16: (offset: number) => codeAt(c, pc + BigInt(offset)),
})

const IN_BYTES = CODE_MAX + 8 * 65 + WINDOW_BYTES, OUT_BYTES = 8 * 68 + WINDOW_BYTES

function pack(cases: readonly Case[]): Uint8Array {
  const buffer = new Uint8Array(cases.length * IN_BYTES), view = new DataView(buffer.buffer)
  for (const [i, c] of cases.entries()) {
    const at = i * IN_BYTES
    for (let k = 0; k < CODE_MAX / 2; k++) view.setUint16(at + 2 * k, c.code[k] ?? C_EBREAK, true)
    for (let k = 0; k < 32; k++) {
      view.setBigUint64(at + CODE_MAX + 8 * k, c.x[k]!, true)
      view.setBigUint64(at + CODE_MAX + 256 + 8 * k, c.f[k]!, true)
    }
    view.setUint32(at + CODE_MAX + 512, c.fcsr, true)
    buffer.set(c.memory, at + CODE_MAX + 520)
  }
  return buffer
}

function unpack(buffer: Buffer): Result[] {
  const out: Result[] = []
  for (let at = 0; at + OUT_BYTES <= buffer.length; at += OUT_BYTES) {
    const word = (k: number) => buffer.readBigUInt64LE(at + 8 * k)
    out.push({
      pc: word(0),
      x: BigUint64Array.from({ length: 32 }, (_, k) => word(1 + k)),
      f: BigUint64Array.from({ length: 32 }, (_, k) => word(33 + k)),
      fcsr: Number(word(65)), signal: Number(word(66)), address: word(67),
      memory: Uint8Array.from(buffer.subarray(at + 544, at + OUT_BYTES)),
    })
  }
  return out
}

const here = dirname(fileURLToPath(import.meta.url))
const QEMU = 'qemu-riscv64', COMPILER = 'riscv64-linux-gnu-gcc'

/** Why the reference cannot run here, or undefined. */
export function unavailable(): string | undefined {
  for (const program of [QEMU, COMPILER]) {
    try {
      execFileSync(program, ['--version'], { stdio: 'ignore' })
    } catch {
      return `${program} is not installed`
    }
  }
  return undefined
}

/** The runner, compiled if it is not there or older than its source and this file. */
export function runner(): string {
  const source = join(here, 'runner.c'), binary = join(here, '../../../.cache/diff/insn-riscv64')
  const changed = Math.max(statSync(source).mtimeMs, statSync(fileURLToPath(import.meta.url)).mtimeMs)
  if (!existsSync(binary) || statSync(binary).mtimeMs < changed) {
    mkdirSync(dirname(binary), { recursive: true })
    execFileSync(COMPILER, ['-O2', '-static', '-no-pie', '-nostdlib', '-ffreestanding', '-fno-stack-protector',
      '-fno-tree-loop-distribute-patterns', '-mno-relax', '-mcmodel=medany',
      // Far from the small numbers that cases use as addresses, and as stack pointers.
      '-Wl,-Ttext-segment=0x3123450000', '-o', binary, source])
  }
  return binary
}

const TIMEOUT_MS = 60_000

/** Runs cases in the reference. */
export function reference(binary: string, cases: readonly Case[]): Promise<Result[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(QEMU, ['-cpu', 'rv64,zba=true,zbb=true,zbc=false,zbs=true', binary], {
      stdio: ['pipe', 'pipe', 'inherit'], timeout: TIMEOUT_MS,
    })
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.on('error', reject)
    child.stdin.on('error', () => {}) // the exit status tells
    child.on('close', (code, signal) => {
      const results = unpack(Buffer.concat(chunks))
      if (code === 0 && results.length === cases.length) resolve(results)
      else reject(new Error(`${QEMU}: exit ${code ?? signal} after ${results.length} of ${cases.length} cases`))
    })
    child.stdin.end(pack(cases))
  })
}

/** What differs, as text; empty if nothing does. */
export function differences(expected: Result, actual: Result): string[] {
  const out: string[] = []
  const hex = (v: bigint | number) => `0x${v.toString(16)}`
  const check = (what: string, e: bigint | number, a: bigint | number) => {
    if (e !== a) out.push(`${what}: expected ${hex(e)}, got ${hex(a)}`)
  }
  check('signal', expected.signal, actual.signal)
  check('pc', expected.pc, actual.pc)
  // The host does not tell the address of an access beyond the user's half of the address space.
  const told = expected.signal === SIGSEGV && actual.address >> 38n === 0n
  if (told) check('address', expected.address, actual.address)
  for (let i = 0; i < 32; i++) check(`x${i}`, expected.x[i]!, actual.x[i]!)
  for (let i = 0; i < 32; i++) check(`f${i}`, expected.f[i]!, actual.f[i]!)
  check('fcsr', expected.fcsr, actual.fcsr)
  for (let i = 0; i < WINDOW_BYTES; i++) check(`memory[${i}]`, expected.memory[i]!, actual.memory[i]!)
  return out
}
