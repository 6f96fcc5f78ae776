import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Access, ExitRequest, Fault } from '../isa.ts'
import { Mmu, System } from './cpu.ts'
import { fixture, type Fixture } from './fixture.ts'

const MTVEC = 0x80001000n, STVEC = 0x80002000n, PC = 0xffffffff80003abcn
const bit = (n: bigint, at: number) => Number((n >> BigInt(at)) & 1n)
const SIE = 1, MIE = 3, SPIE = 5, MPIE = 7, SPP = 8, MPRV = 17, TVM = 20, TW = 21, TSR = 22
const mpp = (status: bigint) => Number((status >> 11n) & 3n)

function at(f: Fixture, priv: number, status = 0n): void {
  f.s.priv = priv
  f.s.mstatus = 0xa00000000n | status
  f.s.pc = PC
  f.s.mtvec = MTVEC
  f.s.stvec = STVEC
  f.cpu.refresh()
}

test('exceptions: every cause, delegated or not, from every privilege, with interrupts on or off', () => {
  const f = fixture(), { s } = f
  for (const cause of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 15])
    for (const delegated of [false, true])
      for (const priv of [0, 1, 3])
        for (const on of [0n, 0xan]) {
          at(f, priv, on)
          s.medeleg = delegated ? 1n << BigInt(cause) : 0xffffn ^ (1n << BigInt(cause))
          s.trapCause = BigInt(cause)
          s.trapValue = 0x123456789abcdef0n
          s.reservedAddress = 0x1000n
          f.cpu.deliver()
          assert.equal(s.reservedAddress, 0xffffffffffffffffn)
          const what = `cause ${cause} from ${priv}`
          if (delegated && priv < 3) {
            assert.deepEqual([s.priv, s.pc, s.sepc, s.scause, s.stval],
              [1, STVEC, PC, BigInt(cause), 0x123456789abcdef0n], what)
            assert.deepEqual([bit(s.mstatus, SIE), bit(s.mstatus, SPIE), bit(s.mstatus, SPP)],
              [0, bit(on, SIE), priv], what)
            assert.equal(bit(s.mstatus, MIE), bit(on, MIE), what)
          } else {
            assert.deepEqual([s.priv, s.pc, s.mepc, s.mcause, s.mtval],
              [3, MTVEC, PC, BigInt(cause), 0x123456789abcdef0n], what)
            assert.deepEqual([bit(s.mstatus, MIE), bit(s.mstatus, MPIE), mpp(s.mstatus)],
              [0, bit(on, MIE), priv], what)
            assert.equal(bit(s.mstatus, SIE), bit(on, SIE), what)
          }
          assert.equal(s.mode & 3, s.priv)
        }
})

test('environment calls, breakpoints, illegal instructions and faults of the bus', () => {
  const f = fixture(), { s } = f
  for (const [priv, cause] of [[0, 8n], [1, 9n], [3, 11n]] as const) {
    at(f, priv)
    f.system('ECALL', 0x73)
    assert.deepEqual([s.mcause, s.mtval, s.mepc], [cause, 0n, PC])
  }
  at(f, 0)
  f.system('EBREAK', 0x9002)
  assert.deepEqual([s.mcause, s.mtval, s.mepc], [3n, PC, PC])
  at(f, 0)
  f.system('ILLEGAL', 0xffffffff | 0)
  assert.deepEqual([s.mcause, s.mtval], [2n, 0xffffffffn])
  for (const [kind, access, cause] of [
    [Fault.BUS, Access.READ, 5n], [Fault.BUS, Access.WRITE, 7n], [Fault.BUS, Access.EXECUTE, 1n],
    [Fault.MISALIGNED, Access.READ, 4n], [Fault.MISALIGNED, Access.WRITE, 6n],
  ] as const) {
    at(f, 1)
    f.cpu.fault(kind, 0x9abcdef1 | 0, 0x12345678, access)
    f.cpu.deliver()
    assert.deepEqual([s.mcause, s.mtval, s.mepc], [cause, 0x123456789abcdef1n, PC])
  }
})

