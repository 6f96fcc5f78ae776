// The hart as gdb sees it: register numbers as in gdb's own RISC-V port (x0-x31, pc, f0-f31, 65 + CSR number, then
// the privilege level), and the XML that names them.
import type { DebugRegister, DebugTarget } from '../isa.ts'
import { type Core, privOf, selectTlb, setPriv, updateMode, W } from './core.ts'
import { registers as isaRegisters } from './cpu.ts'
import { csrOf, csrs } from './csr.ts'

const PC = 32, F = 33, CSR = 65, PRIV = CSR + 4096
const names = isaRegisters.map(r => r.name)
/** gdb calls s0 fp. */
const xName = (i: number) => (i === 8 ? 'fp' : names[i]!)
const isFloat = (number: number) => number >= 1 && number <= 3

const registers: readonly DebugRegister[] = [
  ...Array.from({ length: 32 }, (_, i) => ({ number: i, name: xName(i), bits: 64 as const, general: true })),
  { number: PC, name: 'pc', bits: 64, general: true },
  ...Array.from({ length: 32 }, (_, i) =>
    ({ number: F + i, name: names[32 + i]!, bits: 64 as const, general: false })),
  ...csrs.map(r => ({
    number: CSR + r.number, name: r.name, bits: isFloat(r.number) ? 32 as const : 64 as const, general: false,
  })),
  { number: PRIV, name: 'priv', bits: 64, general: false },
]

const CONTROL = ['mhartid', 'mstatus', 'mip', 'mie', 'mideleg', 'medeleg', 'mtvec', 'stvec', 'mepc', 'sepc', 'mcause', 'scause',
  'mtval', 'stval', 'mscratch', 'sscratch', 'satp'].map(name => registers.find(r => r.name === name)!)

const feature = (name: string, body: string) =>
  `<?xml version="1.0"?>
<!DOCTYPE feature SYSTEM "gdb-target.dtd">
<feature name="${name}">
${body}</feature>
`
const reg = (r: DebugRegister, type: string, group = '') =>
  `  <reg name="${r.name}" bitsize="${r.bits}" type="${type}" regnum="${r.number}"${group}/>\n`
const byNumber = (from: number, to: number) => registers.filter(r => r.number >= from && r.number < to)
const pointers: Record<string, string> = {
  pc: 'code_ptr', ra: 'code_ptr', sp: 'data_ptr', gp: 'data_ptr', tp: 'data_ptr', fp: 'data_ptr',
}
const FLOAT_UNION = `  <union id="riscv_double">
    <field name="float" type="ieee_single"/>
    <field name="double" type="ieee_double"/>
  </union>
`

const xml = {
  'target.xml': `<?xml version="1.0"?>
<!DOCTYPE target SYSTEM "gdb-target.dtd">
<target>
  <architecture>riscv:rv64</architecture>
  <xi:include href="riscv-64bit-cpu.xml"/>
  <xi:include href="riscv-64bit-fpu.xml"/>
  <xi:include href="riscv-64bit-virtual.xml"/>
  <xi:include href="riscv-64bit-csr.xml"/>
</target>
`,
  'riscv-64bit-cpu.xml': feature('org.gnu.gdb.riscv.cpu',
    byNumber(0, F).map(r => reg(r, pointers[r.name] ?? 'int')).join('')),
  'riscv-64bit-fpu.xml': feature('org.gnu.gdb.riscv.fpu', FLOAT_UNION
    + byNumber(F, CSR).map(r => reg(r, 'riscv_double', ' group="float"')).join('')
    + registers.filter(r => isFloat(r.number - CSR)).map(r => reg(r, 'int', ' group="float"')).join('')),
  'riscv-64bit-virtual.xml': feature('org.gnu.gdb.riscv.virtual', byNumber(PRIV, PRIV + 1).map(r => reg(r, 'int')).join('')),
  'riscv-64bit-csr.xml': feature('org.gnu.gdb.riscv.csr',
    byNumber(CSR, PRIV).filter(r => !isFloat(r.number - CSR))
      .map(r => reg(r, 'int', ' group="csr"')).join('')),
}

const unsigned = (lo: number, hi: number) => (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)

/** A debugger reads and writes past privilege and FS, with the effects a write of the hart itself would have.
 * */
export function debugTarget(c: Core): DebugTarget {
  return {
    xml,
    registers,
    pc: PC,
    plain: CSR,
    control: CONTROL,
    read(number) {
      if (number < PC) return c.s.x.get(number)
      if (number === PC) return c.s.pc
      if (number < CSR) return c.s.f.get(number - F)
      if (number === PRIV) return BigInt(privOf(c))
      const csr = csrOf(number - CSR)
      return csr && unsigned(csr.read(c), c.hi)
    },
    write(number, value) {
      if (number < PC) {
        if (number > 0) c.s.x.set(number, value)
        return true
      }
      if (number === PC) c.s.pc = BigInt.asUintN(64, value) & ~1n
      else if (number < CSR) c.s.f.set(number - F, value)
      else if (number === PRIV) {
        if (value > 3n || value === 2n) return false // there is no such level
        setPriv(c, Number(value), c.i32[c.w + W.mstatus]!)
      } else {
        const csr = csrOf(number - CSR)
        if (!csr?.write) return false
        csr.write(c, Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)))
        updateMode(c)
        selectTlb(c)
      }
      return true
    },
  }
}
