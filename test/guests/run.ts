// Boots real guests through the command line and reports what they did:
//   npm run guests -- [--qemu] [--list] [--moments N] [--seed S] [--seconds N] [NAME...]
// --qemu runs the same guests on qemu-system-ARCH, which tells an error of ours from one of the guest or the test.
// --moments and --seed are for the guests that are saved at random moments of their boot, --seconds for `stress`.
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { guestImages, type ImageGroup } from '../../scripts/guests/fetch.ts'
import { grubIso } from '../../scripts/guests/iso.ts'
import { runMain, UserError } from '../../scripts/guests/run.ts'
import { installPackage } from '../../scripts/package.ts'
import { type Outcome, runGuest } from './console.ts'
import { type Guest, GUESTS, type Initrd, MACHINES, type Step } from './guests.ts'
import { bootAtMoments } from './moments.ts'
import { nestedCommand } from './nested.ts'
import type { Prepared } from './resources.ts'
import { stress } from './stress.ts'

const ROOT = join(import.meta.dirname, '../..')
const NAME_WIDTH = Math.max(...GUESTS.map(({ name }) => name.length))
const LOGS = join(ROOT, '.cache/guests/logs')

const IMAGES: Readonly<Record<Initrd, readonly ImageGroup[]>> = {
  'initrd-shell.gz': ['boot'],
  'initrd-test.gz': ['boot'],
  'initrd-bench.gz': ['boot', 'bench'],
  'installer-initrd.gz': ['installer'],
}

type Run = { readonly guest: Guest; readonly images: string; readonly scratch: string; readonly prepared: readonly Prepared[] }

/** The arguments that say what starts: a kernel directly, or from a CD-ROM by firmware and GRUB. */
async function startArguments({ guest, images, scratch, prepared }: Run): Promise<string[]> {
  const words = ['console=ttyS0', guest.append, ...prepared.flatMap((each) => each.append ?? [])]
  const kernel = join(images, guest.kernel), initrd = join(images, guest.initrd), append = words.filter(Boolean).join(' ')
  if (!guest.iso) return ['-kernel', kernel, '-initrd', initrd, '-append', append]
  const menu = `set timeout=1\nmenuentry Debian {\n linux /boot/kernel ${append}\n initrd /boot/initrd\n}\n`
  return ['-cdrom', await grubIso(scratch, menu, { kernel, initrd })]
}

async function commandLine(run: Run, emulator: readonly string[]): Promise<string[]> {
  const { guest, prepared } = run
  return [
    ...emulator, '-M', MACHINES[guest.arch].machine, '-nographic', '-smp', `${guest.cpus}`, '-m', `${guest.memoryMiB}`,
    ...await startArguments(run), ...guest.args, ...prepared.flatMap((each) => each.args ?? []),
  ]
}

type Wanted = { readonly count: number; readonly seed: number; readonly seconds: number | undefined }

async function boot(guest: Guest, emulator: readonly string[], log: string, wanted: Wanted): Promise<Outcome> {
  if (guest.nested) return runGuest(await nestedCommand(), guest, log)
  const images = await guestImages(guest.arch, IMAGES[guest.initrd])
  const scratch = await mkdtemp(join(tmpdir(), `typevisor-${guest.name}-`))
  const prepared: Prepared[] = []
  try {
    for (const resource of guest.resources) prepared.push(await resource.prepare(scratch))
    const command = await commandLine({ guest, images, scratch, prepared }, emulator)
    const outcome = await go(command, guest, scratch, log, wanted)
    if (outcome.reason) return outcome
    for (const each of prepared) await each.after?.(outcome.text)
    return outcome
  } finally {
    for (const each of prepared) each.close?.()
    await rm(scratch, { recursive: true })
  }
}

function go(command: readonly string[], guest: Guest, scratch: string, log: string, wanted: Wanted): Promise<Outcome> {
  if (guest.moments !== undefined) return bootAtMoments(command, guest, { ...wanted, scratch, log })
  if (guest.stress) {
    const seconds = wanted.seconds ?? guest.stress.seconds
    return stress(command, { seconds, bootSeconds: guest.timeoutSeconds, scratch, log })
  }
  return guest.before ? runTwice(command, guest, join(scratch, 'snapshot.tvsnap'), log) : runGuest(command, guest, log)
}

