// One boot of the guest benchmark on one engine.
import { join } from 'node:path'
import { UserError } from '../../scripts/guests/run.ts'
import { type Said, type ShellPart, understand } from './console.ts'
import type { Engine } from './engines.ts'
import { type Memory, memoryOf, type ThreadTime, threadTimes } from './processes.ts'
import { type Line, runSession } from './session.ts'

export const RAM_MIB = 512

export interface Work {
  readonly ms: number
  /** Processor time of the emulator, all threads; to 10 ms. */
  readonly cpuMs: number
  /** Of its busiest thread: about what `ms` would be if nobody else used the processors. */
  readonly threadMs: number
  /** How long that thread was ready to run while others had the processors. */
  readonly threadWaitedMs: number
  readonly checksum: string
}

/** Copies at the same time, and how long until the last had ended. */
export interface Parallel {
  readonly copies: number
  readonly ms: number
  readonly checksums: readonly string[]
}

export interface GuestRun {
  /** From the command to the first user program's first line, and what the guest's clock says then. */
  readonly bootedMs: number
  readonly uptimeMs: number
  /** What the busiest thread ran until then. */
  readonly bootedThreadMs: number
  readonly kernels: Readonly<Record<string, Work>>
  readonly parallel: readonly Parallel[]
  readonly shellMs?: Readonly<Record<ShellPart, number>>
  /** When the guest had done all: since the command, processor time, and time spent ready but not running. */
  readonly wallMs: number
  readonly cpuMs: number
  readonly waitedMs: number
  /** Only after the shell benchmark. */
  readonly memory?: Memory
}

export interface GuestOptions {
  readonly images: string
  readonly harts: number
  /** Words of the kernel command line that say what to run. */
  readonly words: readonly string[]
  readonly timeoutSeconds: number
}

const arguments_ = ({ images, harts, words }: GuestOptions): string[] => [
  '-smp', `${harts}`, '-m', `${RAM_MIB}`, '-nographic',
  '-kernel', join(images, 'Image'), '-initrd', join(images, 'initrd-bench.gz'),
  '-append', ['console=ttyS0', ...words, 'hold'].join(' '),
]

interface Heard {
  readonly said: Said
  readonly line: Line
  /** Of the emulator, at that moment. */
  readonly threads: ReadonlyMap<string, ThreadTime>
}

/** The times of the thread that ran most from one moment to another. */
function busiest(before: Heard['threads'] | undefined, now: Heard['threads']): ThreadTime {
  const spent = [...now].map(([thread, { ranMs, waitedMs }]): ThreadTime => {
    const then = before?.get(thread) ?? { ranMs: 0, waitedMs: 0 }
    return { ranMs: ranMs - then.ranMs, waitedMs: waitedMs - then.waitedMs }
  })
  return spent.reduce((a, b) => b.ranMs > a.ranMs ? b : a)
}

const waited = ({ threads }: Heard): number =>
  [...threads.values()].reduce((sum, { waitedMs }) => sum + waitedMs, 0)

export async function runGuest(engine: Engine, options: GuestOptions): Promise<GuestRun> {
  const heard: Heard[] = []
  let memory: Memory | undefined
  await runSession([...engine.command, ...arguments_(options)], {
    timeoutSeconds: options.timeoutSeconds,
    onLine(line, { pid, send }) {
      const said = understand(line.text)
      if (!said) return
      heard.push({ said, line, threads: threadTimes(pid) })
      if (said.kind === 'shell') memory = memoryOf(pid, RAM_MIB << 20)
      if (said.kind === 'hold') send('\n')
    },
  })
  return { ...summarize(heard, engine.name), ...(memory && { memory }) }
}

/** Puts together what the guest said. Throws UserError when its clock is not the host's. */
export function summarize(heard: readonly Heard[], engine: string): GuestRun {
  const kernels: Record<string, Work> = {}, parallel: Parallel[] = []
  let booted: (Heard & { uptimeMs: number }) | undefined
  let shellMs: Readonly<Record<ShellPart, number>> | undefined
  let checksums: string[] = [], before: Heard | undefined, end: Heard | undefined
  for (const each of heard) {
    const { said, line, threads } = each
    if (said.kind === 'booted') booted = { ...each, uptimeMs: said.uptimeMs }
    if (said.kind === 'kernel') {
      const { name, ms, checksum } = said
      const cpuMs = line.cpuMs - (before?.line.cpuMs ?? 0)
      const { ranMs, waitedMs } = busiest(before?.threads, threads)
      kernels[name] = { ms, cpuMs, threadMs: ranMs, threadWaitedMs: waitedMs, checksum }
      checksums.push(checksum)
    }
    if (said.kind === 'parallel') {
      parallel.push({ copies: said.copies, ms: said.ms, checksums })
      checksums = []
    }
    if (said.kind === 'shell') shellMs = said.ms
    if (said.kind === 'hold') {
      end = each
      if (booted) compareClocks(engine, said.uptimeMs - booted.uptimeMs, line.atMs - booted.line.atMs)
    }
    before = each
  }
  if (!booted || !end) throw new UserError(`${engine}: the guest ended without ${booted ? 'HOLD' : 'BOOTED'}`)
  return {
    bootedMs: booted.line.atMs, uptimeMs: booted.uptimeMs,
    bootedThreadMs: busiest(undefined, booted.threads).ranMs, kernels, parallel, ...(shellMs && { shellMs }),
    wallMs: end.line.atMs, cpuMs: end.line.cpuMs, waitedMs: waited(end),
  }
}

/** Lines may come late from a busy machine. */
const CLOCKS_MAY_DIFFER = 0.05, AND_MS = 1000

/** The kernels' times are by the guest's clock: they mean something only if it goes as fast as the host's. */
function compareClocks(engine: string, guestMs: number, hostMs: number): void {
  if (Math.abs(guestMs - hostMs) <= hostMs * CLOCKS_MAY_DIFFER + AND_MS) return
  const [guest, host] = [Math.round(guestMs), Math.round(hostMs)]
  throw new UserError(`${engine}: the guest's clock went ${guest} ms while the host's went ${host} ms`)
}
