// Runs the bare-metal programs in QEMU and in ours, and compares what they print:
//
//   node test/diff/priv/run.ts [--with COMMAND] [--show] [PROGRAM...]
//
// Ours is the processor code on the small machine of machine.ts, or with --with any command that takes QEMU's
// options (`--with 'bin/typevisor-system-riscv64'`). --show prints what QEMU gives. Needs
// riscv64-linux-gnu-gcc and qemu-system-riscv64; builds into a temporary folder.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { differences } from './differences.ts'
import { runProgram } from './machine.ts'

const here = import.meta.dirname
const programs = ['csr', 'exceptions', 'interrupts', 'xret', 'mmu', 'mmu48', 'pmp', 'timer']
const options = ['-M', 'virt', '-m', '32', '-bios', 'none', '-display', 'none', '-serial', 'stdio',
  '-monitor', 'none']
const TIMEOUT_MS = 180_000

const { values, positionals } = parseArgs({
  allowPositionals: true, options: { with: { type: 'string' }, show: { type: 'boolean' } },
})

function build(program: string, folder: string): string {
  const elf = join(folder, `${program}.elf`), source = (name: string) => join(here, 'programs', name)
  execFileSync('riscv64-linux-gnu-gcc', [
    '-nostdlib', '-nostartfiles', '-static', '-ffreestanding', '-O1', '-march=rv64gc', '-mabi=lp64d',
    '-mcmodel=medany', '-fno-pic', '-no-pie', '-Wall', '-Wno-parentheses', '-Wl,--build-id=none',
    '-Wl,--no-relax', '-Wl,--no-warn-rwx-segments',
    '-T', source('link.ld'), '-o', elf, source('start.S'), source('rt.c'), source(`${program}.c`),
  ], { stdio: 'inherit' })
  return elf
}

function emulate(command: readonly string[], elf: string): string {
  const r = spawnSync(command[0]!, [...command.slice(1), ...options, '-kernel', elf],
    { encoding: 'utf8', timeout: TIMEOUT_MS, stdio: ['ignore', 'pipe', 'inherit'] })
  if (r.error) throw new Error(`${command[0]} ${elf}: ${r.error.message}`, { cause: r.error })
  if (r.signal) throw new Error(`${command[0]} did not finish ${elf} within ${TIMEOUT_MS / 1000} s`)
  return r.stdout
}

function ours(elf: string): string {
  if (values.with) return emulate(values.with.split(' '), elf)
  const { output, finished, instructions } = runProgram(elf)
  if (!finished)
    throw new Error(`${elf} did not finish after ${instructions} instructions:\n${output.slice(-500)}`)
  return output
}

/** Splits off the lines of known differences; complaints about those of ours that are not as they should be.
 * */
type Sifted = { rest: string[]; wrong: string[]; known: number }
function sift(program: string, text: string, isOurs: boolean): Sifted {
  const rules = differences.filter(d => d.program.test(program)), rest: string[] = [], wrong: string[] = []
  let known = 0
  for (const line of text.trimEnd().split('\n')) {
    const rule = rules.find(d => d.lines.test(line))
    if (!rule) rest.push(line)
    else {
      known++
      if (isOurs && !rule.ours.test(line)) wrong.push(`${line}   <- should match ${rule.ours} (${rule.why})`)
    }
  }
  return { rest, wrong, known }
}

const folder = mkdtempSync(join(tmpdir(), 'priv-'))
let failures = 0
try {
  for (const program of positionals.length ? positionals : programs) {
    const elf = build(program, folder)
    const expected = emulate(['qemu-system-riscv64', '-cpu', 'rv64,h=false,debug=false'], elf)
    if (values.show) console.log(expected)
    const a = sift(program, expected, false), b = sift(program, ours(elf), true)
    const bad = b.wrong
    for (let i = 0; i < Math.max(a.rest.length, b.rest.length); i++)
      if (a.rest[i] !== b.rest[i])
        bad.push(`line ${i + 1}\n  qemu ${a.rest[i] ?? '-'}\n  ours ${b.rest[i] ?? '-'}`)
    console.log(`${program}: ${b.rest.length} lines, ${b.known} of known differences, ${bad.length} wrong`)
    for (const text of bad.slice(0, 10)) console.log(text)
    failures += bad.length
  }
} finally {
  rmSync(folder, { recursive: true })
}
process.exitCode = failures ? 1 : 0
