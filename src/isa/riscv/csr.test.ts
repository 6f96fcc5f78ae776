import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ExitRequest } from '../isa.ts'
import { Mmu, Mode, System } from './cpu.ts'
import { csrs } from './csr.ts'
import { fixture, type Fixture } from './fixture.ts'

const FS_SD = 0x8000000000006000n, ONES = 0xffffffffffffffffn
const instruction = (number: number, funct3: number, rd: number, rs1: number) =>
  (number << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | 0x73

/** What a register keeps of all ones and all zeros, written in machine mode with FS on; missing: it keeps
 * everything. */
const keeps: { readonly [name: string]: readonly [bigint, bigint] } = {
  fflags: [0x1fn, 0n], frm: [7n, 0n], fcsr: [0xffn, 0n],
  mstatus: [0x8000000a007e79aan, 0xa00000000n], sstatus: [0x80000002000c6122n, 0x200000000n],
  misa: [0x800000000014112dn, 0x800000000014112dn],
  medeleg: [0xb3ffn, 0n], mideleg: [0x222n, 0n], mie: [0xaaan, 0n], mip: [0x222n, 0n],
  sie: [0n, 0n], sip: [0n, 0n], // nothing is delegated
  mtvec: [0n, 0n], stvec: [0n, 0n], // mode 3 is reserved: no change
  mepc: [ONES - 1n, 0n], sepc: [ONES - 1n, 0n],
  mcounteren: [0xffffffffn, 0n], scounteren: [0xffffffffn, 0n], mcountinhibit: [5n, 0n],
  menvcfg: [0xa000000000000001n, 0n], senvcfg: [1n, 0n],
  satp: [0n, 0n], // mode 15 is reserved: no change
  pmpcfg0: [0x9f9f9f9f9f9f9f9fn, 0x9f9f9f9f9f9f9f9fn], // locked
  pmpcfg2: [0x9f9f9f9f9f9f9f9fn, 0x9f9f9f9f9f9f9f9fn],
  ...Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`pmpaddr${i}`, [0x3fffffffffffffn, 0n]])),
  ...Object.fromEntries(Array.from({ length: 29 }, (_, i) => [`mhpmcounter${i + 3}`, [0n, 0n]])),
  ...Object.fromEntries(Array.from({ length: 29 }, (_, i) => [`mhpmevent${i + 3}`, [0n, 0n]])),
}

for (const { number, name } of csrs) {
  test(`${name}: all ones and all zeros`, () => {
    const f = fixture()
    f.csr('rs', 0x300, 0x2000n)
    if (number >> 10 === 3) {
      const before = f.csr('rs', number, 0n)
      // csr() names x5, so even no bits are an attempt to write.
      assert.equal(f.s.mcause, 2n)
      assert.equal(before, 0n)
      return
    }
    const [ones, zeros] = keeps[name] ?? [ONES, 0n]
    for (const [written, read] of [[ONES, ones], [0n, zeros]] as const) {
      f.csr('rw', number, written)
      assert.equal(f.csr('rs', number, 0n), read, `${written.toString(16)} written`)
    }
    assert.equal(f.s.mcause, 0n)
  })
}

test('every field of the state that is a register is one of the CSRs', () => {
  const names = new Set(csrs.map(c => c.name))
  for (const field of ['mstatus', 'medeleg', 'mideleg', 'mie', 'mip', 'mtvec', 'mscratch', 'mepc', 'mcause',
    'mtval', 'mcounteren', 'mcountinhibit', 'menvcfg', 'stvec', 'sscratch', 'sepc', 'scause', 'stval',
    'scounteren', 'senvcfg', 'satp', 'stimecmp'])
    assert.ok(names.has(field), field)
})

/** Runs one CSR instruction at a privilege level; whether it was legal. */
function legal(f: Fixture, priv: number, number: number, funct3: number, rs1: number): boolean {
  f.s.priv = priv
  f.cpu.refresh()
  f.s.pc = 0x1000n
  f.s.x.set(9, 0n)
  f.cpu.system(System.CSR, instruction(number, funct3, 0, rs1))
  const ok = f.s.pc === 0x1004n
  if (!ok) {
    assert.equal(f.s.mcause, 2n)
    assert.equal(f.s.mtval, BigInt(instruction(number, funct3, 0, rs1) >>> 0))
    assert.equal(f.s.mepc, 0x1000n)
  }
  f.s.priv = 3
  f.cpu.refresh()
  return ok
}