const IRQS = [1, 3, 5, 7, 9, 11]
/** The manual's text, said once more: which interrupt is taken, and where. */
function expected(f: Fixture): { irq: number; toS: boolean } | undefined {
  const { s } = f, pending = s.mip | BigInt(s.lines)
  for (const toS of [false, true])
    for (const irq of [11, 3, 7, 9, 1, 5]) {
      const delegated = bit(s.mideleg, irq) === 1
      if (delegated !== toS || !bit(pending, irq) || !bit(s.mie, irq)) continue
      const level = toS ? 1 : 3
      if (s.priv < level || (s.priv === level && bit(s.mstatus, toS ? SIE : MIE))) return { irq, toS }
    }
  return undefined
}

test('interrupts: the choice, for pairs of pending ones and all enables', () => {
  const f = fixture(), { s } = f
  let taken = 0
  for (const vectored of [0n, 1n])
    for (const priv of [0, 1, 3])
      for (const status of [0n, 2n, 8n, 10n])
        for (const deleg of [0n, 2n, 0x20n, 0x200n, 0x222n])
          for (const a of IRQS)
            for (const b of IRQS)
              for (const disabled of [0n, 1n << BigInt(a)]) {
                at(f, priv, status)
                s.mtvec = MTVEC | vectored
                s.stvec = STVEC | vectored
                s.mideleg = deleg
                s.mie = 0xaaan & ~disabled
                s.mip = a === 1 || a === 5 || a === 9 ? 1n << BigInt(a) : 0n
                s.lines = (s.mip ? 0 : 1 << a) | (1 << b)
                const want = expected(f), wakes = ((s.mip | BigInt(s.lines)) & s.mie) !== 0n
                assert.equal(f.cpu.wakes(), wakes)
                assert.equal(f.cpu.interrupt(), want !== undefined)
                if (!want) {
                  assert.deepEqual([s.pc, s.priv], [PC, priv])
                  continue
                }
                taken++
                const cause = (1n << 63n) | BigInt(want.irq), offset = vectored * 4n * BigInt(want.irq)
                const [epc, why, value] = want.toS ? [s.sepc, s.scause, s.stval] : [s.mepc, s.mcause, s.mtval]
                assert.deepEqual([epc, why, value], [PC, cause, 0n])
                assert.deepEqual([s.priv, s.pc], want.toS ? [1, STVEC + offset] : [3, MTVEC + offset])
              }
  assert.ok(taken > 1000)
})

test('MRET: every MPP, MPIE, MIE and MPRV', () => {
  const f = fixture(), { s } = f
  for (const to of [0, 1, 3])
    for (let bits = 0; bits < 8; bits++) {
      const [ie, pie, rv] = [bits & 1, (bits >> 1) & 1, bits >> 2]
      at(f, 3, (BigInt(to) << 11n) | BigInt((ie << MIE) | (pie << MPIE) | (rv << MPRV)))
      s.mepc = 0x80004242n
      f.system('MRET', 0x30200073)
      assert.deepEqual([s.priv, s.pc], [to, 0x80004242n])
      assert.deepEqual([bit(s.mstatus, MIE), bit(s.mstatus, MPIE), mpp(s.mstatus), bit(s.mstatus, MPRV)],
        [pie, 1, 0, to === 3 ? rv : 0])
      assert.equal(f.tlb[3], [Mmu.USER, Mmu.SUPERVISOR, -1, Mmu.MACHINE][to])
    }
  for (const priv of [0, 1]) {
    at(f, priv)
    f.system('MRET', 0x30200073)
    assert.deepEqual([s.mcause, s.mtval, s.priv], [2n, 0x30200073n, 3])
  }
})

