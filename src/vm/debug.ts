// The debugger's view of a machine that stands still: registers and memory through processors bound on this thread.
import type { DebugTarget } from './control.ts'
import type { Machine } from './machine.ts'

const PAGE = 4096
const halves = (va: bigint): [number, number] => [Number(BigInt.asUintN(32, va)), Number(BigInt.asIntN(32, va >> 32n))]

/** `changed` is called after state was written from outside. */
export function debugTarget(m: Machine, changed: () => void): DebugTarget {
  const first = m.cpuObjects[0]!.debug
  const { memory } = m.bound.system
  const translate = (cpu: number, va: bigint): number => m.cpuObjects[cpu]!.probe(...halves(va))

  /** Calls back for each run of bytes within a page; stops where nothing is mapped. */
  function runs(cpu: number, va: bigint, length: number, each: (pa: number, done: number, n: number) => boolean): number {
    let done = 0
    while (done < length) {
      const at = va + BigInt(done), pa = translate(cpu, at)
      if (pa < 0) break
      const n = Math.min(length - done, PAGE - Number(at & BigInt(PAGE - 1)))
      if (memory.runAt(pa) < n || !each(pa, done, n)) break
      done += n
    }
    return done
  }

  return {
    description: {
      architecture: /<architecture>(.*?)<\/architecture>/.exec(first.xml['target.xml']!)?.[1] ?? 'auto',
      bigEndian: false,
      annexes: first.xml,
      registers: first.registers.map(r => ({ name: r.name, number: r.number, bits: r.bits, core: r.general })),
      pc: first.pc,
    },
    readRegister: (cpu, register) => m.cpuObjects[cpu]!.debug.read(register),
    writeRegister(cpu, register, value) {
      const ok = m.cpuObjects[cpu]!.debug.write(register, value)
      if (ok) changed()
      return ok
    },
    readMemory(cpu, va, length) {
      const bytes = new Uint8Array(length)
      const n = runs(cpu, va, length, (pa, done, n) => memory.readBytes(pa, bytes.subarray(done, done + n)))
      return bytes.subarray(0, n)
    },
    writeMemory: (cpu, va, data) =>
      runs(cpu, va, data.length, (pa, done, n) => memory.writeBytes(pa, data.subarray(done, done + n), true)),
    translate(cpu, va) {
      const pa = translate(cpu, va)
      return pa < 0 ? undefined : BigInt(pa)
    },
    setBreakpoint: () => false,
    clearBreakpoint: () => false,
    clearBreakpoints() {},
    async run(actions) {
      if ([...actions.values()].some(a => a === 'step')) throw new Error('not implemented: single step')
      await m.resume()
    },
  }
}
