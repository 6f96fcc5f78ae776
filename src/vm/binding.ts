// One machine in one memory, as any of its threads sees it: the same plain description gives every thread the same
// addresses. The first binder resets; the others find the state there.
import { CLOCK_BYTES, type Clock, hostClock } from '../base/clock.ts'
import { LOG_RING_BYTES } from '../base/log-ring.ts'
import { deviceRamBytes, instantiate, type System } from '../device/board.ts'
import { DEBUG_TABLE_BYTES, type DebugHit, DebugTable, StopKind } from '../accel/debug-table.ts'
import { CodePages, codePagesBytes } from '../accel/jit/pages.ts'
import { MAILBOX_BYTES, Mail, type Mailbox, mailboxAt } from '../accel/jit/mailbox.ts'
import { type CpuPlan, planCpu } from '../accel/jit/plan.ts'
import type { GuestPlace } from '../accel/kvm/guest.ts'
import { SLOTS_BYTES } from '../accel/kvm/slots.ts'
import { KVM_STATS_BYTES } from '../accel/kvm/stats.ts'
import { planVcpu, VCPU_BYTES, type VcpuPlaces } from '../accel/kvm/vcpu.ts'
import type { MemoryShape } from '../accel/jit/runtime.ts'
import { ExitRequest } from '../isa/isa.ts'
import { bumpAllocator } from '../state/alloc.ts'
import { type Views, viewsOf } from '../state/views.ts'
import { archSupport, type ArchSupport, poke, type Surroundings } from './arch.ts'
import { STATS_BYTES } from './stats.ts'
import type { CompilerPlaces } from './threads.ts'
import { Bell, ringBell } from './bell.ts'
import { boardOf, type BoardSpec, guestBytesOf } from './plan/board.ts'
import type { Boot } from './plan/plan.ts'
import { Watch, WATCH_BYTES } from './watch.ts'

/** Plain data: what a thread needs to bind the machine. */
export type MachineShape = {
  readonly spec: BoardSpec
  readonly boot: Boot
  readonly shape: MemoryShape
  /** Where guest RAM begins; all below is state. */
  readonly ramAt: number
  /** The guest's real-time clock is this far ahead of UTC. */
  readonly wallClockOffsetMs: number
  /** The kernel runs its processors; left out: the recompiler does. */
  readonly kvm?: KvmShape
}
/** The kernel's machine, by file descriptors of this program. */
export type KvmShape = { readonly system: number; readonly fd: number; readonly counterKhz?: number }

/** Words of control between threads, per processor. STEP: execute at most so many instructions of one
 * block, then stop. STOP: why it stopped by itself
 * (StopKind), 0 when that has been told; ADDRESS goes with it. THREAD: the host's number of its thread, 0 if it has none.
 * IN_GUEST: the kernel runs it at this moment. */
export const Control = { COMMAND: 0, STATE: 4, REFRESH: 8, STEP: 12, DEADLINE: 16, STOP: 24, ADDRESS: 32,
  THREAD: 40, IN_GUEST: 44, STATS: 48, BYTES: 48 + Math.max(STATS_BYTES, KVM_STATS_BYTES) } as const
export const Command = { PAUSE: 0, RUN: 1, END: 2 } as const
/** In the STOP word: the breakpoint at pc has not been told, the processor does not pass it. */
export const MEET_AGAIN = -1
export const CpuState = { PAUSED: 0, RUNNING: 1 } as const
/** Words of control of the whole machine: the doorbell of the I/O thread, requests of the guest. */
const Global = { BELL: 0, REQUEST: 4, EXIT_CODE: 8, NEXT_WAKE: 16, BYTES: 24 } as const
export const REQUESTS = ['none', 'shutdown', 'reset', 'panic'] as const

const PAGE_64K = 65536
const TABLE_BYTES = 4 << 20

export type Bound = {
  readonly arch: ArchSupport
  readonly views: Views
  readonly clock: Clock
  readonly system: System
  readonly cpus: readonly CpuPlan[]
  readonly controls: readonly number[]
  readonly mailboxes: readonly Mailbox[]
  readonly codePages: CodePages
  readonly compilerPlaces: CompilerPlaces
  readonly surroundings: Surroundings
  /** Word index of the doorbell. */
  readonly bell: number
  ring(): void
  /** What is watched, and the log rings: of each processor's thread, then the compiler's. */
  readonly watch: Watch
  readonly watchAt: number
  readonly logRings: readonly number[]
  readonly breakpoints: DebugTable
  /** On a processor's thread: it stopped by itself, and stays so until it is told to run. */
  stopped(cpu: number, hit: DebugHit): void
  /** The first processor that stopped by itself. Others that met a breakpoint meet it again when they run. */
  takeStop(): { readonly cpu: number; readonly hit: DebugHit } | undefined
  anyStopped(): boolean
  /** No breakpoint has been told of: processors stop at one where they begin. Forgets who has stopped. */
  meetAgain(): void
  /** On a machine of one thread, where nobody can sleep on a word: called when the bell rings, and when a processor is
   * woken. */
  readonly waker: { rung(): void; woken(): void }
  /** Interrupts a processor: sets bits of its exit request and wakes it, or brings it out of the guest. Any thread. */
  poke(cpu: number, bits: number): void
  /** Of processors that the kernel runs. `kick` is what this thread gets one out of the guest with. */
  readonly kvm?: { readonly vcpus: readonly VcpuPlaces[]; readonly places: readonly GuestPlace[]; readonly slots: number; kick(place: GuestPlace): void }
  /** A processor's own timer; rings the bell if it is earlier than what the I/O thread waits for. */
  setDeadline(cpu: number, ns: number): void
  deadline(cpu: number): number
  /** Disarms a processor's timer if it is due; false if it is not, or was armed anew meanwhile. */
  expire(cpu: number, nowNs: number): boolean
  /** What the I/O thread waits for, in guest time. */
  nextWake: number
  /** The guest's request to the host, taken. */
  takeRequest(): { kind: (typeof REQUESTS)[number]; exitCode: number }
}

