// A hart with a little memory, for tests: RAM at 0x80000000, recorded services, a clock that tests move.
import { viewsOf, type Views } from '../../state/views.ts'
import { resetState } from '../../state/bind.ts'
import { bind } from '../../state/bind.ts'
import type { Cpu, CpuServices, Isa } from '../isa.ts'
import { BARE_SPACE, type Hart, hartLayout, Mmu, System } from './cpu.ts'
import { makeCpu } from './processor.ts'
import { riscv64 } from './riscv64.ts'
import type { SbiPlatform } from './sbi/platform.ts'

export const RAM = 0x80000000
const RAM_BYTES = 1 << 20, STATES = 4096

export type Fixture = {
  readonly views: Views
  readonly s: Hart
  readonly cpu: Cpu
  readonly services: CpuServices
  /** Calls of services in order, as text, since the last `take`. */
  take(): string[]
  /** The choice of selectTlb: data space and mode, fetch space and mode. */
  tlb: readonly [number, number, number, number]
  now: number
  armed: number
  read(pa: number): bigint
  write(pa: number, value: bigint): void
  /** Runs one instruction that is left to the processor code. */
  system(helper: keyof typeof System, arg?: number): void
  /** csrrw, csrrs, csrrc between x5 and the register. */
  csr(op: 'rw' | 'rs' | 'rc', number: number, value: bigint): bigint
}

const isa = (): Isa => ({ ...riscv64, lift() { throw new Error('the fixture runs no code') } })

const unused = (): never => { throw new Error('a service that harts have no use for') }

/** `count` harts over one memory. */
export function fixtures(
  count: number, platform?: (views: Views, harts: readonly number[]) => SbiPlatform,
): Fixture[] {
  const ramAt = STATES + Math.ceil((count * hartLayout.sizeBytes) / 4096) * 4096
  const views = viewsOf(new SharedArrayBuffer(ramAt + RAM_BYTES))
  const harts = Array.from({ length: count }, (_, i) => STATES + i * hartLayout.sizeBytes)
  const sbi = platform?.(views, harts)
  return harts.map((at, hart) => {
    resetState(hartLayout, views, at)
    let log: string[] = []
    const host = (pa: number) => (pa >= RAM && pa < RAM + RAM_BYTES ? pa - RAM + ramAt : -1)
    const services: CpuServices = {
      hart,
      ramAt: host,
      casWord(pa, expectedLo, expectedHi, lo, hi) {
        log.push('cas')
        const i = host(pa) >> 2
        if (views.i32[i] !== (expectedLo | 0) || views.i32[i + 1] !== (expectedHi | 0)) return false
        views.i32[i] = lo
        views.i32[i + 1] = hi
        return true
      },
      casHalf: unused, read: unused, write: unused,
      nowNs: () => f.now,
      flushTlb(space) { log.push(space === undefined ? 'flush' : `flush asid ${space}`) },
      flushPage(lo, hi, space) {
        const va = ((BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)).toString(16)
        log.push(`flush ${va}${space === undefined ? '' : ` asid ${space}`}`)
      },
      selectTlb: (...choice) => { f.tlb = choice },
      flushCode: () => { log.push('code') },
      armTimer: ns => { f.armed = ns },
    }
    const s = bind(hartLayout, views, at)
    const f: Fixture = {
      views, s, services,
      cpu: makeCpu(isa(), views, at, services, sbi),
      take() {
        const was = log
        log = []
        return was
      },
      tlb: [BARE_SPACE, Mmu.MACHINE, BARE_SPACE, Mmu.MACHINE],
      now: 0,
      armed: Infinity,
      read: pa => views.u64[host(pa) / 8]!,
      write(pa, value) { views.u64[host(pa) / 8] = value },
      system(helper, arg = 0) { f.cpu.system(System[helper], arg) },
      csr(op, number, value) {
        s.x.set(5, value)
        f.system('CSR', (number << 20) | (5 << 15) | ({ rw: 1, rs: 2, rc: 3 }[op] << 12) | (5 << 7) | 0x73)
        return s.x.get(5)
      },
    }
    f.cpu.reset()
    log = []
    return f
  })
}

export const fixture = (): Fixture => fixtures(1)[0]!
