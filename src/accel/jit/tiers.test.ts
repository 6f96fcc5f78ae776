// What both tiers make of a dozen blocks of RISC-V code, as text beside their sources.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { golden } from '../../../test/golden/golden.ts'
import { type Example, examples } from '../../../test/golden/riscv.ts'
import { Builder } from '../../ir/build.ts'
import { Mode } from '../../isa/riscv/cpu.ts'
import { riscv64 } from '../../isa/riscv/riscv64.ts'
import { vcpuCore } from '../../isa/isa.ts'
import { viewsOf } from '../../state/views.ts'
import type { WasmFeatures } from '../../wasm/features.ts'
import { printModule } from '../../wasm/print.ts'
import { core } from './core.ts'
import { Assembler } from './tier0/assemble.ts'
import { records } from './tier0/print.ts'
import { compileRegions, entryTable } from './tier1/compile.ts'
import { findRegion, type Region } from './tier1/region.ts'

const PC = 0x80000000, RECORDS = 0x1000, TABLE = 0x800, PAGE = 4096
/** The supervisor, floating point on and dirty, rounding to nearest, the inexact flag set. */
const MODE = 1 | (2 << Mode.FS_SHIFT) | Mode.NEAREST | Mode.INEXACT
const MEMORY = { min: 1, max: 1, shared: true }
/** The text is the same on every host. */
const FEATURES: WasmFeatures = {
  tailCalls: true, simd: true, relaxedSimd: true, relaxedMaddFused: true, threads: true, sharedMemory: true, memory64: true,
}

function page(e: Example): Uint8Array {
  const bytes = new Uint8Array(PAGE)
  bytes.set(new Uint8Array(Int32Array.from(e.words).buffer))
  return bytes
}

function recordsOf(e: Example): string {
  const views = viewsOf(new ArrayBuffer(65536)), builder = new Builder(), bytes = page(e)
  const assembler = new Assembler(views, riscv64.registers, core.temps, vcpuCore.temps.count, core.zero)
  let record = RECORDS
  return e.known.map((offset, number) => {
    builder.begin(PC + offset, 0)
    riscv64.lift(builder, {
      u8: o => bytes[offset + o]!, u16: o => bytes[offset + o]! | (bytes[offset + o + 1]! << 8),
    }, MODE, { maxInsns: 64 })
    const begin = record
    record = assembler.assemble(builder.block, begin, number, 1500)
    return records(views, {
      number, pcLo: PC + offset, pcHi: 0, mode: MODE, host: offset, secondPage: -1, sizeBytes: builder.block.sizeBytes,
      record: begin, recordEnd: record, entered: false, code: begin, valid: true,
    }, riscv64.registers)
  }).join('')
}

function regionOf(e: Example): Region {
  const region = findRegion(riscv64, page(e), {
    pageLo: PC, pageHi: 0, mode: MODE, host: 0, known: e.known, entered: e.entered ?? [], start: 0,
  }, { maxBlocks: 200, maxInsns: 2000 })
  assert.ok(region)
  return region
}

/** The functions of the module; what is around them is always the same. */
function webAssemblyOf(e: Example): string {
  const region = regionOf(e), bytes = compileRegions({ isa: riscv64, features: FEATURES, memory: MEMORY, offsets: core }, [region], [TABLE])
  assert.ok(WebAssembly.validate(bytes))
  const lines = printModule(bytes).split('\n'), begin = lines.findIndex(l => /^ {2}\(func \$(?!slow)/.test(l))
  const entries = region.entries.map(o => `+${o}`).join(' '), table = [...entryTable(region).bytes].join(' ')
  return `entries ${entries}${table && `; table of returns ${table}`}\n${lines.slice(begin, -2).map(l => l.slice(2)).join('\n')}\n`
}

const text = (make: (e: Example) => string) => examples.map(e => `== ${e.name}\n${make(e)}`).join('\n')

test('records of the interpreter', () => {
  golden(new URL('./tier0/assemble.golden.txt', import.meta.url), text(recordsOf))
})

test('WebAssembly of regions', () => {
  golden(new URL('./tier1/compile.golden.txt', import.meta.url), text(webAssemblyOf))
})
