// Runs the bare-metal programs in QEMU and in ours, and compares what they print:
//
//   node test/diff/x86sys/run.ts [--show] [PROGRAM...]
//
// Ours is the processor code under the interpreter on the small machine of machine.ts. --show prints what QEMU gives. Needs gcc that
// compiles for 32 bits, and qemu-system-x86_64; builds into a temporary folder. A program is a firmware image.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
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
  return readFileSync(log, 'latin1')
}

function compare(program: Program, expected: readonly string[], got: readonly string[]): number {
  let wrong = 0, known = 0
  for (let i = 0; i < Math.max(expected.length, got.length) && wrong < 20; i++) {
    const want = expected[i] ?? '', have = got[i] ?? ''
    if (want === have) continue
    if (differences.some(d => d.theirs.test(want) && have === want.replace(d.theirs, d.ours))) known++
    else {
      wrong++
      console.log(`${program}, line ${i + 1}\n  QEMU ${want}\n  ours ${have}`)
    }
  }
  console.log(`${program}: ${expected.length} lines, ${wrong} differ, ${known} differ as the manual has it`)
  return wrong
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { show: { type: 'boolean' } } })
const names = Object.keys(programs) as Program[]
for (const name of positionals)
  if (!(name in programs)) {
    console.error(`there is no program '${name}': one of ${names.join(', ')}`)
    process.exit(1)
  }
const folder = mkdtempSync(join(tmpdir(), 'x86sys-'))
let wrong = 0
try {
  for (const program of positionals.length ? positionals as Program[] : names) {
    const image = build(program, folder), expected = theirs(program, image, folder)
    if (values.show) console.log(expected)
    const ours = runImage(readFileSync(image), 'interpreter', programs[program].model)
    if (!ours.finished) throw new Error(`${program} did not finish (${ours.at}):\n${ours.output.slice(-500)}`)
    wrong += compare(program, expected.trimEnd().split('\n'), ours.output.trimEnd().split('\n'))
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = wrong ? 1 : 0
