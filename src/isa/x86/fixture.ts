// Processors with a little memory, for tests: RAM from address 0, recorded services, a clock that tests move.
import { bind } from '../../state/bind.ts'
import { type Views, viewsOf } from '../../state/views.ts'
import { type Cpu, type CpuServices, NO_HOST } from '../isa.ts'
import type { X86Platform } from './core.ts'
import { cpuLayout, type CpuState, System, type SystemName } from './cpu.ts'
import { modelOf } from './models.ts'
import { makeCpu } from './processor.ts'
import { x86 } from './x86.ts'

const RAM_BYTES = 1 << 20, STATES = 4096

export type Fixture = {
  readonly views: Views
  readonly s: CpuState
  /** Byte addresses of all processors' states. */
  readonly states: readonly number[]
  readonly cpu: Cpu
  /** Calls of services in order, as text, since the last `take`. */
  take(): string[]
  now: number
  armed: number
  /** Byte offset of a physical address in the memory. */
  hostOf(pa: number): number
  /** Whether the processor's own accesses may go directly to the memory. */
  direct: boolean
  read32(pa: number): number
  write32(pa: number, value: number): void
  /** Runs one instruction of so many bytes that is left to the processor code; false if it faulted: then `fault` is what was raised. */
  system(helper: SystemName, arg?: number): boolean
  readonly fault: { readonly vector: number; readonly error: number }
}

/** `count` processors over one memory. Faults shut the processor down, for there are no handlers: the fixture notes what came first. */
export function fixtures(count: number, model = 'max'): Fixture[] {
  const size = Math.ceil(cpuLayout.sizeBytes / 64) * 64, ramAt = STATES + Math.ceil((count * size) / 4096) * 4096
  const views = viewsOf(new SharedArrayBuffer(ramAt + RAM_BYTES)), states = Array.from({ length: count }, (_, n) => STATES + n * size)
  const host = (pa: number) => (pa < RAM_BYTES ? pa + ramAt : -1)
  const logs: string[][] = states.map(() => [])
  return states.map((at, hart): Fixture => {
    const log = (text: string) => void logs[hart]!.push(text)
    const swap = (pa: number, expected: number, value: number) => {
      if (views.i32[host(pa) >> 2] !== (expected | 0)) return false
      views.i32[host(pa) >> 2] = value
      return true
    }
    const services: CpuServices = {
      hart,
      ramAt: host,
      casWord: (pa, expectedLo, _expectedHi, lo) => swap(pa, expectedLo, lo),
      casHalf: swap,
      read: (pa, bytes) => (host(pa) < 0 ? 2 ** (8 * bytes) - 1 : bytes === 4 ? views.u32[host(pa) >> 2]! : bytes === 2 ? views.u16[host(pa) >> 1]! : views.u8[host(pa)]!),
      write(pa, bytes, value) {
        if (host(pa) < 0) return
        for (let i = 0; i < bytes; i++) views.u8[host(pa) + i] = value >>> (8 * i)
      },
      hostFor: lo => (f.direct ? host(lo) : NO_HOST),
      nowNs: () => f.now,
      flushTlb: space => log(space === undefined ? 'flush' : `flush ${space}`),
      flushPage: (lo, hi, space) => log(`flush page ${hi >>> 0}:${(lo >>> 0).toString(16)}${space === undefined ? '' : ` in ${space}`}`),
      selectTlb() {},
      flushCode() {},
      armTimer: ns => { f.armed = ns },
    }
    const platform: X86Platform = {
      states,
      kick: cpu => log(`kick ${cpu}`),
      reset: () => log('shutdown'),
      acknowledge: () => 0x70,
      eoi: vector => log(`eoi ${vector.toString(16)}`),
      random: () => 0x9abcdef0 | 0,
      io: {
        read(port, bytes) {
          log(`in ${port.toString(16)} ${bytes}`)
          return 0x12345678
        },
        write: (port, bytes, value) => log(`out ${port.toString(16)} ${bytes} ${value.toString(16)}`),
      },
    }
    const s = bind(cpuLayout, views, at), cpu = makeCpu(x86, views, at, services, platform, modelOf(model))
    const fault = { vector: -1, error: 0 }
    const f: Fixture = {
      views, s, cpu, fault, states,
      take: () => logs[hart]!.splice(0),
      now: 0,
      armed: Infinity,
      hostOf: host,
      direct: false,
      read32: pa => views.u32[host(pa) >> 2]!,
      write32(pa, value) { views.u32[host(pa) >> 2] = value },
      system(helper, arg = 2) {
        s.idtLimit = 0 // so that a fault is a triple fault
        const before = s.faultVector = 0xff
        const mark = logs[hart]!.length
        cpu.system(System[helper], arg)
        if (s.faultVector === before) return true
        Object.assign(fault, { vector: s.faultVector, error: s.faultError })
        return !logs[hart]!.slice(mark).includes('shutdown')
      },
    }
    cpu.reset()
    f.take()
    return f
  })
}
export const fixture = (model?: string): Fixture => fixtures(1, model)[0]!
