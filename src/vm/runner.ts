// How a machine's processors are run: a thread each, with one more for the compiler; or all on the thread that made the
// machine, in slices between its events.
import { buildRuntime } from '../accel/jit/runtime.ts'
import { core } from '../accel/jit/core.ts'
import { closeMachine, type KvmMachine } from '../accel/kvm/device.ts'
import { kick } from '../accel/kvm/guest.ts'
import type { Failure } from '../accel/kvm/processor.ts'
import { KvmSlots } from '../accel/kvm/slots.ts'
import { soon } from '../base/soon.ts'
import type { Host, HostThread } from '../host/host.ts'
import { ExitRequest } from '../isa/isa.ts'
import type { Passes } from '../ir/opt/passes.ts'
import { wasmFeatures } from '../wasm/features.ts'
import { type Bound, Command, Control, CpuState, type MachineShape } from './binding.ts'
import { CpuLoop } from './cpu-loop.ts'
import type { RunAction } from './control.ts'
import type { KvmThreadData } from './kvm-loop.ts'
import { type CompileThreadData, compilerHere, compilerIn, type CpuThreadData } from './threads.ts'

export type RunActions = ReadonlyMap<number, RunAction>

/** Instructions that an action executes at most; 0 for no limit. */
const stepInsns = (action: RunAction): number => (action === 'continue' ? 0 : action === 'step' ? 1 : action.block)

export type Runner = {
  /** Lets processors run: all of them, or those named, freely or for a step. */
  resume(actions?: RunActions): void
  /** Resolves when all stand still with their state in memory. */
  pause(): Promise<void>
  /** State or breakpoints were changed from outside: every processor derives again what it caches, before it runs on. */
  refresh(): void
  end(): Promise<void>
}

export type RunnerOptions = {
  readonly bound: Bound
  readonly shape: MachineShape
  readonly memory: WebAssembly.Memory
  readonly host: Host
  readonly passes: Passes
  /** A thread of ours failed: processor `cpu`'s, or the compiler's. */
  failed(error: unknown, cpu?: number): void
  /** On one thread: the log is not taken, so nothing that writes it may run. `bound.waker.woken` follows. */
  blocked(): boolean
  /** On one thread: steps run compiled code. */
  readonly compiledSteps: boolean
}

const compileRuntime = (o: RunnerOptions) =>
  new WebAssembly.Module(buildRuntime(core, wasmFeatures(), o.shape.shape, o.bound.arch.isa.fpStack))

function setAll(o: RunnerOptions, at: number, value: number): void {
  const { views, controls } = o.bound
  for (const c of controls) {
    Atomics.store(views.i32, (c + at) >>> 2, value)
    if (views.shared) Atomics.notify(views.i32, (c + at) >>> 2)
  }
}

/** Commands to the processors; those that are not named stand still. */
function command(o: RunnerOptions, actions: RunActions | undefined): void {
  const { views: { i32, shared }, controls } = o.bound
  controls.forEach((c, cpu) => {
    const action = actions ? actions.get(cpu) : 'continue'
    if (action === undefined) return
    Atomics.store(i32, (c + Control.STEP) >>> 2, stepInsns(action))
    // By us, not by the processor: a pause that follows at once must wait for it.
    Atomics.store(i32, (c + Control.STATE) >>> 2, CpuState.RUNNING)
    Atomics.store(i32, (c + Control.COMMAND) >>> 2, Command.RUN)
    if (shared) Atomics.notify(i32, (c + Control.COMMAND) >>> 2)
  })
}

export function threadedRunner(o: RunnerOptions): Runner {
  const { bound, host } = o, { cpus } = bound
  const threads = host.threads!
  // Who has never run waits for no letter.
  for (const m of bound.mailboxes) m.park(true)
  const runtime = compileRuntime(o)
  const all: HostThread[] = []
  const channels = cpus.map(() => threads.channel())
  const compile: CompileThreadData = {
    ...bound.compilerPlaces, arch: o.shape.spec.arch, shape: o.shape.shape, memory: o.memory, passes: o.passes,
    watch: bound.watchAt, logRing: bound.logRings[cpus.length]!, bell: bound.bell,
  }
  all.push(threads.spawn('compile', compile, channels.map(([, far]) => far)))
  cpus.forEach((_, index) => {
    const data: CpuThreadData = { index, shape: o.shape, memory: o.memory, runtime, passes: o.passes }
    all.push(threads.spawn('cpu', data, [channels[index]![0]]))
  })
  const threadsOf = standing(o, all, 1)
  return {
    ...threadsOf,
    async end() {
      threadsOf.leave()
      await Promise.all(all.map(t => t.terminate()))
    },
  }
}

