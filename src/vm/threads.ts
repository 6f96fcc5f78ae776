// What the threads of a machine are started with, and how processors and the compiler talk.
import type { Compiler } from '../accel/jit/tier1/compiler.ts'
import type { CompileAnswer, CompileRequest, CompilerPort } from '../accel/jit/tier1/protocol.ts'
import type { MemoryShape } from '../accel/jit/runtime.ts'
import type { ThreadPort } from '../host/host.ts'
import { ExitRequest } from '../isa/isa.ts'
import type { Views } from '../state/views.ts'
import type { MachineShape } from './binding.ts'
import type { Arch } from './config.ts'

export type CpuThreadData = {
  readonly index: number
  readonly shape: MachineShape
  readonly memory: WebAssembly.Memory
  readonly runtime: WebAssembly.Module
}
export type CompileThreadData = {
  readonly arch: Arch
  readonly shape: MemoryShape
  readonly memory: WebAssembly.Memory
  readonly tables: { readonly at: number; readonly bytes: number }
  /** Addresses of the processors' states, in the order of their ports. */
  readonly states: readonly number[]
}

/** The processor's end of its channel to the compiler's thread. */
export function compilerPort(port: ThreadPort): CompilerPort {
  return {
    ask: request => port.post(request),
    take: () => port.take() as CompileAnswer | undefined,
  }
}

/** Answers processors, one batch each in turn, so that none waits for all that another one wants. */
export function serveCompiler(compiler: Compiler, views: Views, ports: readonly ThreadPort[], states: readonly number[]): void {
  const queues: CompileRequest[][] = ports.map(() => [])
  let scheduled = false
  const work = () => {
    scheduled = false
    queues.forEach((queue, i) => {
      if (queue.length === 0) return
      ports[i]!.post(compiler.next(queue))
      Atomics.or(views.i32, states[i]! >>> 2, ExitRequest.MESSAGE)
    })
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
    queues[i]!.push(message as CompileRequest)
    schedule()
  }))
}

/** The compiler as a function call on the processor's own thread. */
export function compilerHere(compiler: Compiler, views: Views, state: number): CompilerPort {
  const queue: CompileRequest[] = []
  return {
    ask(request) {
      queue.push(request)
      Atomics.or(views.i32, state >>> 2, ExitRequest.MESSAGE)
    },
    take: () => (queue.length > 0 ? compiler.next(queue) : undefined),
  }
}
