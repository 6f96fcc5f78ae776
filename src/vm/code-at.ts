// The code that a processor stands at, as every stage of the recompiler has it: for reports of what went wrong.
import { recordsText, regionText } from '../accel/jit/show.ts'
import { findRegion } from '../accel/jit/tier1/region.ts'
import { Builder } from '../ir/build.ts'
import { optimise } from '../ir/opt/passes.ts'
import { print } from '../ir/print.ts'
import { vcpuCore } from '../isa/isa.ts'
import { layoutOf } from '../state/layout.ts'
import { wasmFeatures } from '../wasm/features.ts'
import type { Machine } from './machine.ts'

const core = layoutOf(vcpuCore).offsets
const PAGE = 4096, LIMITS = { maxInsns: 48 }

/** Guest code, IR, records and WebAssembly of the block at the processor's pc. */
export function codeAt(m: Machine, cpu: number): string {
  const { views, arch } = m.bound, { isa } = arch, state = m.bound.cpus[cpu]!.state
  const w = (state + core.pc) >>> 2, lo = views.i32[w]! >>> 0, hi = views.i32[w + 1]!, mode = views.i32[(state + core.mode) >>> 2]!
  const pc = BigInt.asUintN(64, (BigInt(hi) << 32n) | BigInt(lo))
  const bytes = m.debug.readMemory(cpu, pc, PAGE) as Uint8Array
  const head = `CPU ${cpu} at 0x${pc.toString(16)}, mode word 0x${mode.toString(16)}`
  const byte = (offset: number) => bytes[offset] ?? -1
  const code = { u8: byte, u16: (offset: number) => (offset + 1 < bytes.length ? byte(offset) | (byte(offset + 1) << 8) : -1) }
  const { passes } = m.accel, builder = new Builder(undefined, passes.fold), { block } = builder
  builder.begin(lo, hi)
  isa.lift(builder, code, mode, LIMITS)
  if (block.n === 0) return `${head}\nno memory is mapped there\n`

  const instruction = (offset: number, length: number) =>
    isa.disassemble(bytes.subarray(offset, offset + length), pc + BigInt(offset), mode).text
  const text = () => print(block, { register: i => isa.registers[i]!.name, instruction })
  const parts = [['IR', text()]]
  optimise(block, passes)
  parts.push(['IR, optimised', text()], ['Records', recordsText(isa, [block])])
  const offset = lo & (PAGE - 1), page = m.bound.system.memory.ramAt(m.cpuObjects[cpu]!.probe(lo - offset, hi))
  // Other blocks of the region depend on what has run; the block alone is the least that is compiled.
  const region = page < 0 ? undefined : findRegion(isa, views.u8, {
    pageLo: lo - offset, pageHi: hi, mode, host: page, known: [offset], entered: [], start: offset,
  }, { maxBlocks: 1, maxInsns: LIMITS.maxInsns }, passes)
  parts.push(['WebAssembly', region
    ? regionText({ isa, features: wasmFeatures(), memory: { min: 1, max: 1, shared: views.shared }, passes }, region)
    : 'none: the block is not in RAM, or reaches into the next page\n'])
  return [head, ...parts.map(([name, text]) => `== ${name}\n${text}`)].join('\n')
}