test('privilege and read-only bits of the number decide, for every number', () => {
  const f = fixture(), known = new Set(csrs.map(c => c.number))
  f.csr('rs', 0x300, 0x6000n)
  f.csr('rw', 0x306, ONES)
  f.csr('rw', 0x106, ONES)
  f.csr('rw', 0x30a, 1n << 63n)
  for (let number = 0; number < 4096; number++)
    for (const priv of [0, 1, 3]) {
      const read = known.has(number) && ((number >> 8) & 3) <= priv
      assert.equal(legal(f, priv, number, 2, 0), read, `read ${number.toString(16)} from ${priv}`)
      assert.equal(legal(f, priv, number, 2, 9), read && number >> 10 !== 3,
        `csrrs ${number.toString(16)} from ${priv}`)
      assert.equal(legal(f, priv, number, 7, 0), read, `csrrci 0 ${number.toString(16)} from ${priv}`)
      if (number >> 10 === 3) assert.equal(legal(f, priv, number, 1, 9), false)
    }
})

test('the six instructions', () => {
  const f = fixture(), { s } = f, MSCRATCH = 0x340
  s.mscratch = 0xf0f0f0f0_f0f0f0f0n
  s.pc = 0xfffffffcn
  const run = (funct3: number, rd: number, rs1: number) =>
    f.cpu.system(System.CSR, instruction(MSCRATCH, funct3, rd, rs1))
  s.x.set(7, 0x12345678_9abcdef0n)
  run(1, 7, 7)
  assert.deepEqual([s.x.get(7), s.mscratch, s.pc], [0xf0f0f0f0_f0f0f0f0n, 0x12345678_9abcdef0n, 0x100000000n])
  s.x.set(8, 0x0f000000_0000000fn)
  run(2, 9, 8)
  assert.deepEqual([s.x.get(9), s.mscratch], [0x12345678_9abcdef0n, 0x1f345678_9abcdeffn])
  run(3, 0, 8)
  assert.deepEqual([s.x.get(0), s.mscratch], [0n, 0x10345678_9abcdef0n])
  run(5, 1, 31)
  assert.deepEqual([s.x.get(1), s.mscratch], [0x10345678_9abcdef0n, 31n])
  run(6, 1, 0)
  run(7, 1, 1)
  assert.deepEqual([s.x.get(1), s.mscratch], [31n, 30n])
})

test('floating-point registers need FS, and a write makes it dirty', () => {
  const f = fixture()
  for (const number of [1, 2, 3]) {
    f.s.mstatus = 0xa00000000n
    f.cpu.refresh()
    assert.equal(legal(f, 3, number, 2, 0), false)
    f.csr('rs', 0x300, 0x2000n)
    assert.equal(legal(f, 3, number, 2, 0), true)
    assert.equal(f.s.mstatus & FS_SD, 0x2000n)
    f.csr('rw', number, 0n)
    assert.equal(f.s.mstatus & FS_SD, FS_SD)
  }
  f.csr('rw', 3, 0xe1n)
  assert.deepEqual([f.s.frm, f.s.fflags], [7, 1])
})

test('counters are open to S by mcounteren, to U by scounteren too', () => {
  const f = fixture()
  for (let bit = 0; bit < 32; bit++)
    for (const m of [0, 1])
      for (const s of [0, 1]) {
        f.csr('rw', 0x306, BigInt((m << bit) >>> 0))
        f.csr('rw', 0x106, BigInt((s << bit) >>> 0))
        assert.equal(legal(f, 3, 0xc00 + bit, 2, 0), true)
        assert.equal(legal(f, 1, 0xc00 + bit, 2, 0), m === 1)
        assert.equal(legal(f, 0, 0xc00 + bit, 2, 0), m === 1 && s === 1)
      }
})

test('stimecmp is open to S by STCE and mcounteren.TM', () => {
  const f = fixture()
  for (const [stce, tm] of [[0, 0], [0, 1], [1, 0], [1, 1]] as const) {
    f.csr('rw', 0x30a, BigInt(stce) << 63n)
    f.csr('rw', 0x306, BigInt(tm) << 1n)
    assert.equal(legal(f, 1, 0x14d, 2, 0), stce + tm === 2)
    assert.equal(legal(f, 3, 0x14d, 2, 0), true)
  }
})

test('TVM keeps S from satp', () => {
  const f = fixture()
  f.csr('rs', 0x300, 1n << 20n)
  assert.equal(legal(f, 1, 0x180, 2, 0), false)
  assert.equal(legal(f, 3, 0x180, 2, 0), true)
})

test('satp takes Bare, Sv39 and Sv48 with any ASID, and nothing else', () => {
  const f = fixture()
  for (let mode = 0n; mode < 16n; mode++) {
    f.csr('rw', 0x180, 0n)
    const value = (mode << 60n) | 0xabcd123456789abn
    f.csr('rw', 0x180, value)
    assert.equal(f.s.satp, mode === 0n || mode === 8n || mode === 9n ? value : 0n)
  }
})

