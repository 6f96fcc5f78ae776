// The debugger's view of a machine that stands still: registers and memory through processors bound on this thread.
import { type DebugEntry, type DebugHit, DebugKind, StopKind } from '../accel/debug-table.ts'
import { vcpuCore } from '../isa/isa.ts'
import { layoutOf } from '../state/layout.ts'
import type { BreakpointKind, DebugStop, DebugTarget } from './control.ts'
import type { Machine } from './machine.ts'

const PAGE = 4096
const core = layoutOf(vcpuCore).offsets
const halves = (va: bigint): [number, number] => [Number(BigInt.asUintN(32, va)), Number(BigInt.asIntN(32, va >> 32n))]

const kinds: { readonly [K in BreakpointKind]: DebugKind } = {
  software: DebugKind.SOFTWARE, hardware: DebugKind.HARDWARE, write: DebugKind.WRITE, read: DebugKind.READ, access: DebugKind.ACCESS,
}

const entry = (kind: BreakpointKind, va: bigint, length: number): DebugEntry => {
  const [lo, hi] = halves(va), data = kinds[kind] >= DebugKind.WRITE
  return { kind: kinds[kind], lo, hi, length: data ? Math.max(length, 1) : 0 }
}

/** What a processor's stop is to a debugger. */
export function debugStop(cpu: number, hit: DebugHit): DebugStop {
  if (hit.kind === StopKind.STEP) return { cpu, reason: 'step' }
  const address = BigInt.asUintN(64, (BigInt(hit.hi) << 32n) | BigInt(hit.lo >>> 0))
  if (hit.kind >= StopKind.WRITE) {
    const watch = hit.kind === StopKind.WRITE ? 'write' : hit.kind === StopKind.READ ? 'read' : 'access'
    return { cpu, reason: 'watchpoint', watch, address }
  }
  return { cpu, reason: 'breakpoint', address, hardware: hit.kind === StopKind.HARDWARE }
}

/** `changed` is called after state was written from outside. */
export function debugTarget(m: Machine, changed: () => void): DebugTarget {
  const first = m.cpuObjects[0]!.debug
  const { memory } = m.bound.system, table = m.bound.breakpoints
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
    disassemble(bytes, pc, cpu = 0) {
      const { arch, views, cpus } = m.bound
      return arch.isa.disassemble(bytes, pc, views.i32[(cpus[cpu]!.state + core.mode) >>> 2]!)
    },
    setBreakpoint(kind, va, length) {
      const wanted = entry(kind, va, length), kvm = m.bound.kvm && m.bound.arch.kvm!.arch
      if (kvm && (!kvm.canWatch(wanted) || !table.has(wanted) && table.entries().length >= kvm.breakpoints)) return false
      if (!table.set(wanted)) return false
      changed()
      return true
    },
    clearBreakpoint(kind, va, length) {
      table.clear(entry(kind, va, length))
      changed()
      return true
    },
    clearBreakpoints() {
      table.clearAll()
      changed()
    },
    run: actions => m.run(actions),
  }
}
