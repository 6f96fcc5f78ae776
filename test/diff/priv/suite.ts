// Bare-metal programs that print what the privileged architecture does: in QEMU, in the processor code on the small
// machine of machine.ts, and in the emulator as users start it. Needs riscv64-linux-gnu-gcc and qemu-system-riscv64.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { count, type Findings, type Suite } from '../suite.ts'
import { differences } from './differences.ts'
import { runProgram } from './machine.ts'

const here = import.meta.dirname
const programs = ['csr', 'exceptions', 'interrupts', 'xret', 'mmu', 'mmu48', 'pmp', 'timer']
const options = ['-M', 'virt', '-m', '32', '-bios', 'none', '-display', 'none', '-serial', 'stdio',
  '-monitor', 'none']
const TIMEOUT_MS = 180_000

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

/** What a program prints, by what runs it. */
const engines: { readonly [name: string]: (elf: string) => string } = {
  evaluator(elf) {
    const { output, finished, instructions } = runProgram(elf)
    if (!finished) throw new Error(`${elf} did not finish after ${instructions} instructions:\n${output.slice(-500)}`)
    return output
  },
  machine: elf => emulate([process.execPath, join(here, '../../../bin/typevisor-system-riscv64.js')], elf),
}

/** Lines but those of known differences, which are counted; complaints about those of ours that are not as they should be. */
function sift(program: string, text: string, isOurs: boolean, explained: Map<string, number>): { rest: string[]; wrong: string[] } {
  const rules = differences.filter(d => d.program.test(program)), rest: string[] = [], wrong: string[] = []
  for (const line of text.trimEnd().split('\n')) {
    const rule = rules.find(d => d.lines.test(line))
    if (!rule) rest.push(line)
    else if (isOurs) {
      count(explained, rule.why)
      if (!rule.ours.test(line)) wrong.push(`${line}   <- should match ${rule.ours} (${rule.why})`)
    }
  }
  return { rest, wrong }
}

function compare(program: string, engine: string): Findings {
  const folder = mkdtempSync(join(tmpdir(), 'priv-')), explained = new Map<string, number>()
  try {
    const elf = build(program, folder)
    const theirs = sift(program, emulate(['qemu-system-riscv64', '-cpu', 'rv64,h=false,debug=false'], elf), false, explained).rest
    const { rest: ours, wrong } = sift(program, engines[engine]!(elf), true, explained)
    const lines = Math.max(ours.length, theirs.length)
    for (let i = 0; i < lines; i++)
      if (theirs[i] !== ours[i]) wrong.push(`line ${i + 1}\n  qemu ${theirs[i] ?? '-'}\n  ours ${ours[i] ?? '-'}`)
    return { cases: lines, differences: wrong.length, examples: wrong.slice(0, 10), explained }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const needed = ['riscv64-linux-gnu-gcc', 'qemu-system-riscv64']
const lacking = needed.filter(command => spawnSync(command, ['--version']).error)

export const suite: Suite = {
  name: 'priv',
  compares: 'what programs see of the privileged architecture, line by line, with qemu-system-riscv64',
  parts: programs.flatMap(p => Object.keys(engines).map(e => `${p}-${e}`)),
  missing: () => (lacking.length ? `${lacking.join(', ')} is not installed` : undefined),
  async run(part) {
    const dash = part.lastIndexOf('-')
    return compare(part.slice(0, dash), part.slice(dash + 1))
  },
}
