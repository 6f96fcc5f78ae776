// One boot, saved at random moments; each snapshot goes on in a process of its own, and both must show the same on the console
// from there on.
import { copyFile, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { generator } from '../../src/base/random.ts'
import type { Outcome } from './console.ts'
import { Emulator, limit, sleep } from './emulator.ts'
import type { Guest } from './guests.ts'

/** When the console has shown so many bytes, and so long after that. */
export type Moment = { readonly bytes: number; readonly delayMs: number }

/** Random moments in a boot that shows `total` bytes. */
export function moments(count: number, seed: number, total: number): Moment[] {
  const random = generator(seed)
  const any = () => ({ bytes: Math.floor(random() * total), delayMs: Math.floor(random() * 300) })
  const list = Array.from({ length: count }, any)
  return list.sort((a, b) => a.bytes - b.bytes)
}

/** What differs between two runs of the same boot: the time stamps of kernel messages, the uptime of BOOTED, process numbers;
 * and lines that depend on how fast the machine is or that may come at any time. */
const VARIABLE: readonly (readonly [RegExp, string])[] = [
  [/^\[ *\d+\.\d{6}\] /, '[time] '], [/^BOOTED \d+\.\d+ /, 'BOOTED uptime '], [/\b(pid|PID)[ :=]\d+/g, 'pid'],
  // The clock's start, and how long something took.
  [/(setting system clock to ).*/, '$1date'], [/\b\d+(\.\d+)? ?(usecs|us|ms|ns)\b/g, 'duration'],
  [/\(\d+ MB\/s\)|\b\d+ MB\/s/g, 'speed'],
  // What a PC measures of its clocks.
  [/\b\d+\.\d+ (MHz|BogoMIPS)/g, 'speed'], [/\(lpj=\d+\)/, 'lpj'], [/max_cycles: 0x[\da-f]+/, 'max_cycles'],
  [/(audit|Marking stable) ?\(.*?\)(->\(.*\))?/, '$1'],
]
const ANY_TIME: readonly RegExp[] = [
  /random: crng init done|perf: interrupt took too long|hrtimer: interrupt took|sched: RT throttling/,
  /clocksource: (timekeeping|Long readout|tsc:)|Switched to clocksource tsc|tsc: |APIC (delta|calibration)/,
  // A kernel's thread that unpacks beside the others.
  /Trying to unpack rootfs image|Freeing initrd memory/,
  // Drivers of a PC that are busy for long, or look for devices beside the others.
  /quirk_\w+\+\S+ took|input: (AT|ImEx|ImPS)/,
]

/** Lines as they must be the same, in their order. */
export function comparable(text: string): string[] {
  return text.replaceAll('\r', '').split('\n').filter(line => !ANY_TIME.some(pattern => pattern.test(line)))
    .map(line => VARIABLE.reduce((l, [pattern, by]) => l.replace(pattern, by), line))
}

type Saved = { readonly moment: Moment; readonly path: string; readonly shown: string; readonly disks: readonly string[] }

const disksOf = (command: readonly string[]): string[] =>
  command.flatMap(word => /^file=([^,]+),/.exec(word)?.[1] ?? [])

export type MomentsOptions = { readonly count: number; readonly seed: number; readonly scratch: string; readonly log: string }

/** The whole: a boot, its continuations, and what differs. */
export async function bootAtMoments(command: readonly string[], guest: Guest, o: MomentsOptions): Promise<Outcome> {
  const started = performance.now(), disks = disksOf(command), saved: Saved[] = []
  const out = (text: string, reason?: string): Outcome =>
    ({ text, seconds: (performance.now() - started) / 1000, ...(reason !== undefined && { reason }) })
  const deadline = started + guest.timeoutSeconds * 1000
  const first = new Emulator(command, o.scratch, 'first', `${o.log}.first`)
  try {
    await first.connect()
    for (const [i, moment] of moments(o.count, o.seed, guest.moments!).entries()) {
      while (first.text.length < moment.bytes && !first.over && performance.now() < deadline) await sleep(1)
      await sleep(moment.delayMs)
      if (first.over) break
      const path = join(o.scratch, `moment-${i}.tvsnap`)
      await first.command('stop')
      const said = await first.monitor(`savevm ${path}`)
      if (said !== '') return out(first.text, `savevm: ${said}`)
      await sleep(50) // what was on its way
      const copies = disks.map(d => join(o.scratch, `${i}-${basename(d)}`))
      await Promise.all(disks.map((d, k) => copyFile(d, copies[k]!)))
      saved.push({ moment, path, shown: first.text, disks: copies })
      await first.command('cont')
    }
    const status = await Promise.race([first.ended, limit(Math.max(0, deadline - performance.now()))])
    if (status !== 0) return out(first.text + first.errors, `the first process: ${status}`)
  } finally {
    first.child.kill('SIGKILL')
  }
  const expected = comparable(first.text), failed = /^FAIL .*$/m.exec(first.text)?.[0]
  if (failed) return out(first.text, failed)
  if (saved.length < o.count)
    return out(first.text, `only ${saved.length} moments before the guest's end: it showed ${first.text.length} bytes`)

  for (const [i, s] of saved.entries()) {
    const own = command.map(word => disks.reduce((w, d, k) => w.replace(`file=${d},`, `file=${s.disks[k]},`), word))
    const next = new Emulator([...own, '-loadvm', s.path], o.scratch, `next-${i}`, `${o.log}.${i}`)
    const status = await Promise.race([next.ended, limit(guest.timeoutSeconds * 1000)])
    next.child.kill('SIGKILL')
    await next.ended
    const whole = s.shown + next.text, lines = comparable(whole)
    const where = `moment ${i} (${s.moment.bytes} bytes and ${s.moment.delayMs} ms)`
    if (status !== 0) return out(whole + next.errors, `${where}: ${status}`)
    const at = expected.findIndex((line, k) => line !== lines[k])
    if (at >= 0 || lines.length !== expected.length)
      return out(whole, `${where}: line ${at} '${expected[at]}', but '${lines[at]}'`)
    await Promise.all([rm(s.path), ...s.disks.map(d => rm(d))])
    console.log(`       ${where}: the same ${lines.length - comparable(s.shown).length + 1} lines`)
  }
  return out(first.text)
}
