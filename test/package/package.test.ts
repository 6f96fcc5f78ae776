// The published package, installed in a folder of its own: commands start, types resolve, machines run on threads.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { installPackage } from '../../scripts/package.ts'
import { encode } from '../../src/isa/pattern.ts'
import { rv32i } from '../../src/isa/riscv/rv32i.insn.ts'
import { zicsr } from '../../src/isa/riscv/zicsr.insn.ts'

const exec = promisify(execFile)
const root = join(import.meta.dirname, '../..')
const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
  readonly version: string; readonly bin: object; readonly exports: object
}
let folder = '', app = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'typevisor-package-'))
  app = await installPackage(folder)
})
after(() => rm(folder, { recursive: true, force: true }))

/** What a user of the library writes. */
const PROGRAM = `
import { createMachine, type MachineConfig, VmError } from 'typevisor'
import { createMachine as same } from 'typevisor/node'

const config: MachineConfig = { arch: 'riscv64', memoryBytes: 64 * 2 ** 20, smp: { cpus: 2 }, bios: 'firmware.bin' }
await using machine = await createMachine(config)
machine.serial.onData(bytes => process.stdout.write(bytes))
await machine.start()
const { cause } = await machine.ended
if (cause !== 'guest-shutdown' || createMachine !== same) throw new Error(cause)

// @ts-expect-error: not a part of the configuration
const wrong: MachineConfig = { memory: 3 }
await same({ ...config, bios: 'missing.bin' }).then(
  () => { throw new Error(JSON.stringify(wrong)) },
  (error: unknown) => { if (!(error instanceof VmError) || error.code !== 'file.notFound') throw error })
`

/** The second hart prints 2 and lets the first one go on, which prints 1 and switches off. */
function firmware(): Uint8Array {
  const { auipc, lui, addi, beq, jal, lw, sb, sw } = rv32i
  const put = (text: string) => [
    encode(addi, { rd: 12, rs1: 0, imm: text.charCodeAt(0) }), encode(sb, { rs1: 10, rs2: 12, imm: 0 }),
  ]
  const halt = encode(jal, { rd: 0, imm: 0 })
  return new Uint8Array(Int32Array.from([
    encode(auipc, { rd: 13, imm: 0x1000 }),
    encode(lui, { rd: 10, imm: 0x10000000 }), // the UART
    encode(zicsr.csrrs, { rd: 11, rs1: 0, csr: 0xf14 }), // mhartid
    encode(beq, { rs1: 11, rs2: 0, imm: 20 }),
    ...put('2'),
    encode(sw, { rs1: 13, rs2: 12, imm: 0 }),
    halt,
    encode(lw, { rd: 14, rs1: 13, imm: 0 }),
    encode(beq, { rs1: 14, rs2: 0, imm: -4 }),
    ...put('1'),
    ...put('\n'),
    encode(lui, { rd: 15, imm: 0x100000 }), // the test device: switch off
    encode(lui, { rd: 16, imm: 0x5000 }),
    encode(addi, { rd: 16, rs1: 16, imm: 0x555 }),
    encode(sw, { rs1: 15, rs2: 16, imm: 0 }),
    halt,
  ]).buffer)
}

test('it holds what is run, and nothing else', async () => {
  const installed = join(app, 'node_modules/typevisor')
  const files = await readdir(installed, { recursive: true })
  assert.deepEqual(files.filter(name => !name.includes('/')).sort(),
    ['CHANGELOG.md', 'LICENSE', 'README.md', 'bin', 'dist', 'package.json'])
  assert.deepEqual(files.filter(name => /\.test\.|(?<!\.d)\.ts$/.test(name)), [])
  for (const file of JSON.stringify(manifest.exports).matchAll(/"\.\/(dist[^"]+)"/g))
    assert.ok(existsSync(join(installed, file[1]!)), file[1])
})

test('the commands start', async () => {
  for (const command of Object.keys(manifest.bin)) {
    const { stdout } = await exec(process.execPath, [join(app, 'node_modules/.bin', command), '-version'], { cwd: app })
    assert.equal(stdout, `Typevisor version ${manifest.version}\n`)
  }
})

test('the command line runs a machine of two harts', async () => {
  await writeFile(join(app, 'firmware.bin'), firmware())
  const { stdout } = await exec(process.execPath, [
    join(app, 'node_modules/.bin/typevisor-system-riscv64'), '-M', 'virt', '-smp', '2', '-m', '64', '-nographic',
    '-bios', 'firmware.bin',
  ], { cwd: app, timeout: 60_000 })
  assert.equal(stdout, '21\n')
})

test('a program that imports it has types, and runs', async () => {
  const program = join(app, 'program.ts')
  await writeFile(join(app, 'firmware.bin'), firmware())
  await writeFile(program, PROGRAM)
  await exec(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '--ignoreConfig', '--noEmit', '--strict',
    '--module', 'nodenext', '--target', 'esnext', '--typeRoots', join(root, 'node_modules/@types'), '--types', 'node',
    program], { cwd: app })
  const { stdout } = await exec(process.execPath, [program], { cwd: app, timeout: 60_000 })
  assert.equal(stdout, '21\n')
})