test('a switch of satp selects another TLB and flushes nothing', () => {
  const f = fixture()
  f.s.priv = 1
  f.s.x.set(5, (8n << 60n) | (0x1234n << 44n))
  f.system('CSR', instruction(0x180, 1, 0, 5))
  assert.deepEqual(f.tlb, [0x1234, Mmu.SUPERVISOR, 0x1234, Mmu.SUPERVISOR])
  f.s.x.set(5, (8n << 60n) | (0xffffn << 44n) | 77n)
  f.system('CSR', instruction(0x180, 1, 0, 5))
  assert.deepEqual(f.tlb, [0xffff, Mmu.SUPERVISOR, 0xffff, Mmu.SUPERVISOR])
  assert.deepEqual(f.take(), [])
  f.s.x.set(5, 9n << 60n)
  f.system('CSR', instruction(0x180, 1, 0, 5))
  assert.deepEqual(f.take(), ['flush'])
})

test('SUM, MPRV and MPP choose the data TLB, MXR and PMP flush it', () => {
  const f = fixture()
  f.csr('rw', 0x180, (8n << 60n) | (5n << 44n))
  assert.deepEqual(f.tlb.slice(0, 2), [0x10000, Mmu.MACHINE])
  f.csr('rs', 0x300, 1n << 17n) // MPRV, MPP = U
  assert.deepEqual(f.tlb, [5, Mmu.USER, 0x10000, Mmu.MACHINE])
  f.csr('rs', 0x300, 1n << 11n)
  assert.deepEqual(f.tlb, [5, Mmu.SUPERVISOR, 0x10000, Mmu.MACHINE])
  f.csr('rs', 0x300, 1n << 18n)
  assert.deepEqual(f.tlb, [5, Mmu.SUPERVISOR_SUM, 0x10000, Mmu.MACHINE])
  f.csr('rs', 0x300, 3n << 11n)
  assert.deepEqual(f.tlb, [0x10000, Mmu.MACHINE, 0x10000, Mmu.MACHINE])
  assert.deepEqual(f.take(), [])
  f.csr('rs', 0x300, 1n << 19n)
  assert.deepEqual(f.take(), ['flush'])
  f.csr('rw', 0x3b0, 77n)
  f.csr('rw', 0x3a0, 0x1fn)
  assert.deepEqual(f.take(), ['flush', 'flush'])
})

test('SFENCE.VMA passes on address and ASID exactly', () => {
  const f = fixture()
  f.s.x.set(10, 0xffffffc012345678n)
  f.s.x.set(11, 0x7fff0042n)
  for (const [rs1, rs2, call] of [
    [0, 0, 'flush'], [0, 11, 'flush asid 66'], [10, 0, 'flush ffffffc012345678'],
    [10, 11, 'flush ffffffc012345678 asid 66'],
  ] as const) {
    f.system('SFENCE_VMA', 0x12000073 | (rs1 << 15) | (rs2 << 20))
    assert.deepEqual(f.take(), [call])
  }
})

test('the mode word', () => {
  const f = fixture(), { s } = f
  const fs = () => (s.mode & Mode.FS) >> Mode.FS_SHIFT
  assert.equal(s.mode & Mode.PRIV, 3)
  for (const [bits, word] of [[0, 0], [1, 1], [2, 1], [3, 2]] as const) {
    f.csr('rc', 0x300, 0x6000n)
    f.csr('rs', 0x300, BigInt(bits) << 13n)
    assert.equal(fs(), word)
  }
  assert.ok(s.mode & Mode.NEAREST && !(s.mode & Mode.INEXACT))
  f.csr('rw', 3, 0x21n)
  assert.ok(!(s.mode & Mode.NEAREST) && s.mode & Mode.INEXACT)
  f.csr('rc', 0x300, 0x6000n)
  assert.equal(s.mode & (Mode.NEAREST | Mode.INEXACT), 0, 'no difference without a unit')
  f.system('FS_DIRTY')
  assert.equal(fs(), 2)
  assert.equal(s.mstatus >> 63n, 1n)
})

test('sip and sie are what is delegated; only SSIP is writable below', () => {
  const f = fixture()
  f.csr('rw', 0x303, 0x222n)
  f.csr('rw', 0x304, 0xaaan)
  f.csr('rw', 0x344, 0x222n)
  f.s.lines = 0x888
  assert.equal(f.csr('rs', 0x344, 0n), 0xaaan)
  assert.equal(f.csr('rs', 0x144, 0n), 0x222n)
  assert.equal(f.csr('rs', 0x104, 0n), 0x222n)
  f.csr('rw', 0x144, 0n)
  assert.equal(f.s.mip, 0x220n)
  f.csr('rw', 0x104, 0n)
  assert.equal(f.s.mie, 0x888n)
})