/** Saves the guest and ends the emulator; a new one continues. */
async function runTwice(command: readonly string[], guest: Guest, path: string, log: string): Promise<Outcome> {
  const steps: readonly Step[] = [
    ...guest.before!.slice(0, -1),
    { ...guest.before!.at(-1)!, send: `\x01cstop\nsavevm ${path}\ninfo status\n` }, // to the monitor
    { expect: 'VM status: paused', send: 'quit\n' },
  ]
  const first = await runGuest(command, { ...guest, steps }, `${log}.before`)
  if (first.reason) return first
  const second = await runGuest([...command, '-loadvm', path], guest, log)
  return { ...second, text: first.text + second.text, seconds: first.seconds + second.seconds }
}

/** Runs `use` with what starts the emulator: QEMU, or ours from the sources or from an installed package. */
async function withEmulator<T>(guest: Guest, qemu: boolean, use: (command: readonly string[]) => Promise<T>): Promise<T> {
  const name = `system-${MACHINES[guest.arch].system}`
  if (qemu) return use([`qemu-${name}`])
  if (!guest.packaged) return use([process.execPath, join(ROOT, `bin/typevisor-${name}.js`)])
  const folder = await mkdtemp(join(tmpdir(), 'typevisor-package-'))
  try {
    return await use([process.execPath, join(await installPackage(folder), `node_modules/.bin/typevisor-${name}`)])
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** One line for a guest that did well; for another the reason, the end of its console and where the rest lies. */
async function report(guest: Guest, qemu: boolean, wanted: Wanted): Promise<boolean> {
  const log = join(LOGS, `${guest.name}.log`)
  let outcome: Outcome
  try {
    outcome = await withEmulator(guest, qemu, emulator => boot(guest, emulator, log, wanted))
  } catch (error) {
    if (!(error instanceof Error)) throw error
    outcome = { text: '', reason: error.message, seconds: 0 }
  }
  const { reason, seconds, text } = outcome
  console.log(`${reason ? 'FAILED' : 'ok    '} ${guest.name.padEnd(NAME_WIDTH)} ${seconds.toFixed(1).padStart(6)} s  ${reason ?? ''}`)
  if (reason) {
    for (const line of text.trimEnd().split('\n').slice(-15)) console.log(`    | ${line}`)
    console.log(`    ${log}`)
  }
  return !reason
}

await runMain('guests', async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      qemu: { type: 'boolean', default: false }, list: { type: 'boolean', default: false },
      moments: { type: 'string', default: '2' }, seed: { type: 'string', default: '1' }, seconds: { type: 'string' },
    },
  })
  if (values.list) return console.log(GUESTS.map(({ name }) => name).join('\n'))
  const unknown = positionals.filter((name) => !GUESTS.some((guest) => guest.name === name))
  if (unknown.length) throw new UserError(`no guest ${unknown.join(', ')}; --list names them`)

  const whole = (name: 'moments' | 'seed' | 'seconds'): number => {
    const n = Number(values[name])
    if (!Number.isSafeInteger(n) || n < 1) throw new UserError(`--${name} takes a whole number from 1 on, not '${values[name]}'`)
    return n
  }
  const seconds = values.seconds === undefined ? undefined : whole('seconds')
  const wanted: Wanted = { count: whole('moments'), seed: whole('seed'), seconds }

  await mkdir(LOGS, { recursive: true })
  const results: boolean[] = []
  for (const guest of GUESTS) {
    if (positionals.length && !positionals.includes(guest.name)) continue
    if ((guest.stress || guest.slow) && !positionals.includes(guest.name)) continue
    // QEMU keeps snapshots in disk images, of which these guests have none; it has no `info jit`, and is in no package of ours.
    if (values.qemu && (guest.before || guest.moments || guest.stress || guest.packaged)) continue
    if (guest.missing && !values.qemu) {
      console.log(`skip   ${guest.name.padEnd(NAME_WIDTH)}           not implemented: ${guest.missing}`)
      continue
    }
    results.push(await report(guest, values.qemu, wanted))
  }
  const passed = results.filter(Boolean).length
  console.log(`${passed} passed, ${results.length - passed} failed`)
  if (passed < results.length) process.exitCode = 1
})
