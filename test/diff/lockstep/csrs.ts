// The status registers that are compared, by name.
import { csrs } from '../../../src/isa/riscv/csr.ts'
import { CSR0 } from './side.ts'

export const csrNumbers: ReadonlyMap<string, number> = new Map(csrs.map(r => [r.name, r.number]))
export const csrName = (number: number): string => csrs.find(r => r.number === number - CSR0)?.name ?? `csr ${number - CSR0}`
export const FCSR = CSR0 + 3, MSTATUS = CSR0 + 0x300
