// Programs on our engines: the evaluator, the interpreter alone, and compiled code in several ways. Each engine has a machine
// of its own, whose memory is the harness and one area.
import { hartLayout } from '../../../src/isa/riscv/cpu.ts'
import { makeCpu } from '../../../src/isa/riscv/processor.ts'
import { riscv64 } from '../../../src/isa/riscv/riscv64.ts'
import type { Passes } from '../../../src/ir/opt/passes.ts'
import { mmio, place } from '../../../src/mem/regions.ts'
import { bind } from '../../../src/state/bind.ts'
import { Rig } from '../rig.ts'
import { harness } from './harness.ts'
import { AREA_BYTES, areaPa, COUNT_AT, FINISHER, HARNESS_PAGES, PAGE, RAM } from './layout.ts'
import { watchdog } from './watchdog.ts'

export type Engine = {
  readonly name: string
  readonly keepsCode: boolean
  /** What is left in the area. `again`: with the code that the last run of the same program left behind. */
  run(image: Uint8Array, again: boolean): Uint8Array
  readonly rig: Rig
}

export type EngineOptions = {
  /** Executions until a block is compiled; none: never. */
  readonly heat?: number
  readonly shared?: boolean
  /** Polls until an unshared machine leaves, as it would for a timer. */
  readonly fuel?: number
  readonly maxInsns?: number
  readonly evaluator?: boolean
  /** Passes of the optimiser. */
  readonly passes?: Passes | undefined
}

const MAX_BLOCKS = 3_000_000, MAX_TURNS = 3_000_000
const AREA = areaPa(0) - RAM

export function engine(name: string, o: EngineOptions): Engine {
  let finished = false
  const rig: Rig = new Rig({
    isa: riscv64, ramPa: RAM, ramBytes: HARNESS_PAGES * PAGE + AREA_BYTES, shared: o.shared ?? true,
    ...(o.heat !== undefined && { heat: o.heat }), ...(o.maxInsns !== undefined && { maxInsns: o.maxInsns }), ...(o.passes && { passes: o.passes }),
    makeCpu: (views, at, services) => makeCpu(riscv64, views, at, services),
    place: (root, rig) => place(root, FINISHER, mmio('finisher', PAGE, {
      rules: { valid: { min: 4, max: 4, unaligned: false }, impl: { min: 4, max: 4 } },
      read: () => 0,
      write() {
        finished = true
        rig.stop()
      },
    })),
  })
  const state = bind(hartLayout, rig.views, rig.state), { u8 } = rig.views
  const area = u8.subarray(rig.ram + AREA, rig.ram + AREA + AREA_BYTES)
  u8.set(harness(), rig.ram)
  // A machine that leaves by itself can count; the evaluator counts too.
  const dog = (o.shared ?? true) && !o.evaluator ? watchdog(rig) : undefined
  return {
    name, rig, keepsCode: !o.evaluator,
    run(image, again) {
      restore(rig, area, image, !again)
      u8[rig.ram + COUNT_AT] = 1
      rig.vcpu.cpu.reset()
      state.pc = BigInt(RAM)
      finished = false
      dog?.start()
      if (o.evaluator) rig.runReference(MAX_BLOCKS)
      else rig.run(o.fuel, MAX_TURNS)
      dog?.end()
      if (!finished) throw new Error(`did not end: pc ${state.pc.toString(16)}`)
      return area.slice()
    },
  }
}

/** Puts an image there, and drops the code of pages that differ from it, or of all. */
function restore(rig: Rig, area: Uint8Array, image: Uint8Array, all: boolean): void {
  for (let at = 0; at < AREA_BYTES; at += PAGE) {
    const page = area.subarray(at, at + PAGE), wanted = image.subarray(at, at + PAGE)
    if (!all && Buffer.compare(page, wanted) === 0) continue
    page.set(wanted)
    rig.written(AREA + at)
  }
}

export const engines = (passes?: Passes): readonly Engine[] => [
  engine('evaluator', { evaluator: true }),
  engine('interpreter', { passes }),
  engine('compiled at once', { heat: 1, passes }),
  engine('compiled when warm', { heat: 20, passes }),
  engine('single thread', { heat: 3, shared: false, fuel: 7, passes }),
  engine('short blocks', { heat: 2, maxInsns: 3, passes }),
]