/** What threads are told, whatever they run. `first`: of the threads, that of processor 0; before it are others. */
function standing(o: RunnerOptions, all: readonly HostThread[], first: number): Omit<Runner, 'end'> & { leave(): void } {
  const { bound } = o, { views, cpus, controls } = bound
  let ending = false
  /** Processors whose threads failed: they stand still for ever. */
  const dead = new Set<number>()
  all.forEach((t, i) => t.onError(error => {
    const cpu = i < first ? undefined : i - first
    if (cpu !== undefined) dead.add(cpu)
    if (!ending) o.failed(error, cpu)
  }))
  return {
    resume: actions => command(o, actions),
    async pause() {
      setAll(o, Control.COMMAND, Command.PAUSE)
      for (const cpu of cpus.keys()) bound.poke(cpu, ExitRequest.STOP)
      for (const [cpu, c] of controls.entries())
        while (!dead.has(cpu) && Atomics.load(views.i32, (c + Control.STATE) >>> 2) !== CpuState.PAUSED) {
          // It may have gone to sleep on a command that came and went.
          Atomics.notify(views.i32, (c + Control.COMMAND) >>> 2)
          await Atomics.waitAsync(views.i32, (c + Control.STATE) >>> 2, CpuState.RUNNING, 20).value
        }
    },
    refresh() {
      setAll(o, Control.REFRESH, 1)
      for (const cpu of cpus.keys()) bound.poke(cpu, ExitRequest.STOP)
    },
    leave() {
      ending = true
      setAll(o, Control.COMMAND, Command.END)
      for (const cpu of cpus.keys()) bound.poke(cpu, ExitRequest.STOP)
    },
  }
}

/** Threads whose processors the kernel runs. */
export function kvmRunner(o: RunnerOptions & {
  readonly machine: KvmMachine
  /** The kernel cannot go on with a processor, which stands still. */
  broken(text: string, cpu: number): void
}): Runner {
  const { bound, host, machine } = o, { views, cpus, kvm } = bound, threads = host.threads!
  for (const m of bound.mailboxes) m.park(true) // nobody reads letters
  machine.native.interruptible()
  kvm!.kick = place => kick(machine.native, views, place)
  const slots = new KvmSlots(machine, bound.system.memory, views, kvm!.slots, bound.system.ramSlots)
  for (const { dirty } of bound.system.ramSlots) dirty.ask = () => slots.collect()
  const all = cpus.map((_, index): HostThread => {
    const [near, far] = threads.channel(), data: KvmThreadData = { index, shape: o.shape, memory: o.memory }
    near.listen(failure => o.broken((failure as Failure).text, index))
    return threads.spawn('kvm', data, [far])
  })
  const threadsOf = standing(o, all, 0), { leave } = threadsOf
  const off = host.process?.onExit(leave) // the program cannot end while a thread of it is in the guest
  return {
    ...threadsOf,
    async end() {
      leave()
      off?.()
      await Promise.all(all.map(t => t.ended))
      closeMachine(machine)
    },
  }
}

export function slicedRunner(o: RunnerOptions): Runner {
  const { bound } = o, { views, cpus, controls } = bound
  const runtime = compileRuntime(o), features = wasmFeatures()
  const compiler = compilerIn(bound.arch.isa, views, o.shape.shape, features, bound.compilerPlaces, o.passes, () => {
    for (const loop of loops) loop.vcpu.readMail()
  })
  const ports = compilerHere(compiler, views, bound.compilerPlaces)
  const loops: CpuLoop[] = cpus.map((_, index) => new CpuLoop(bound, {
    index, shape: o.shape, memory: o.memory, runtime, features, compiler: ports[index]!, passes: o.passes,
    compiledSteps: o.compiledSteps,
  }))
  // No thread of its own: between turns each counts as asleep, and reads its mail before it goes on.
  for (const m of bound.mailboxes) m.park(true)
  let running = false, scheduled = false
  // The guest alone keeps the program alive.
  const alive = setInterval(() => {}, 0x7fffffff)
  const schedule = () => {
    if (!running || scheduled) return
    scheduled = true
    soon(turn)
  }
  const word = (cpu: number, at: number) => (controls[cpu]! + at) >>> 2
  const turn = () => {
    scheduled = false
    if (!running || o.blocked()) return
    let busy = false
    let current = 0
    try {
      loops.forEach((loop, cpu) => {
        current = cpu
        if (views.i32[word(cpu, Control.COMMAND)] === Command.RUN && loop.turn(TURN_MS / cpus.length) !== 'halted') busy = true
      })
    } catch (error) {
      running = false
      return o.failed(error, current)
    }
    // Asleep, a processor is woken by an event of this thread. One that is due before a timer could ring is waited for.
    const now = bound.clock.nowNs()
    if (busy || cpus.some((_, cpu) => bound.deadline(cpu) < now + TIMER_NS)) schedule()
  }
  bound.waker.woken = schedule
  return {
    resume(actions) {
      const stood = cpus.map((_, cpu) => views.i32[word(cpu, Control.COMMAND)] !== Command.RUN)
      command(o, actions)
      loops.forEach((loop, cpu) => {
        if (!stood[cpu] || views.i32[word(cpu, Control.COMMAND)] !== Command.RUN) return
        loop.resumed()
      })
      running = true
      schedule()
    },
    async pause() {
      running = false
      setAll(o, Control.COMMAND, Command.PAUSE)
      setAll(o, Control.STATE, CpuState.PAUSED)
    },
    refresh: () => setAll(o, Control.REFRESH, 1),
    async end() {
      running = false
      clearInterval(alive)
    },
  }
}

/** All processors together run this long between looks at the event loop. */
const TURN_MS = 8
/** The shortest time that a timer waits. */
const TIMER_NS = 1.2e6
