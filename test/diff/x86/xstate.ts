// FXSAVE, XSAVE and their relatives in the processor code, beside the processor underneath (xstate.c). Pointers to the last
// instruction are 0, for processors differ in when they keep them.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { generator } from '../../../src/base/random.ts'
import { Cr4, Efer } from '../../../src/isa/x86/core.ts'
import { Seg, type SystemName, SystemArg } from '../../../src/isa/x86/cpu.ts'
import { type Fixture, fixture } from '../../../src/isa/x86/fixture.ts'
import { Attribute } from '../../../src/isa/x86/segment.ts'
import { loadVectors, loadX87, saveVectors, saveX87 } from '../../../src/isa/x86/xstate.ts'
import { count, type Findings } from '../suite.ts'
import { fpuImage } from './fpu-image.ts'

// The same in xstate.c.
const FX_BYTES = 512, AREA_BYTES = 576, HEAD = 16, BYTES = HEAD + FX_BYTES + AREA_BYTES
const OPERATIONS: readonly (readonly [helper: SystemName, wide: boolean])[] = [
  ['XSAVE', true], ['XSAVEOPT', true], ['XSAVEC', true], ['XRSTOR', true], ['FXSAVE', true], ['FXRSTOR', true],
  ['XSAVE', false], ['XRSTOR', false], ['FXSAVE', false], ['FXRSTOR', false],
]
const MXCSR = 24, HEADER = 512

export function missing(): string | undefined {
  const flags = existsSync('/proc/cpuinfo') ? /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'latin1'))?.[1]?.split(' ') ?? [] : []
  const lacking = ['xsave', 'xsaveopt', 'xsavec'].filter(f => !flags.includes(f))
  return lacking.length ? `the processor has no ${lacking.join(', ')}` : undefined
}

function build(): string {
  const source = join(import.meta.dirname, 'xstate.c'), binary = join(import.meta.dirname, '../../../.cache/diff/xstate-x86')
  if (!existsSync(binary) || statSync(binary).mtimeMs < statSync(source).mtimeMs) {
    mkdirSync(dirname(binary), { recursive: true })
    execFileSync('gcc', ['-O1', '-Wall', '-mgeneral-regs-only', '-o', binary, source])
  }
  return binary
}

type Case = { readonly op: number; readonly asked: number; readonly skew: number; readonly fx: Uint8Array<ArrayBuffer>; readonly area: Uint8Array<ArrayBuffer> }
type Result = { readonly fault: boolean; readonly fx: Uint8Array; readonly area: Uint8Array }

function image(random: () => number): Uint8Array<ArrayBuffer> {
  const fx = fpuImage(random), v = new DataView(fx.buffer), below = (n: number) => Math.floor(random() * n)
  if (random() < 0.2) { // as after a reset, or nearly
    fx.fill(0)
    v.setUint16(0, 0x37f, true)
    v.setUint32(MXCSR, random() < 0.7 ? 0x1f80 : 0x1fa0, true)
    if (random() < 0.5) v.setUint8(160 + below(256), 1)
    if (random() < 0.5) v.setUint8(32 + 16 * below(8) + below(10), 1)
  }
  return fx
}
function makeCase(random: () => number): Case {
  const below = (n: number) => Math.floor(random() * n), op = below(OPERATIONS.length), area = new Uint8Array(AREA_BYTES)
  area.set(image(random))
  const v = new DataView(area.buffer)
  if (random() < 0.05) v.setUint32(MXCSR, below(0x20000), true)
  v.setUint8(HEADER, below(4))
  if (random() < 0.3) {
    v.setUint8(HEADER + 8, below(4) | (random() < 0.7 ? v.getUint8(HEADER) : 0))
    v.setUint8(HEADER + 15, 0x80)
  }
  if (random() < 0.1) v.setUint8(HEADER + pick([0, 2, 7, 8, 10, 14, 15, 16, 23, 24, 40, 63]), pick([0, 1, 16, 0x80]))
  return { op, asked: random() < 0.7 ? 3 : below(4), skew: random() < 0.95 ? 0 : pick([8, 16, 32, 1]), fx: image(random), area }
  function pick(list: readonly number[]): number { return list[below(list.length)]! }
}

function theirs(cases: readonly Case[]): Result[] {
  const input = Buffer.alloc(BYTES * cases.length)
  for (const [i, c] of cases.entries()) {
    const at = BYTES * i
    for (const [n, word] of [c.op, c.asked, c.skew].entries()) input.writeUInt32LE(word, at + 4 * n)
    input.set(c.fx, at + HEAD)
    input.set(c.area, at + HEAD + FX_BYTES)
  }
  const { stdout, status, error } = spawnSync(build(), { input, maxBuffer: 2 * input.length + 1024 })
  if (error || status !== 0 || stdout.length !== input.length) throw new Error('the reference ended early', { cause: error })
  return cases.map((_, i) => {
    const at = BYTES * i, part = (from: number, bytes: number) => new Uint8Array(stdout.subarray(from, from + bytes))
    return { fault: stdout.readUInt32LE(at) !== 0, fx: part(at + HEAD, FX_BYTES), area: part(at + HEAD + FX_BYTES, AREA_BYTES) }
  })
}

