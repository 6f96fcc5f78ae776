// What the privileged architecture's hot paths cost, in nanoseconds per call: `node
// bench/riscv-privileged.ts`.
import { Access } from '../src/isa/isa.ts'
import { Mmu } from '../src/isa/riscv/cpu.ts'
import { fixture, RAM } from '../src/isa/riscv/fixture.ts'

const N = 2_000_000
function measure(name: string, each: () => void): void {
  let best = Infinity
  for (let round = 0; round < 5; round++) {
    const start = performance.now()
    for (let i = 0; i < N; i++) each()
    best = Math.min(best, ((performance.now() - start) * 1e6) / N)
  }
  console.log(`${name.padEnd(44)} ${best.toFixed(1).padStart(7)} ns`)
}

const f = fixture(), { cpu, s } = f
// Sv48 tables at RAM + 0x1000, 0x2000, 0x3000, 0x4000: one 4 KiB page at virtual 0x1000.
for (const [at, to] of [[0x1000, 0x2000], [0x2000, 0x3000], [0x3000, 0x4000]] as const)
  f.write(RAM + at, (BigInt(RAM + to) >> 2n) | 1n)
f.write(RAM + 0x4000 + 8, (BigInt(RAM + 0x8000) >> 2n) | 0xdfn)
f.csr('rw', 0x3b0, 0x3fffffffffffffn)
f.csr('rw', 0x3a0, 0x1fn)
f.csr('rw', 0x180, (9n << 60n) | (BigInt(RAM + 0x1000) >> 12n))
f.csr('rw', 0x302, 0xb1ffn)
f.csr('rw', 0x105, 0x80000200n)

let sum = 0
measure('Sv48 walk, four levels', () => { sum += cpu.translate(0x1008, 0, Access.READ, Mmu.USER, 8)!.pa })
s.mepc = 0x1000n
s.mstatus = 0xa00000000n
f.system('MRET')
measure('ecall from U to S, and sret', () => {
  f.system('ECALL')
  f.system('SRET', 0x10200073)
})
measure('page fault: walk, note, deliver; and sret', () => {
  cpu.translate(0x5008, 0, Access.READ, Mmu.USER, 8)
  cpu.deliver()
  f.system('SRET', 0x10200073)
})
f.system('ECALL')
const csr = (number: number, funct3: number, rs1: number) => 
  (number << 20) | (rs1 << 15) | (funct3 << 12) | (6 << 7) | 0x73
s.x.set(5, 2n)
const set = csr(0x100, 2, 5), clear = csr(0x100, 3, 5), scratch = csr(0x140, 1, 5), sip = csr(0x144, 2, 0)
measure('csrrs and csrrc sstatus.SIE', () => {
  cpu.system(3, set)
  cpu.system(3, clear)
})
measure('csrrw sscratch', () => cpu.system(3, scratch))
measure('csrr sip', () => cpu.system(3, sip))
measure('time', () => cpu.call(0))
measure('interrupt() with nothing pending', () => {
  if (cpu.interrupt()) throw new Error('no interrupt expected')
})
s.mideleg = 0x222n
s.mie = 0x222n
s.mstatus |= 2n
measure('interrupt from S, sret', () => {
  s.lines = 0x200
  cpu.interrupt()
  s.lines = 0
  f.system('SRET', 0x10200073)
})
if (sum === 0) throw new Error('no walk')
