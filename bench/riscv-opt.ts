// What each pass of the optimiser takes and gives, over a real program's code: the largest executable section of an ELF
// file: `node bench/riscv-opt.ts [FILE]`. Times are the thread's own, and the best of several rounds page by page, so that a
// busy machine does little harm. A page's blocks are found as they come, and its regions are those that reach each other.
import { readFileSync } from 'node:fs'
import { core } from '../src/accel/jit/core.ts'
import { Assembler } from '../src/accel/jit/tier0/assemble.ts'
import { Record } from '../src/accel/jit/tier0/records.ts'
import { compileRegions } from '../src/accel/jit/tier1/compile.ts'
import { findRegion, type Region } from '../src/accel/jit/tier1/region.ts'
import { Builder } from '../src/ir/build.ts'
import { choosePasses, optimise, type PassName, passNames, type Passes, passesText } from '../src/ir/opt/passes.ts'
import { Mode } from '../src/isa/riscv/cpu.ts'
import { riscv64 } from '../src/isa/riscv/riscv64.ts'
import { viewsOf } from '../src/state/views.ts'
import { wasmFeatures } from '../src/wasm/features.ts'
import { largestCode } from './elf.ts'

const ROUNDS = 5, PAGE = 4096, PAGES = 12, RECORDS = 1 << 16
const MODE = (2 << Mode.FS_SHIFT) | Mode.NEAREST | Mode.INEXACT
const LIMITS = { maxInsns: 48 }, REGION = { maxBlocks: 200, maxInsns: 2000 }

const text = largestCode(readFileSync(process.argv[2] ?? '/usr/riscv64-linux-gnu/lib/libc.so.6')).slice(0, PAGES * PAGE)
const views = viewsOf(new ArrayBuffer(2 * RECORDS))
const assembler = new Assembler(views, riscv64.registers, core)

type Sums = { insns: number; ops: number; records: number; bytes: number }

/** All blocks of the page at `base`, for the interpreter. */
function interpreted(base: number, passes: Passes, g: Builder, sums: Sums, starts?: number[]): void {
  for (let offset = 0; offset < PAGE;) {
    const at = base + offset, left = PAGE - offset
    g.begin(at, 0)
    riscv64.lift(g, {
      u8: o => (o < left ? text[at + o]! : -1), u16: o => (o + 1 < left ? text[at + o]! | (text[at + o + 1]! << 8) : -1),
    }, MODE, LIMITS)
    const { block } = g
    if (block.n === 0) return
    starts?.push(offset)
    optimise(block, passes)
    sums.records += (assembler.assemble(block, RECORDS, 0, 1000) - RECORDS) / Record.BYTES - 1
    sums.insns += block.insns
    sums.ops += block.n
    offset += block.sizeBytes
  }
}

/** The regions that cover the page. */
function compiled(base: number, passes: Passes, known: readonly number[], sums: Sums): void {
  const done = new Set<number>(), regions: Region[] = []
  for (const start of known) {
    if (done.has(start)) continue
    const region = findRegion(riscv64, text, { pageLo: base, pageHi: 0, mode: MODE, host: base, known, entered: [], start }, REGION, passes)
    if (!region) continue
    for (const b of region.blocks) {
      done.add(b.offset)
      sums.ops += b.block.n
    }
    sums.insns += region.insns
    regions.push(region)
  }
  const context = { isa: riscv64, features: wasmFeatures(), memory: { min: 1, max: 1, shared: true }, passes, offsets: core }
  sums.bytes += compileRegions(context, regions, regions.map(() => 0)).length
}

function best(run: (sums: Sums) => void): { ms: number; sums: Sums } {
  let ms = Infinity, sums: Sums = { insns: 0, ops: 0, records: 0, bytes: 0 }
  for (let round = 0; round < ROUNDS; round++) {
    sums = { insns: 0, ops: 0, records: 0, bytes: 0 }
    const began = process.threadCpuUsage()
    run(sums)
    const { user, system } = process.threadCpuUsage(began)
    ms = Math.min(ms, (user + system) / 1000)
  }
  return { ms, sums }
}

function measure(passes: Passes): readonly string[] {
  const g = new Builder(undefined, passes.fold), zero: Sums = { insns: 0, ops: 0, records: 0, bytes: 0 }
  const first = { ms: 0, ...zero }, second = { ms: 0, ...zero }
  const add = (to: Sums & { ms: number }, { ms, sums }: ReturnType<typeof best>) => {
    to.ms += ms
    for (const k of ['insns', 'ops', 'records', 'bytes'] as const) to[k] += sums[k]
  }
  for (let base = 0; base + PAGE <= text.length; base += PAGE) {
    const starts: number[] = []
    interpreted(base, passes, g, { ...zero }, starts)
    add(first, best(sums => interpreted(base, passes, g, sums)))
    add(second, best(sums => compiled(base, passes, starts, sums)))
  }
  return [
    passesText(passes),
    ((first.ms * 1e6) / first.insns).toFixed(0), (first.records / first.insns).toFixed(3),
    ((second.ms * 1e6) / second.insns).toFixed(0), (second.ops / second.insns).toFixed(3), (second.bytes / second.insns).toFixed(2),
  ]
}

const sets: readonly (readonly PassName[])[] =
  [[], ...passNames.map(p => [p]), passNames]
measure(choosePasses(passNames)) // warms up
const table = [
  ['', 'interpreter', '', 'compiler', '', ''],
  ['opt=', 'ns', 'records', 'ns', 'operations', 'bytes'], ...sets.map(names => measure(choosePasses(names))),
]
console.log(`an instruction of ${text.length >> 10} KiB of code costs:`)
for (const [name, ...cells] of table) console.log([name!.padEnd(20), ...cells.map(c => c.padStart(12))].join(''))
