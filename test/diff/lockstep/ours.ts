// Our side: a machine of the library, all on this thread.
import { createMachine } from '../../../src/vm/machine.ts'
import { nodeHost } from '../../../src/host/node/host.ts'
import { parseArguments } from '../../../src/manage/cli/parse.ts'
import type { RunAction } from '../../../src/vm/control.ts'
import { CORE, PC, type Side } from './side.ts'

export type OurSide = Side & {
  readonly ramBytes: number
  /** Executes at most so many instructions, as one translated block. */
  stepBlock(insns: number): Promise<void>
  writePhysical(pa: number, bytes: Uint8Array): Promise<void>
  /** ROM too, where addresses are physical. */
  patch(va: bigint, bytes: Uint8Array): Promise<void>
  /** Undefined: not mapped. */
  translate(va: bigint): Promise<bigint | undefined>
  disassemble(bytes: Uint8Array, pc: bigint): { text: string; length: number }
}

const RUN_MS = 120_000

export async function openOurSide(options: readonly string[], engine: 'interpreter' | 'compiled'): Promise<OurSide> {
  const { config } = parseArguments([...options, '-serial', 'null', '-monitor', 'none'], 'typevisor-system-riscv64', false)
  const machine = await createMachine({
    ...config, arch: 'riscv64',
    accels: [{ name: 'jit', properties: { thread: 'single', ...(engine === 'compiled' && { 'x-step': 'compiled' }) } }],
  }, nodeHost)
  const { debug } = machine
  let stopped = () => {}, failure: Error | undefined
  machine.on('debug', () => stopped())
  machine.on('error', e => {
    failure = new Error(e.message)
    stopped()
  })
  machine.on('shutdown', ({ cause }) => {
    failure ??= new Error(`our machine ended: ${cause}`)
    stopped()
  })
  async function run(action: RunAction): Promise<void> {
    const stop = new Promise<void>(resolve => { stopped = resolve })
    await debug.run(new Map([[0, action]]))
    await stop
    if (failure) throw failure
  }
  const readAll = async (count: number) => {
    const values: bigint[] = []
    for (let n = 0; n < count; n++) values.push((await debug.readRegister(0, n))!)
    return values
  }
  return {
    name: 'typevisor',
    ramBytes: machine.info.memoryBytes,
    async runTo(address) {
      if (await debug.readRegister(0, PC) === address) return
      await debug.setBreakpoint('software', address, 4)
      const timer = setTimeout(() => {
        failure = new Error(`our machine does not come to 0x${address.toString(16)}`)
        stopped()
      }, RUN_MS)
      await run('continue').finally(() => clearTimeout(timer))
      await debug.clearBreakpoint('software', address, 4)
    },
    step: () => run('step'),
    stepBlock: insns => run({ block: insns }),
    core: () => readAll(CORE),
    read: async numbers => Promise.all(numbers.map(n => debug.readRegister(0, n))),
    async write(number, value) {
      if (!await debug.writeRegister(0, number, value)) throw new Error(`register ${number} cannot be written`)
    },
    memory: async (va, length) => debug.readMemory(0, va, length),
    physical: async (pa, length) => machine.readPhysical(pa, length),
    async writePhysical(pa, bytes) {
      if (await machine.writePhysical(pa, bytes) !== bytes.length) throw new Error(`no RAM at 0x${pa.toString(16)}`)
    },
    async patch(va, bytes) {
      if (await debug.writeMemory(0, va, bytes) !== bytes.length) throw new Error(`nothing at 0x${va.toString(16)}`)
    },
    translate: async va => debug.translate(0, va),
    disassemble: (bytes, pc) => debug.disassemble!(bytes, pc),
    close: () => machine.close(),
  }
}
