// The long run: the guest of stress/stress.c works and tells each second that it lives; meanwhile our own use of memory and what
// the recompiler did are written down.
import { readFile } from 'node:fs/promises'
import type { Outcome } from './console.ts'
import { Emulator, limit, sleep } from './emulator.ts'

export type StressOptions = {
  readonly seconds: number
  /** Until the guest has started. */
  readonly bootSeconds: number
  readonly scratch: string
  readonly log: string
}

const SAMPLE_MS = 30_000
/** The guest prints each second; on a busy machine seldom enough to wait this long. */
const MAX_GAP_MS = 30_000

/** A path for the shell: the disk with a serial number. */
const DISK = 'd() { for f in /sys/block/vd*; do [ "$(cat $f/serial)" = $1 ] && echo /dev/$(basename $f); done; }'

async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024)
}

/** Sums of a line of `info jit` over the processors. */
function counted(info: string, text: string): number {
  return [...info.matchAll(new RegExp(`^ *(\\d+)  ${text}`, 'gm'))].reduce((n, m) => n + Number(m[1]), 0)
}

export async function stress(command: readonly string[], o: StressOptions): Promise<Outcome> {
  const started = performance.now(), e = new Emulator(command, o.scratch, 'stress', o.log)
  const out = (reason?: string): Outcome =>
    ({ text: e.text + e.errors, seconds: (performance.now() - started) / 1000, ...(reason !== undefined && { reason }) })
  try {
    await e.connect()
    while (!e.text.includes('~ # ')) {
      if (e.over || performance.now() - started > 1000 * o.bootSeconds) return out('the shell does not start')
      await sleep(50)
    }
    e.child.stdin!.write(`${DISK}\ndd if=$(d program) of=/stress bs=64k; chmod +x /stress; /stress ${o.seconds} $(d files); sync; busybox poweroff -f\n`)
    console.log('    minute  MiB resident  regions compiled  regions dropped  blocks dropped  beats  longest gap (ms)')
    const from = performance.now()
    let beats = 0, heard = from, gap = 0, sample = 0
    for (let position = e.text.length; !e.over; await sleep(20)) {
      const now = performance.now()
      for (let end = e.text.indexOf('\n', position); end >= 0; end = e.text.indexOf('\n', position)) {
        const beat = /^BEAT (\d+) /.exec(e.text.slice(position, end))?.[1]
        position = end + 1
        if (beat === undefined) continue
        if (Number(beat) !== ++beats) return out(`beat ${beats} is missing`)
        if (beats > 1) gap = Math.max(gap, now - heard)
        heard = now
      }
      const patience = beats === 0 ? 1000 * o.bootSeconds : beats === o.seconds ? 10 * MAX_GAP_MS : MAX_GAP_MS
      if (now - heard > patience) return out(`silent after beat ${beats}`)
      if (now - from < sample * SAMPLE_MS || beats === o.seconds) continue
      const info = await e.monitor('info jit')
      console.log(`    ${(sample * SAMPLE_MS / 60_000).toFixed(1).padStart(6)}  ${String(await residentMiB(e.child.pid!)).padStart(12)}  `
        + `${String(counted(info, 'regions compiled')).padStart(16)}  ${String(counted(info, 'times all regions')).padStart(15)}  `
        + `${String(counted(info, 'times all blocks')).padStart(14)}  ${String(beats).padStart(5)}  ${gap.toFixed(0).padStart(16)}`)
      sample = Math.floor((now - from) / SAMPLE_MS) + 1
    }
    const status = await Promise.race([e.ended, limit(10_000)])
    const failed = /^FAIL .*$/m.exec(e.text)?.[0]
    if (failed) return out(failed)
    if (status !== 0) return out(`exit status ${status}`)
    if (beats !== o.seconds || !/^PASS stress/m.test(e.text)) return out(`ended after ${beats} of ${o.seconds} beats`)
    return out()
  } finally {
    e.child.kill('SIGKILL')
  }
}
