// Bare-metal programs that print what the system architecture of x86 does: in QEMU, and in the processor code under the interpreter
// on the small machine of machine.ts. Needs gcc that compiles for 32 bits, and qemu-system-x86_64. A program is a firmware image.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { count, type Findings, type Suite } from '../suite.ts'
import { differences } from './differences.ts'
import { runImage } from './machine.ts'

const programs = {
  protected: { model: 'qemu32', options: ['-m32'] },
  long: { model: 'Haswell', options: ['-m64', '-DLONG', '-mcmodel=kernel', '-mno-mmx', '-mno-80387', '-mno-red-zone'] },
} as const
type Program = keyof typeof programs
const TIMEOUT_MS = 240_000
const source = (name: string): string => join(import.meta.dirname, 'programs', name)

function build(program: Program, folder: string): string {
  const elf = join(folder, `${program}.elf`), image = join(folder, `${program}.bin`)
  execFileSync('gcc', [...programs[program].options,
    '-ffreestanding', '-fno-pic', '-no-pie', '-nostdlib', '-static', '-O1', '-fno-stack-protector', '-fno-asynchronous-unwind-tables',
    '-fcf-protection=none', '-mno-sse', '-Wall', '-Wno-unused-function', '-Wl,--build-id=none', '-Wl,-z,noexecstack', '-Wl,--no-warn-rwx-segments',
    '-T', source('link.ld'), '-o', elf, source('start.S'), source(`${program}.c`)], { stdio: 'inherit' })
  execFileSync('objcopy', ['-O', 'binary', elf, image])
  return image
}

function theirs(program: Program, image: string, folder: string): string {
  const log = join(folder, 'qemu.log')
  const r = spawnSync('qemu-system-x86_64', ['-M', 'pc', '-accel', 'tcg', '-cpu', programs[program].model, '-m', '32', '-display', 'none', '-bios', image,
    '-debugcon', `file:${log}`, '-device', 'isa-debug-exit,iobase=0xf4,iosize=1', '-no-reboot'], { timeout: TIMEOUT_MS, encoding: 'utf8' })
  if (r.error) throw new Error(`qemu-system-x86_64: ${r.error.message}`, { cause: r.error })
  if (r.signal) throw new Error(`qemu-system-x86_64 did not finish ${program} within ${TIMEOUT_MS / 1000} s`)
  return readFileSync(log, 'latin1')
}

function compare(program: Program): Findings {
  const folder = mkdtempSync(join(tmpdir(), 'x86sys-')), explained = new Map<string, number>(), examples: string[] = []
  try {
    const image = build(program, folder), ours = runImage(readFileSync(image), 'interpreter', programs[program].model)
    if (!ours.finished) throw new Error(`${program} did not finish (${ours.at}):\n${ours.output.slice(-500)}`)
    const expected = theirs(program, image, folder).trimEnd().split('\n'), got = ours.output.trimEnd().split('\n')
    const cases = Math.max(expected.length, got.length)
    let wrong = 0
    for (let i = 0; i < cases; i++) {
      const want = expected[i] ?? '-', have = got[i] ?? '-'
      if (want === have) continue
      const known = differences.find(d => d.theirs.test(want) && have === want.replace(d.theirs, d.ours))
      if (known) count(explained, known.why)
      else if (++wrong <= 10) examples.push(`line ${i + 1}\n  qemu ${want}\n  ours ${have}`)
    }
    return { cases, differences: wrong, examples, explained }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const lacking = ['gcc', 'objcopy', 'qemu-system-x86_64'].filter(command => spawnSync(command, ['--version']).error)

export const suite: Suite = {
  name: 'x86sys',
  compares: 'what programs see of the system architecture of x86, line by line, with qemu-system-x86_64',
  parts: Object.keys(programs),
  missing: () => (lacking.length ? `${lacking.join(', ')} is not installed` : undefined),
  run: async part => compare(part as Program),
}