test('SEIP from the interrupt controller is read, but does not stick through CSRRS', () => {
  const f = fixture()
  f.s.lines = 1 << 9
  f.s.x.set(5, 2n)
  f.system('CSR', instruction(0x344, 2, 6, 5))
  assert.equal(f.s.x.get(6), 0x200n)
  f.s.lines = 0
  assert.equal(f.csr('rs', 0x344, 0n), 2n)
})

test('SSIP from another hart is cleared by who names it', () => {
  const f = fixture()
  f.csr('rw', 0x303, 2n)
  f.s.lines = 2
  f.csr('rs', 0x144, 0x20n)
  f.csr('rc', 0x144, 0x200n)
  assert.equal(f.csr('rs', 0x144, 0n), 2n)
  f.csr('rc', 0x144, 2n)
  assert.equal(f.s.lines, 0)
  assert.equal(f.csr('rs', 0x144, 0n), 0n)
})

test('stimecmp: armed, pending, and gone with the next value', () => {
  const f = fixture()
  f.csr('rw', 0x30a, 1n << 63n)
  assert.equal(f.armed, Infinity)
  f.now = 1_000_000
  f.csr('rw', 0x14d, 20_000n)
  assert.equal(f.armed, 2_000_000)
  assert.equal(f.csr('rs', 0x344, 0n), 0n)
  f.now = 1_999_999
  assert.equal(f.csr('rs', 0x344, 0n), 0n)
  f.now = 2_000_000
  assert.equal(f.csr('rs', 0x344, 0n), 0x20n)
  f.csr('rc', 0x344, 0x20n)
  assert.equal(f.csr('rs', 0x344, 0n), 0x20n, 'not software’s while STCE is set')
  f.csr('rw', 0x14d, 20_001n)
  assert.equal(f.csr('rs', 0x344, 0n), 0n)
  f.csr('rw', 0x14d, ONES)
  assert.equal(f.armed, Infinity)
  f.csr('rw', 0x14d, 5n)
  assert.equal(f.csr('rs', 0x344, 0n), 0x20n)
  f.csr('rw', 0x30a, 0n)
  assert.equal(f.csr('rs', 0x344, 0n), 0n)
})

test('whatever enables a pending interrupt asks to be looked at', () => {
  const asks = (set: (f: Fixture) => void) => {
    const f = fixture()
    f.s.mideleg = 0x222n
    f.s.mie = 0x200n
    f.s.lines = 0x200
    f.s.exitRequest = 0
    set(f)
    return (f.s.exitRequest & ExitRequest.INTERRUPT) !== 0
  }
  assert.ok(asks(f => f.csr('rs', 0x100, 2n)))
  assert.ok(asks(f => f.csr('rs', 0x304, 2n)))
  assert.ok(asks(f => f.system('MRET')))
  assert.ok(asks(f => f.system('SRET')))
  assert.ok(asks(f => {
    f.s.lines = 0
    f.csr('rs', 0x344, 0x200n)
  }))
  assert.ok(asks(f => {
    f.s.lines = 0
    f.csr('rw', 0x30a, 1n << 63n)
    f.csr('rw', 0x14d, 0n)
    f.s.exitRequest = 0
    f.csr('rs', 0x304, 0x20n)
  }))
  assert.ok(!asks(f => f.csr('rs', 0x340, 2n)))
})

test('counters: time at 10 MHz, cycle and instret continue where they are set, stop and go', () => {
  const f = fixture()
  f.now = 123_456_789_012_345
  assert.equal(f.csr('rs', 0xb00, 0n), 123_456_789_012_345n)
  f.cpu.call(0)
  assert.equal(f.s.result, 1_234_567_890_123n)
  for (const [number, call, bit] of [[0xb00, 1, 1n], [0xb02, 2, 4n]] as const) {
    for (const value of [0n, 5n, 0xfffffffffffffff0n, 0x1_00000000n]) {
      f.csr('rw', number, value)
      assert.equal(f.csr('rs', number, 0n), value)
      f.now += 100
      f.cpu.call(call)
      assert.equal(f.s.result, BigInt.asUintN(64, value + 100n))
      f.csr('rw', 0x320, bit)
      f.now += 1000
      assert.equal(f.csr('rs', number, 0n), BigInt.asUintN(64, value + 100n))
      f.csr('rw', 0x320, 0n)
      f.now += 10
      assert.equal(f.csr('rs', number, 0n), BigInt.asUintN(64, value + 110n))
    }
  }
})

test('identification', () => {
  const f = fixture()
  for (const number of [0xf11, 0xf12, 0xf13, 0xf14, 0xf15]) {
    f.system('CSR', instruction(number, 2, 6, 0))
    assert.equal(f.s.x.get(6), 0n)
  }
})