/** Bytes of state for a machine, and so the first address of its RAM: a multiple of 2 MiB. */
export function measure(spec: BoardSpec, kvm = false): number {
  const probe = bumpAllocator(PAGE_64K, 0x7fff0000)
  // The state of devices is small; its places are counted by the real binding, which asserts. Their memory is not.
  const { isa } = archSupport(spec.arch)
  for (let i = 0; i < spec.harts; i++) planCpu(isa, probe, !kvm)
  const devices = DEVICE_BYTES + deviceRamBytes(boardOf(spec))
  const pages = codePagesBytes(guestBytesOf(spec) + probe.used + TABLE_BYTES + devices)
  const total = PAGE_64K + probe.used + TABLE_BYTES + devices + pages + spec.harts * (MAILBOX_BYTES + 256) + DEBUG_TABLE_BYTES
    + WATCH_BYTES + (spec.harts + 1) * (LOG_RING_BYTES + 64) + (kvm ? spec.harts * VCPU_BYTES + SLOTS_BYTES + 64 : 0)
  return Math.ceil(total / (2 << 20)) * (2 << 20)
}
const DEVICE_BYTES = 8 << 20

/** Binds the machine in `memory`. `serveMail` handles this thread's mail while it waits for others. */
export function bindMachine(
  m: MachineShape, memory: WebAssembly.Memory, hostNowNs: () => number,
  serveMail: () => void,
): Bound {
  const views = viewsOf(memory.buffer), arch = archSupport(m.spec.arch), n = m.spec.harts
  const alloc = bumpAllocator(PAGE_64K, m.ramAt)
  const global = alloc.alloc(Global.BYTES, 64), clock = hostClock(views, alloc.alloc(CLOCK_BYTES, 64), hostNowNs)
  const controls = Array.from({ length: n }, () => alloc.alloc(Control.BYTES, 64))
  const cpus = Array.from({ length: n }, () => planCpu(arch.isa, alloc, !m.kvm))
  const mailboxes = cpus.map(c => mailboxAt(views, c.mailbox, c.state))
  const codePagesAt = alloc.alloc(codePagesBytes(m.ramAt + guestBytesOf(m.spec)), 64)
  const codePages = new CodePages(views, codePagesAt, mailboxes)
  const compilerPlaces: CompilerPlaces = { tables: { at: alloc.alloc(TABLE_BYTES, 64), bytes: TABLE_BYTES }, codePages: codePagesAt, cpus }
  const breakpoints = new DebugTable(views, alloc.alloc(DEBUG_TABLE_BYTES, 64))
  const watchAt = alloc.alloc(WATCH_BYTES, 64)
  const logRings = Array.from({ length: n + 1 }, () => alloc.alloc(LOG_RING_BYTES, 64))
  const vcpus = m.kvm ? cpus.map(() => planVcpu(alloc)) : []
  const kvm = m.kvm && {
    vcpus, slots: alloc.alloc(SLOTS_BYTES, 64),
    places: controls.map((c, i): GuestPlace => ({ inGuest: c + Control.IN_GUEST, thread: c + Control.THREAD, run: vcpus[i]!.run })),
    kick(_place: GuestPlace): void {},
  }
  const waker = { rung() {}, woken() {} }
  const bell = (global + Global.BELL) >>> 2, wakeAt = (global + Global.NEXT_WAKE) >>> 3
  const ring = (bit: number = Bell.URGENT) => {
    if (ringBell(views, bell, bit) && !views.shared) waker.rung()
  }
  const pokeCpu = (cpu: number, bits: number) => {
    poke(views, cpus[cpu]!.state, bits)
    kvm?.kick(kvm.places[cpu]!)
  }
  const kick = (cpu: number) => {
    pokeCpu(cpu, ExitRequest.INTERRUPT)
    if (!views.shared) waker.woken()
  }
  const request = (kind: (typeof REQUESTS)[number], exitCode: number) => {
    views.i32[(global + Global.EXIT_CODE) >>> 2] = exitCode
    Atomics.compareExchange(views.i32, (global + Global.REQUEST) >>> 2, 0, REQUESTS.indexOf(kind))
    cpus.forEach((_, cpu) => pokeCpu(cpu, ExitRequest.STOP))
    ring()
  }
  const system = instantiate(boardOf({ ...m.spec, ramHostOffset: m.ramAt }), views, alloc, {
    clock,
    doorbell: () => ring(),
    charDoorbell: () => ring(Bell.LAZY),
    remapped: () => { if (!kvm) for (const box of mailboxes) box.post(Mail.FLUSH_TLB, -1) },
    wallClockMs: () => Date.now() + m.wallClockOffsetMs,
    request: r => request(r.kind, r.exitCode ?? 0),
    interruptMessage: (offset, data) => arch.message?.({ views, states: cpus.map(c => c.state), kick }, offset, data),
    cpuLine: (cpu, line) => ({
      set(level) {
        arch.setLine(views, cpus[cpu]!.state, line, level)
        if (level) kick(cpu)
      },
    }),
  })
  const surroundings: Surroundings = {
    views,
    states: cpus.map(c => c.state),
    kick,
    remoteFence(cpu, fence) {
      const box = mailboxes[cpu]!, letters: number[] = []
      if (fence.kind === 'fence.i') letters.push(box.post(Mail.FENCE))
      else if (!fence.pages || fence.pages.length > MAX_PAGE_LETTERS) letters.push(box.post(Mail.FLUSH_TLB, fence.asid ?? -1))
      else for (const [lo, hi] of fence.pages) letters.push(box.post(Mail.FLUSH_PAGE, fence.asid ?? -1, lo, hi))
      const last = letters.at(-1)
      if (last === undefined) return
      while (!box.done(last)) {
        serveMail()
        box.wait(last)
      }
    },
    request,
    system,
  }
  return {
    arch, views, clock, system, cpus, controls, mailboxes, codePages, compilerPlaces, surroundings, bell, ring, breakpoints, waker,
    poke: pokeCpu, ...(kvm && { kvm }),
    watch: new Watch(views, watchAt), watchAt, logRings,
    stopped(cpu, hit) {
      const w = controls[cpu]! >>> 2, { i32 } = views
      i32[w + (Control.ADDRESS >> 2)] = hit.lo
      i32[w + (Control.ADDRESS >> 2) + 1] = hit.hi
      i32[w + (Control.STEP >> 2)] = 0
      Atomics.store(i32, w + (Control.STOP >> 2), hit.kind)
      Atomics.compareExchange(i32, w + (Control.COMMAND >> 2), Command.RUN, Command.PAUSE)
      ring()
    },
    anyStopped: () => controls.some(c => Atomics.load(views.i32, (c + Control.STOP) >>> 2) > 0),
    meetAgain() {
      for (const c of controls) Atomics.store(views.i32, (c + Control.STOP) >>> 2, MEET_AGAIN)
    },
    takeStop() {
      for (let cpu = 0; cpu < n; cpu++) {
        const w = controls[cpu]! >>> 2, { i32 } = views
        const kind = i32[w + (Control.STOP >> 2)]!
        if (kind <= 0) continue
        i32[w + (Control.STOP >> 2)] = 0
        for (let other = cpu + 1; other < n; other++) {
          const at = (controls[other]! + Control.STOP) >>> 2
          if (i32[at]! > 0 && i32[at]! < StopKind.WRITE) i32[at] = MEET_AGAIN
        }
        return { cpu, hit: { kind, lo: i32[w + (Control.ADDRESS >> 2)]! >>> 0, hi: i32[w + (Control.ADDRESS >> 2) + 1]! } }
      }
      return undefined
    },
    setDeadline(cpu, ns) {
      views.f64[(controls[cpu]! + Control.DEADLINE) >>> 3] = ns
      if (ns < views.f64[wakeAt]!) ring()
    },
    deadline: cpu => views.f64[(controls[cpu]! + Control.DEADLINE) >>> 3]!,
    expire(cpu, nowNs) {
      const at = (controls[cpu]! + Control.DEADLINE) >>> 3, bits = Atomics.load(views.u64, at)
      number[0] = bits
      return asFloat[0]! <= nowNs && Atomics.compareExchange(views.u64, at, bits, NEVER) === bits
    },
    get nextWake() { return views.f64[wakeAt]! },
    set nextWake(ns) { views.f64[wakeAt] = ns },
    takeRequest() {
      const kind = Atomics.exchange(views.i32, (global + Global.REQUEST) >>> 2, 0)
      return { kind: REQUESTS[kind]!, exitCode: views.i32[(global + Global.EXIT_CODE) >>> 2]! }
    },
  }
}

const number = new BigUint64Array(1), asFloat = new Float64Array(number.buffer)
/** Infinity's bits. */
const NEVER = 0x7ff0000000000000n

/** More pages than this in one fence: everything goes. */
const MAX_PAGE_LETTERS = 16
