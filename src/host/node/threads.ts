// Worker threads on Node. A thread's entry point is a file of the package's root (cpu-thread.ts, compile-thread.ts), which
// calls `threadData` for what it was started with.
import { readlinkSync, writeFileSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { MessageChannel, type MessagePort, parentPort, receiveMessageOnPort, Worker } from 'node:worker_threads'
import { originOf } from './origin.ts'
import type { HostThread, HostThreads, ThreadEntry, ThreadPort } from '../host.ts'

/** Monotonic time from one origin for all threads: `performance.now` begins anew in each. */
const originNs = originOf(() => {
  const [s, ns] = process.hrtime()
  return s * 1e9 + ns
}, () => performance.now())
export const nowNs = (): number => originNs + performance.now() * 1e6

const ports = new WeakMap<ThreadPort, MessagePort>()

function wrap(port: MessagePort): ThreadPort {
  const wrapped: ThreadPort = {
    post: message => port.postMessage(message),
    take: () => receiveMessageOnPort(port)?.message,
    listen(listener) {
      port.on('message', listener)
    },
  }
  ports.set(wrapped, port)
  return wrapped
}

/** What is posted in place of a port; the other side wraps it again. */
const unwrap = (port: ThreadPort): MessagePort => ports.get(port)!

/** Threads that were prepared and are not taken yet. */
const prepared: { readonly entry: ThreadEntry; readonly worker: Worker }[] = []

/** A thread that loads its modules and waits to be told what to do. It does not keep the program alive. */
function start(entry: ThreadEntry): Worker {
  // Run from sources or compiled: the entry points lie beside each other either way.
  const suffix = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const worker = new Worker(new URL(`../../${entry}-thread.${suffix}`, import.meta.url), {
    stdout: false, stderr: false,
    // Garbage is short-lived: a small young generation keeps the resident memory small.
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
  })
  worker.unref()
  return worker
}

/** Starts threads that will be wanted soon, so that they load their modules while this one loads its own. */
export function prepareThreads(entries: readonly ThreadEntry[]): void {
  for (const entry of entries) prepared.push({ entry, worker: start(entry) })
}

function take(entry: ThreadEntry): Worker {
  const at = prepared.findIndex(p => p.entry === entry), worker = at < 0 ? start(entry) : prepared.splice(at, 1)[0]!.worker
  worker.ref()
  return worker
}

export const nodeThreads: HostThreads = {
  spawn(entry: ThreadEntry, data: unknown, handed: readonly ThreadPort[]): HostThread {
    const worker = take(entry), transfer = handed.map(unwrap)
    worker.postMessage({ data, ports: transfer }, transfer)
    let over = false
    const ended = new Promise<void>(resolve => worker.once('exit', () => resolve()))
    return {
      ended,
      onError(listener) {
        worker.on('error', error => {
          over = true
          listener(error)
        })
        worker.on('exit', () => { if (!over) listener(new Error('internal error: the thread ended')) })
      },
      async terminate() {
        over = true
        await worker.terminate()
      },
    }
  },
  channel() {
    const { port1, port2 } = new MessageChannel()
    return [wrap(port1), wrap(port2)]
  },
}

/** In a thread: gives it a name that `top -H` shows, and tells its number; undefined where the system has no /proc. */
export function nameThread(name: string): number | undefined {
  try {
    const self = readlinkSync('/proc/thread-self') // PID/task/TID
    writeFileSync('/proc/thread-self/comm', name)
    return Number(self.slice(self.lastIndexOf('/') + 1))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall !== undefined) return undefined
    throw error
  }
}

/** In a thread: what `spawn` was given. Its modules are loaded by now; they are cached here for the next start, because a
 * thread that is ended writes no cache. */
export async function threadData<D>(): Promise<{ data: D; ports: ThreadPort[] }> {
  flushCompileCache()
  const { data, ports: handed } = await new Promise<{ data: D; ports: MessagePort[] }>(resolve => parentPort!.once('message', resolve))
  return { data, ports: handed.map(wrap) }
}
