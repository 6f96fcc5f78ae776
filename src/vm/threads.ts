// What the threads of a machine are started with, and how processors and the compiler talk.
import { awaitLetter, CodePages } from '../accel/jit/pages.ts'
import { Mail, type Mailbox, mailboxAt } from '../accel/jit/mailbox.ts'
import type { MemoryShape } from '../accel/jit/runtime.ts'
import { Compiler } from '../accel/jit/tier1/compiler.ts'
import type { CompileAnswer, CompilerPort } from '../accel/jit/tier1/protocol.ts'
import type { RegionRequest } from '../accel/jit/tier1/region.ts'
import { configureLog } from '../base/log.ts'
import { logWriter } from '../base/log-ring.ts'
import type { ThreadPort } from '../host/host.ts'
import type { Passes } from '../ir/opt/passes.ts'
import { ExitRequest, type Isa } from '../isa/isa.ts'
import type { Views } from '../state/views.ts'
import type { WasmFeatures } from '../wasm/features.ts'
import { Bell, type MachineShape, ringBell } from './binding.ts'
import type { Arch } from './config.ts'
import type { Watch } from './watch.ts'

export type CpuThreadData = {
  readonly index: number
  readonly shape: MachineShape
  readonly memory: WebAssembly.Memory
  readonly runtime: WebAssembly.Module
  readonly passes: Passes
}
/** What the compiler works with in the shared memory. */
export type CompilerPlaces = {
  readonly tables: { readonly at: number; readonly bytes: number }
  readonly codePages: number
  /** Addresses of the processors' states and mailboxes. */
  readonly cpus: readonly { readonly state: number; readonly mailbox: number }[]
}
export type CompileThreadData = CompilerPlaces & {
  readonly arch: Arch
  readonly shape: MemoryShape
  readonly memory: WebAssembly.Memory
  readonly passes: Passes
  /** Where its switches and its log ring are, and the word of the doorbell. */
  readonly watch: number
  readonly logRing: number
  readonly bell: number
}

/** The compiler's generation stands before its tables. */
const TABLES = 64
const generationAt = (places: CompilerPlaces): number => places.tables.at >>> 2

/** A compiler in the machine's memory. `serve`: while it waits for processors to let compiled code go, in case they are on
 * the same thread. */
export function compilerIn(
  isa: Isa, views: Views, memory: MemoryShape, features: WasmFeatures, places: CompilerPlaces, passes: Passes,
  serve: () => void = () => {},
): Compiler {
  const { tables, cpus } = places
  const mailboxes: Mailbox[] = cpus.map(c => mailboxAt(views, c.mailbox, c.state))
  return new Compiler({
    isa, views, features, memory, passes,
    codePages: new CodePages(views, places.codePages, []),
    tables: { at: tables.at + TABLES, bytes: tables.bytes - TABLES },
    evict(generation) {
      Atomics.store(views.i32, generationAt(places), generation)
      const letters = mailboxes.map(m => m.post(Mail.EVICT))
      mailboxes.forEach((m, i) => awaitLetter(m, letters[i]!, serve))
    },
  })
}

/** Sends this thread's log lines to the main thread; `behind` is called when some must wait. The result waits for them; no
 * lock may be held then. */
export function sendLog(views: Views, logRing: number, bell: number, behind: () => void): () => void {
  const writer = logWriter(views, logRing, now => void ringBell(views, bell, now ? Bell.URGENT : Bell.LAZY))
  configureLog({
    sink(cls, source, text) {
      writer.write(cls, source, text)
      if (writer.behind) behind()
    },
  })
  return () => { if (writer.behind) writer.settle() }
}

/** The processor's end of its channel to the compiler's thread. */
export function compilerPort(port: ThreadPort, views: Views, places: CompilerPlaces): CompilerPort {
  return {
    ask: request => port.post(request),
    generation: () => Atomics.load(views.i32, generationAt(places)),
    take: () => port.take() as CompileAnswer | undefined,
  }
}

/** Answers processors, one batch each in turn, so that none waits for all that another one wants. */
export function serveCompiler(
  compiler: Compiler, views: Views, ports: readonly ThreadPort[], cpus: CompilerPlaces['cpus'], watch: Watch, settleLog: () => void,
): void {
  const queues: RegionRequest[][] = ports.map(() => [])
  let scheduled = false
  const work = () => {
    scheduled = false
    watch.apply()
    for (const queue of queues) {
      if (queue.length === 0) continue
      for (const answer of compiler.next(queue)) for (const port of ports) port.post(answer)
      for (const { state } of cpus) Atomics.or(views.i32, state >>> 2, ExitRequest.MESSAGE)
      settleLog()
    }
    if (queues.some(q => q.length > 0)) schedule()
  }
  const schedule = () => {
    if (scheduled) return
    scheduled = true
    // After the messages that are waiting: they may join the batch.
    setTimeout(work, 0)
  }
  ports.forEach((port, i) => port.listen(message => {
    if (message === null) return
    queues[i]!.push(message as RegionRequest)
    schedule()
  }))
}

/** The compiler as a function call on the processors' own thread: a port for each. */
export function compilerHere(compiler: Compiler, views: Views, places: CompilerPlaces): CompilerPort[] {
  const queue: RegionRequest[] = [], inboxes: CompileAnswer[][] = places.cpus.map(() => [])
  return places.cpus.map(({ state }, cpu): CompilerPort => ({
    ask(request) {
      queue.push(request)
      Atomics.or(views.i32, state >>> 2, ExitRequest.MESSAGE)
    },
    generation: () => views.i32[generationAt(places)]!,
    take() {
      while (queue.length > 0) for (const answer of compiler.next(queue)) for (const inbox of inboxes) inbox.push(answer)
      return inboxes[cpu]!.shift()
    },
    single: request => compiler.single(request),
  }))
}