/** A processor of 64-bit code without paging. */
function processor(): Fixture {
  const f = fixture()
  f.s.efer = BigInt(Efer.LME | Efer.LMA)
  f.s.cr0 = 0x11n
  f.s.cr4 = BigInt(Cr4.PAE | Cr4.OSFXSR | Cr4.OSXSAVE)
  f.s.xcr0 = 3n
  f.s.seg[Seg.CS]!.attributes |= Attribute.L
  f.cpu.refresh()
  return f
}
function ours(f: Fixture, c: Case, random: () => number): Result {
  const { s, views } = f, [helper, wide] = OPERATIONS[c.op]!, given = new Int32Array(c.fx.buffer)
  // Now and then over the end of a page.
  const at = (random() < 0.7 ? 0x8000 : 0x9000 - 64 * Math.floor(random() * 10)) + c.skew, host = f.hostOf(at - c.skew)
  f.direct = random() < 0.5
  loadX87(views, f.states[0]!, given, true)
  loadVectors(views, f.states[0]!, given, 16)
  s.mxcsr = given[MXCSR / 4]!
  views.u8.set(c.area, host)
  s.args.set(0, BigInt(at))
  s.args.set(1, BigInt(at))
  s.gpr.set(0, BigInt(c.asked))
  s.gpr.set(2, 0n)
  // A fault resets nothing here, but it would be delivered to no handler.
  const fault = !f.system(helper, (wide ? 3 : 2) << SystemArg.OPERAND_SHIFT | SystemArg.MEMORY | (Seg.DS << SystemArg.SEGMENT_SHIFT))
  const image = new Int32Array(FX_BYTES / 4)
  saveX87(views, f.states[0]!, image, true)
  saveVectors(views, f.states[0]!, image, 16)
  image[MXCSR / 4] = s.mxcsr
  return { fault, fx: new Uint8Array(image.buffer), area: views.u8.slice(host, host + AREA_BYTES) }
}

function differences(c: Case, expected: Result, actual: Result): string[] {
  const out: string[] = [], [helper, wide] = OPERATIONS[c.op]!
  if (expected.fault !== actual.fault) out.push(`fault: ${expected.fault}, got ${actual.fault}`)
  const compare = (what: string, e: Uint8Array, a: Uint8Array, skip: (i: number) => boolean) => {
    for (let i = 0; i < e.length; i++) if (e[i] !== a[i] && !skip(i)) out.push(`${what}[${i}]: expected ${e[i]!.toString(16)}, got ${a[i]!.toString(16)}`)
  }
  // Without 64-bit pointers there are selectors, which newer processors have not.
  const pointer = (i: number) => !wide && ((i >= 12 && i < 16) || (i >= 20 && i < 24))
  const reserved = (i: number) => i === 5 || (i >= 28 && i < 32) || (i >= 32 && i < 160 && (i & 15) >= 10) || (i >= 416 && i < 512)
  // The signal of a fault has its registers elsewhere.
  if (!expected.fault) compare(`${helper} fx`, expected.fx, actual.fx, i => reserved(i) || pointer(i) || (c.skew !== 0 && i >= 6 && i < 24))
  compare(`${helper} area`, expected.area, actual.area, i => pointer(i) || (i >= 28 + c.skew && i < 32 + c.skew)) // bits of MXCSR that another processor has
  return out
}

export function compareXstate(cases: number, seed: number): Findings {
  const random = generator(seed), f = processor(), explained = new Map<string, number>(), examples: string[] = []
  let different = 0
  for (let done = 0; done < cases; done += 2000) {
    const batch = Array.from({ length: Math.min(2000, cases - done) }, () => makeCase(random)), expected = theirs(batch)
    for (const [i, c] of batch.entries()) {
      const wrong = differences(c, expected[i]!, ours(f, c, random))
      if (wrong.length === 0) continue
      if (wrong.every(w => /area\[512\]/.test(w))) count(explained, 'components of the processor underneath are in use always')
      else if (different++ < 10) examples.push(`${OPERATIONS[c.op]!.join(' ')} asked ${c.asked} skew ${c.skew} header ${Buffer.from(c.area.subarray(HEADER)).toString('hex')}\n  ${wrong.slice(0, 12).join('\n  ')}`)
    }
  }
  return { cases, differences: different, examples, explained }
}
