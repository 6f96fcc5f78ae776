// What `-d` tells about blocks of code: when they are translated, and before they are executed.
import { address, hexAddress, log, logging, logsAddress } from '../../base/log.ts'
import type { Block } from '../../ir/block.ts'
import { print } from '../../ir/print.ts'
import type { Cpu, Isa } from '../../isa/isa.ts'
import { registerText } from '../../isa/registers.ts'

const RULE = '-'.repeat(16)

/** Classes in_asm and op. `byte` reads the block's code. */
export function logTranslated(
  isa: Isa, cpu: number, block: Block, mode: number, byte: (offset: number) => number,
): void {
  if (!logsAddress(block.pcLo, block.pcHi)) return
  const where = `cpu ${cpu}, ${isa.modeName(mode)} (mode 0x${mode.toString(16)})`
  const bytes = Uint8Array.from({ length: block.sizeBytes }, (_, i) => byte(i))
  const base = address(block.pcLo, block.pcHi)
  if (logging.in_asm) {
    const lines = [RULE, `IN: ${where}`]
    for (let at = 0; at < bytes.length;) {
      const pc = BigInt.asUintN(64, base + BigInt(at)), { text, length } = isa.disassemble(bytes.subarray(at), pc, mode)
      const code = Array.from(bytes.subarray(at, at + length), b => b.toString(16).padStart(2, '0')).reverse().join('')
      lines.push(`0x${pc.toString(16).padStart(16, '0')}:  ${code.padEnd(8)}  ${text}`)
      at += length
    }
    log('in_asm', lines.join('\n'))
  }
  if (logging.op) {
    const text = print(block, {
      register: i => isa.registers[i]!.name,
      instruction: (offset, length) => isa.disassemble(bytes.subarray(offset, offset + length), base + BigInt(offset), mode).text,
    })
    log('op', `OP: ${where}\n${text.trimEnd()}`)
  }
}

/** Classes exec and cpu: the processor is about to execute the block at an address. */
export function logExecuted(cpu: Cpu, index: number, pcLo: number, pcHi: number, mode: number): void {
  if (!logsAddress(pcLo, pcHi)) return
  if (logging.exec) log('exec', `Trace ${index}: ${hexAddress(pcLo, pcHi)} [${cpu.isa.modeName(mode)}]`)
  if (logging.cpu) log('cpu', registerText(index, cpu.debug))
}

/** The block whose line has been written was left before its first instruction. */
export function logStopped(index: number, pcLo: number, pcHi: number): void {
  if (logging.exec && logsAddress(pcLo, pcHi)) log('exec', `Stopped ${index}: before ${hexAddress(pcLo, pcHi)}`)
}

/** Blocks are to be seen each time: they are looked up, neither linked nor compiled. */
export const watchesExecution = (): boolean => logging.exec || logging.cpu
