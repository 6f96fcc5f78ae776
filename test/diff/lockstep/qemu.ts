// QEMU's side: its gdb stub steps it without interrupts, and tells and takes registers.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { csrNumbers } from './csrs.ts'
import { connectGdb } from './gdb-client.ts'
import { CORE, CSR0, F0, type Side } from './side.ts'

const PROGRAM = 'qemu-system-riscv64'

export async function openQemuSide(options: readonly string[]): Promise<Side> {
  const directory = mkdtempSync(join(tmpdir(), 'lockstep-')), path = join(directory, 'gdb')
  const child = spawn(PROGRAM, [
    ...options, '-S', '-accel', 'tcg', '-display', 'none', '-serial', 'null', '-monitor', 'none', '-gdb', `unix:${path},server=on,wait=off`,
  ], { stdio: ['ignore', 'ignore', 'pipe'] })
  let complaints = ''
  child.stderr.on('data', (bytes: Buffer) => { complaints += bytes.toString() })
  const failed = new Promise<never>((_, reject) => {
    child.on('error', reject)
    child.on('exit', code => reject(new Error(`${PROGRAM} ended with ${code}: ${complaints.trim()}`)))
  })
  failed.catch(() => {}) // whoever waits then hears of it
  const gdb = await Promise.race([connectGdb(path), failed])
  const ask = (...packets: readonly string[]) => Promise.race([gdb.ask(...packets), failed])
  const numbers = await registerNumbers(async packet => (await ask(packet))[0]!)

  const fine = (answer: string, what: string) => {
    if (answer !== 'OK') throw new Error(`${PROGRAM}: ${what}: ${answer || 'not supported'}`)
  }
  const stops = (answer: string) => {
    if (!/^[TS]05/.test(answer)) throw new Error(`${PROGRAM} did not stop as asked: ${answer}`)
  }
  return {
    name: 'qemu',
    async runTo(address) {
      const at = address.toString(16)
      fine((await ask(`Z0,${at},4`))[0]!, 'breakpoint')
      stops((await ask('c'))[0]!)
      fine((await ask(`z0,${at},4`))[0]!, 'breakpoint')
    },
    async step() {
      stops((await ask('s'))[0]!)
    },
    async core() {
      const hex = (await ask('g'))[0]!
      return Array.from({ length: CORE }, (_, i) => littleEndian(hex.slice(16 * i, 16 * i + 16)))
    },
    async read(wanted) {
      const known = wanted.map(n => numbers.get(n))
      const answers = await ask(...known.flatMap(n => (n === undefined ? [] : [`p${n.toString(16)}`])))
      return known.map(n => {
        if (n === undefined) return undefined
        const hex = answers.shift()!
        return /^([0-9a-f]{2})+$/.test(hex) ? littleEndian(hex) : undefined
      })
    },
    async write(number, value) {
      const bytes = Buffer.alloc(8)
      bytes.writeBigUInt64LE(BigInt.asUintN(64, value))
      fine((await ask(`P${numbers.get(number)!.toString(16)}=${bytes.toString('hex')}`))[0]!, 'register')
    },
    async memory(va, length) {
      return Buffer.from((await ask(`m${va.toString(16)},${length.toString(16)}`))[0]!, 'hex')
    },
    async physical(pa, length) {
      const file = join(directory, 'memory')
      const command = Buffer.from(`pmemsave 0x${pa.toString(16)} 0x${length.toString(16)} "${file}"`).toString('hex')
      fine((await ask(`qRcmd,${command}`)).at(-1)!, 'pmemsave')
      return readFileSync(file)
    },
    async close() {
      gdb.close()
      child.removeAllListeners('exit')
      child.kill('SIGKILL')
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

function littleEndian(hex: string): bigint {
  let value = 0n
  for (let i = hex.length; i > 0; i -= 2) value = (value << 8n) | BigInt(parseInt(hex.slice(i - 2, i), 16))
  return value
}

/** The stub's number of each register, by ours. It describes them by name; CSRs follow each other by their numbers, those that
 * it leaves out too (of floating point, which is off when it makes the list). */
async function registerNumbers(ask: (packet: string) => Promise<string>): Promise<Map<number, number>> {
  const numbers = new Map(Array.from({ length: CORE }, (_, i) => [i, i]))
  const file = async (name: string) => {
    let text = ''
    for (;;) {
      const part = await ask(`qXfer:features:read:${name}:${text.length.toString(16)},1000`)
      text += part.slice(1)
      if (!part.startsWith('m')) return text
    }
  }
  const included = [...(await file('target.xml')).matchAll(/<xi:include href="([^"]+)"/g)].map(m => m[1]!)
  let next = 0
  for (const name of included)
    for (const [tag] of (await file(name)).matchAll(/<reg [^>]*>/g)) {
      const attribute = (a: string) => new RegExp(`\\b${a}="([^"]*)"`).exec(tag)?.[1]
      const number = Number(attribute('regnum') ?? next), register = attribute('name')!
      next = number + 1
      const float = floats.indexOf(register), csr = csrNumbers.get(register)
      if (float >= 0) numbers.set(F0 + float, number)
      else if (csr !== undefined) for (const n of csrNumbers.values()) numbers.set(CSR0 + n, number - csr + n)
    }
  return numbers
}

const floats = [
  ...Array.from({ length: 8 }, (_, i) => `ft${i}`), 'fs0', 'fs1', ...Array.from({ length: 8 }, (_, i) => `fa${i}`),
  ...Array.from({ length: 10 }, (_, i) => `fs${i + 2}`), ...Array.from({ length: 4 }, (_, i) => `ft${i + 8}`),
]
