// What both tiers make of a dozen blocks of RISC-V code, as text beside their sources.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { golden } from '../../../test/golden/golden.ts'
import { type Example, examples } from '../../../test/golden/riscv.ts'
import { Builder } from '../../ir/build.ts'
import { ALL_PASSES, optimise } from '../../ir/opt/passes.ts'
import { Mode } from '../../isa/riscv/cpu.ts'
import { riscv64 } from '../../isa/riscv/riscv64.ts'
import type { WasmFeatures } from '../../wasm/features.ts'
import { recordsText, regionText } from './show.ts'
import { findRegion } from './tier1/region.ts'

const PC = 0x80000000, PAGE = 4096
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
  const bytes = page(e)
  return recordsText(riscv64, e.known.map(offset => {
    const builder = new Builder()
    builder.begin(PC + offset, 0)
    riscv64.lift(builder, {
      u8: o => bytes[offset + o]!, u16: o => bytes[offset + o]! | (bytes[offset + o + 1]! << 8),
    }, MODE, { maxInsns: 64 })
    optimise(builder.block, ALL_PASSES)
    return builder.block
  }))
}

function webAssemblyOf(e: Example): string {
  const region = findRegion(riscv64, page(e), {
    pageLo: PC, pageHi: 0, mode: MODE, host: 0, known: e.known, entered: [], start: 0,
  }, { maxBlocks: 200, maxInsns: 2000 }, ALL_PASSES)
  assert.ok(region)
  return regionText({ isa: riscv64, features: FEATURES, memory: MEMORY, passes: ALL_PASSES }, region)
}

const text = (make: (e: Example) => string) => examples.map(e => `== ${e.name}\n${make(e)}`).join('\n')

test('records of the interpreter', () => {
  golden(new URL('./tier0/assemble.golden.txt', import.meta.url), text(recordsOf))
})

test('WebAssembly of regions', () => {
  golden(new URL('./tier1/compile.golden.txt', import.meta.url), text(webAssemblyOf))
})