test('SRET: every SPP, SPIE, SIE, MPRV and TSR from every privilege', () => {
  const f = fixture(), { s } = f
  for (const from of [0, 1, 3])
    for (let bits = 0; bits < 32; bits++) {
      const flag = (i: number) => (bits >> i) & 1
      const ie = flag(0), pie = flag(1), rv = flag(2), to = flag(3), tsr = flag(4)
      at(f, from, BigInt((ie << SIE) | (pie << SPIE) | (rv << MPRV) | (to << SPP) | (tsr << TSR)))
      s.sepc = 0x80004242n
      f.system('SRET', 0x10200073)
      if (from === 0 || (from === 1 && tsr)) {
        assert.deepEqual([s.mcause, s.mtval, s.mepc], [2n, 0x10200073n, PC])
        continue
      }
      assert.deepEqual([s.priv, s.pc], [to, 0x80004242n])
      assert.deepEqual([bit(s.mstatus, SIE), bit(s.mstatus, SPIE), bit(s.mstatus, SPP), bit(s.mstatus, MPRV)],
        [pie, 1, 0, 0])
    }
})

test('WFI: illegal from U and with TW from S, else it halts unless something is pending', () => {
  const f = fixture(), { s } = f
  for (const priv of [0, 1, 3])
    for (const tw of [0, 1])
      for (const pending of [0, 1]) {
        at(f, priv, BigInt(tw << TW))
        s.halted = 0
        s.mie = 2n
        s.mip = pending ? 2n : 0x20n
        f.system('WFI', 0x10500073)
        if (priv === 0 || (priv === 1 && tw))
          assert.deepEqual([s.mcause, s.mtval, s.mepc, s.halted], [2n, 0x10500073n, PC, 0])
        else assert.deepEqual([s.pc, s.halted], [PC + 4n, pending ? 0 : 1])
      }
})

test('a halted hart wakes by the timer, whether or not it may take the interrupt', () => {
  const f = fixture(), { s } = f
  at(f, 1)
  s.menvcfg = 1n << 63n
  s.stimecmp = 1000n
  s.mie = 0x20n
  s.mideleg = 0x20n
  f.cpu.refresh()
  assert.equal(f.armed, 100_000)
  f.system('WFI')
  assert.deepEqual([s.halted, f.cpu.wakes()], [1, false])
  f.now = 100_000
  assert.deepEqual([f.cpu.wakes(), f.cpu.interrupt()], [true, false])
  s.halted = 0
  s.mstatus |= 2n
  assert.equal(f.cpu.interrupt(), true)
  assert.deepEqual([s.scause, s.sepc], [(1n << 63n) | 5n, PC + 4n])
})

test('a request that comes too early arms the timer again', () => {
  const f = fixture()
  f.csr('rw', 0x30a, 1n << 63n)
  f.csr('rw', 0x14d, 1000n)
  f.armed = Infinity // expired for an earlier deadline, on another thread
  f.now = 99_999
  assert.equal(f.cpu.interrupt(), false)
  assert.equal(f.armed, 100_000)
})

test('SFENCE.VMA: illegal from U, and from S with TVM', () => {
  const f = fixture(), { s } = f
  for (const priv of [0, 1, 3])
    for (const tvm of [0, 1]) {
      at(f, priv, BigInt(tvm << TVM))
      f.take()
      f.system('SFENCE_VMA', 0x12000073)
      const ok = priv === 3 || (priv === 1 && !tvm)
      assert.equal(s.pc, ok ? PC + 4n : MTVEC)
      assert.deepEqual(f.take(), ok ? ['flush'] : [])
    }
})

test('instructions that only move on', () => {
  const f = fixture()
  f.s.pc = 0x1_fffffffcn
  f.system('FENCE_I', 0x100f)
  assert.deepEqual([f.s.pc, f.take()], [0x2_00000000n, ['code']])
  f.cpu.system(System.SPIN, 0x0100000f)
  assert.equal(f.s.pc, 0x2_00000004n)
})

test('an interrupt that is enabled by a return is asked for', () => {
  const f = fixture()
  at(f, 3, 1n << 7n) // MPIE, MPP = U
  f.s.mie = f.s.mip = 2n
  f.s.exitRequest = 0
  f.system('MRET')
  assert.ok(f.s.exitRequest & ExitRequest.INTERRUPT)
  assert.ok(f.cpu.interrupt())
})
