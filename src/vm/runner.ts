// How a machine's processors are run: a thread each, with one more for the compiler; or all on the thread that made the
// machine, in slices between its events.
import { buildRuntime } from '../accel/jit/runtime.ts'
import { Compiler } from '../accel/jit/tier1/compiler.ts'
import { coreOffsets } from '../accel/jit/vcpu.ts'
import type { Host, HostThread } from '../host/host.ts'
import { ExitRequest } from '../isa/isa.ts'
import { wasmFeatures } from '../wasm/features.ts'
import { poke } from './arch.ts'
import { type Bound, Command, Control, CpuState, type MachineShape } from './binding.ts'
import { CpuLoop } from './cpu-loop.ts'
import { type CompileThreadData, compilerHere, type CpuThreadData } from './threads.ts'

export type Runner = {
  /** Lets all processors run. */
  resume(): void
  /** Resolves when all stand still with their state in memory. */
  pause(): Promise<void>
  /** State was changed from outside: every processor derives again what it caches, before it runs. */
  refresh(): void
  end(): Promise<void>
}

export type RunnerOptions = {
  readonly bound: Bound
  readonly shape: MachineShape
  readonly memory: WebAssembly.Memory
  readonly host: Host
  failed(error: unknown): void
}

const compileRuntime = (o: RunnerOptions) =>
  new WebAssembly.Module(buildRuntime(coreOffsets, wasmFeatures(), o.shape.shape))

function setAll(o: RunnerOptions, at: number, value: number): void {
  const { views, controls } = o.bound
  for (const c of controls) {
    Atomics.store(views.i32, (c + at) >>> 2, value)
    if (views.shared) Atomics.notify(views.i32, (c + at) >>> 2)
  }
}

export function threadedRunner(o: RunnerOptions): Runner {
  const { bound, host } = o, { views, cpus, controls } = bound
  const threads = host.threads!
  const runtime = compileRuntime(o)
  const all: HostThread[] = []
  const channels = cpus.map(() => threads.channel())
  const compile: CompileThreadData = {
    arch: o.shape.spec.arch, shape: o.shape.shape, memory: o.memory, tables: bound.tables, states: cpus.map(c => c.state),
  }
  all.push(threads.spawn('compile', compile, channels.map(([, far]) => far)))
  cpus.forEach((_, index) => {
    const data: CpuThreadData = { index, shape: o.shape, memory: o.memory, runtime }
    all.push(threads.spawn('cpu', data, [channels[index]![0]]))
  })
  let ending = false
  for (const t of all) t.onError(error => { if (!ending) o.failed(error) })

  return {
    resume: () => setAll(o, Control.COMMAND, Command.RUN),
    async pause() {
      setAll(o, Control.COMMAND, Command.PAUSE)
      for (const c of cpus) poke(views, c.state, ExitRequest.STOP)
      for (const c of controls)
        while (Atomics.load(views.i32, (c + Control.STATE) >>> 2) !== CpuState.PAUSED)
          await Atomics.waitAsync(views.i32, (c + Control.STATE) >>> 2, CpuState.RUNNING, 100).value
    },
    refresh: () => setAll(o, Control.REFRESH, 1),
    async end() {
      ending = true
      setAll(o, Control.COMMAND, Command.END)
      for (const c of cpus) poke(views, c.state, ExitRequest.STOP)
      await Promise.all(all.map(t => t.terminate()))
    },
  }
}

export function slicedRunner(o: RunnerOptions): Runner {
  const { bound } = o, { views, cpus, controls } = bound
  const runtime = compileRuntime(o), features = wasmFeatures()
  const compiler = new Compiler(bound.arch.isa, views, features, o.shape.shape, bound.tables)
  const loops = cpus.map((c, index) => new CpuLoop(bound, {
    index, shape: o.shape, memory: o.memory, runtime, features, compiler: compilerHere(compiler, views, c.state),
  }))
  let running = false
  const turn = () => {
    if (!running) return
    let busy = false
    try {
      for (const loop of loops) if (loop.slice() === 'stopped') busy = true
    } catch (error) {
      running = false
      return o.failed(error)
    }
    // Asleep, a processor is woken by an event of this thread; a short timer stands for its own.
    if (busy) setImmediate(turn)
    else setTimeout(turn, 1)
  }
  return {
    resume() {
      if (running) return
      running = true
      setAll(o, Control.STATE, CpuState.RUNNING)
      setImmediate(turn)
    },
    async pause() {
      running = false
      for (const c of controls) views.i32[(c + Control.STATE) >>> 2] = CpuState.PAUSED
    },
    refresh: () => setAll(o, Control.REFRESH, 1),
    async end() {
      running = false
    },
  }
}
