// The smallest machine around our processor that the programs run on: RAM with the image where firmware is copied to, a debug port,
// and a port that ends the run. By the evaluator, or by the interpreter.
import { ExitRequest } from '../../../src/isa/isa.ts'
import type { X86Platform } from '../../../src/isa/x86/core.ts'
import { cpuLayout, Seg, segmentField } from '../../../src/isa/x86/cpu.ts'
import { modelOf } from '../../../src/isa/x86/models.ts'
import { makeCpu } from '../../../src/isa/x86/processor.ts'
import { x86 } from '../../../src/isa/x86/x86.ts'
import { bind } from '../../../src/state/bind.ts'
import { Rig } from '../../fuzz/rig.ts'

const RAM_BYTES = 16 << 20, IMAGE = 0xf0000, DEBUG_PORT = 0xe9, EXIT_PORT = 0xf4

export type Engine = 'evaluator' | 'interpreter'
export type Run = { readonly output: string; readonly finished: boolean; /** Where it stood, if it did not finish. */ readonly at: string }

export function runImage(image: Uint8Array, engine: Engine, model: string, maxBlocks = 20_000_000): Run {
  let output = '', finished = false, resets = 0, now = 0, armed = Infinity
  const platform: X86Platform = {
    states: [0],
    kick: () => void Atomics.or(rig.views.i32, rig.state >>> 2, ExitRequest.INTERRUPT),
    reset() {
      resets++
      rig.stop()
    },
    acknowledge: () => 8,
    eoi() {},
    random: () => 0,
    io: {
      read: port => (port === DEBUG_PORT ? 0xe9 : 0xff),
      write(port, _size, value) {
        if (port === DEBUG_PORT) output += String.fromCharCode(value & 0xff)
        else if (port === EXIT_PORT) {
          finished = true
          rig.stop()
        }
      },
    },
  }
  /** Time goes on by being asked for. */
  const tick = (): number => {
    now += 100
    if (now >= armed) Atomics.or(rig.views.i32, rig.state >>> 2, ExitRequest.INTERRUPT)
    return now
  }
  const rig: Rig = new Rig({
    isa: x86, ramPa: 0, ramBytes: RAM_BYTES, nowNs: tick, armTimer: ns => { armed = ns },
    makeCpu: (views, at, services) => makeCpu(x86, views, at, services, { ...platform, states: [at] }, modelOf(model)),
  })
  rig.cpu.reset()
  rig.views.u8.set(image, rig.ram + IMAGE)
  const s = bind(cpuLayout, rig.views, rig.state)
  // The reset vector below 1 MiB, where the same image lies.
  rig.views.i32[(rig.state + segmentField(Seg.CS, 'base')) >> 2] = IMAGE
  s.pc = BigInt(IMAGE + 0xfff0)
  if (engine === 'evaluator') rig.runReference(maxBlocks)
  else rig.run()
  Atomics.and(rig.views.i32, rig.state >>> 2, ~ExitRequest.STOP)
  return { output, finished, at: `pc ${s.pc.toString(16)}${resets ? ', after a triple fault' : ''}${s.halted ? ', halted' : ''}` }
}
