// Registers of the current processor by name, for expressions and listings.
import { VmError } from '../../base/errors.ts'
import type { MachineControl } from '../../vm/control.ts'
import type { Scope } from './expression.ts'

type View = { readonly machine: MachineControl; readonly cpu: number }

export const registerScope = (view: View): Scope => ({
  async register(name) {
    const { debug } = view.machine
    const spec = debug.description.registers.find(r => r.name === name)
    return spec && debug.readRegister(view.cpu, spec.number)
  },
})

export function disassembler({
  machine, cpu,
}: View): (bytes: Uint8Array, pc: bigint) => { text: string; length: number } {
  const { debug } = machine
  if (!debug.disassemble) throw new VmError('cli.usage', 'not implemented: disassembly for this architecture')
  return (bytes, pc) => debug.disassemble!(bytes, pc, cpu)
}

/** All registers in columns: pc first, then the general ones, four to a line, then the others. */
export async function registerLines({ machine, cpu }: View): Promise<string> {
  const { registers, pc } = machine.debug.description
  const read = async (number: number, bits: number) => {
    const value = await machine.debug.readRegister(cpu, number)
    return value === undefined ? undefined : BigInt.asUintN(bits, value).toString(16).padStart(bits / 4, '0')
  }
  const order = [...registers.filter(r => r.number === pc), ...registers.filter(r => r.number !== pc)]
  let out = '', column = 0
  for (const r of order) {
    const value = await read(r.number, r.bits)
    if (value === undefined) continue
    out += ` ${r.name.padEnd(10)} ${value.padStart(16)}`
    column++
    if (column === 4 || r.number === pc) [out, column] = [`${out}\n`, 0]
  }
  return column ? `${out}\n` : out
}
