// Programs for several harts that say themselves what was wrong: hart n adds to the error counter what it saw and should not have,
// and to the counter of those that are done.
import { generator } from '../../src/base/random.ts'
import { Asm, loadConstant } from '../asm.ts'

export const BASE = 0x8000_0000
const SHARED = BASE + 0x8000
/** Addresses, 64 bits each. */
export const DONE = SHARED, ERRORS = SHARED + 64, CELLS = SHARED + 128
const BARRIER = SHARED + 0x800, LOCK = SHARED + 0x840, FLAG = SHARED + 0x900, DATA = SHARED + 0x980, SEEN = SHARED + 0xa00
const CODE = BASE + 0xa000, TABLES = BASE + 0xc000, PAGES = BASE + 0x1_0000

const [RA, T0, T1, T2, S0, S1, A0, A1, A2, A3, A6, A7, HART, TURN, ERROR, PHASE]
  = [1, 5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 17, 20, 21, 22, 23]
const HSM = 0x48534d, RFENCE = 0x52464e43, SBI_KERNEL = BASE + 0x20_0000
const MHARTID = 0xf14, MSTATUS = 0x300, MEPC = 0x341, SATP = 0x180, PMPCFG0 = 0x3a0, PMPADDR0 = 0x3b0

const VA = 0x4000_0000, V_R_W_X_A_D = 0xcf
const leaf = (pa: number, flags: number) => ((pa / 4096) << 10) + flags

export class Smp extends Asm {
  readonly harts: number
  private names = 0

  /** In machine mode all harts begin here; under the SBI the first does, and starts the others at `another`. */
  constructor(harts: number, sbi = false) {
    super(0x4000)
    this.harts = harts
    if (sbi) this.to('jal', 'boot', { rd: 0 }).label('another').op('addi', { rd: HART, rs1: A0, imm: 0 })
      .to('jal', 'all', { rd: 0 })
    if (sbi) this.label('boot').op('addi', { rd: HART, rs1: A0, imm: 0 }).startOthers().label('all')
    else this.op('csrrs', { rd: HART, csr: MHARTID, rs1: 0 })
    this.li(ERROR, 0).li(PHASE, 0)
  }

  private startOthers(): this {
    for (let hart = 0; hart < this.harts; hart++) {
      const self = this.name()
      this.li(A0, hart).to('beq', self, { rs1: A0, rs2: HART }).li(A1, SBI_KERNEL + 4).li(A2, 0).call(HSM, 0).label(self)
    }
    return this
  }

  /** A call of the SBI; arguments are in a0 and up. */
  call(extension: number, fn: number): this { return this.li(A6, fn).li(A7, extension).op('ecall') }

  li(rd: number, v: number | bigint): this {
    loadConstant(this, rd, BigInt(v))
    return this
  }
  name(): string { return `${this.names++}` }
  load(rd: number, at: number): this { return this.li(T0, at).op('ld', { rd, rs1: T0, imm: 0 }) }
  store(rs2: number, at: number): this { return this.li(T0, at).op('sd', { rs1: T0, rs2, imm: 0 }) }
  fence(): this { return this.op('fence', { fm: 0, pred: 15, succ: 15, rs1: 0, rd: 0 }) }

  /** Goes on when all harts have come here. */
  barrier(): this {
    const wait = this.name()
    this.op('addi', { rd: PHASE, rs1: PHASE, imm: this.harts }).fence().li(T0, BARRIER).li(T1, 1)
    this.op('amoadd.d', { rd: 0, rs1: T0, rs2: T1, aq: 1, rl: 1 })
    return this.label(wait).op('ld', { rd: T1, rs1: T0, imm: 0 }).to('blt', wait, { rs1: T1, rs2: PHASE }).fence()
  }

  /** Eight times in a row: turns that wait for each other are few, and code gets hot only by running. */
  eightTimes(body: () => void): this {
    const top = this.name()
    this.li(S1, 8).label(top)
    body()
    return this.op('addi', { rd: S1, rs1: S1, imm: -1 }).to('bne', top, { rs1: S1, rs2: 0 })
  }

  turns(count: number, body: () => void): this {
    const top = this.name(), back = this.name()
    this.li(TURN, count).label(top)
    body()
    // Far from its beginning.
    return this.op('addi', { rd: TURN, rs1: TURN, imm: -1 }).to('beq', back, { rs1: TURN, rs2: 0 })
      .to('jal', top, { rd: 0 }).label(back)
  }

  /** Only on this hart; the others jump over it. */
  only(hart: number, body: () => void): this {
    const over = this.name(), here = this.name()
    this.li(T0, hart).to('beq', here, { rs1: HART, rs2: T0 }).to('jal', over, { rd: 0 }).label(here)
    body()
    return this.label(over)
  }

  /** From machine mode to the supervisor's, with the tables of `map`. */
  supervise(): this {
    this.li(T0, -1).op('srli', { rd: T0, rs1: T0, shamt: 10 }).op('csrrw', { rd: 0, csr: PMPADDR0, rs1: T0 }).li(T0, 0x1f)
      .op('csrrw', { rd: 0, csr: PMPCFG0, rs1: T0 })
    this.li(T0, (8n << 60n) | BigInt(TABLES / 4096)).op('csrrw', { rd: 0, csr: SATP, rs1: T0 })
      .op('sfence.vma', { rs1: 0, rs2: 0 })
    this.op('auipc', { rd: T0, imm: 0 }).op('addi', { rd: T0, rs1: T0, imm: 28 }).op('csrrw', { rd: 0, csr: MEPC, rs1: T0 })
    return this.op('addi', { rd: T1, rs1: 0, imm: 1 }).op('slli', { rd: T1, rs1: T1, shamt: 11 })
      .op('csrrs', { rd: 0, csr: MSTATUS, rs1: T1 }).op('mret')
  }

  /** Tables that map VA to `pages`, and this program where it is. */
  map(pages: readonly number[]): this {
    const root = [[VA / 2 ** 30, leaf(TABLES + 4096, 1)], [2, leaf(BASE, V_R_W_X_A_D)]] as const
    for (const [i, v] of root) this.li(A0, v).store(A0, TABLES + 8 * i)
    this.li(A0, leaf(TABLES + 8192, 1)).store(A0, TABLES + 4096)
    for (const [i, page] of pages.entries()) this.li(A0, leaf(page, V_R_W_X_A_D)).store(A0, TABLES + 8192 + 8 * i)
    return this
  }

  mistakeUnlessEqual(a: number, b: number): this {
    const fine = this.name()
    return this.to('beq', fine, { rs1: a, rs2: b }).op('addi', { rd: ERROR, rs1: ERROR, imm: 1 }).label(fine)
  }

  end(): Uint8Array {
    this.li(T0, ERRORS).op('amoadd.d', { rd: 0, rs1: T0, rs2: ERROR }).fence().li(T0, DONE).li(T1, 1)
      .op('amoadd.d', { rd: 0, rs1: T0, rs2: T1 })
    return this.label('sleep').op('wfi').to('jal', 'sleep', { rd: 0 }).link().bytes
  }
}

export type Totals = { readonly [cell: number]: bigint }

/** Random operations whose order makes no difference: additions, exclusive-ors, maxima on shared cells of 32 and 64 bits, by
 * single instructions, by LR and SC, and under a lock. */
export function counting(harts: number, seed: number, count: number): { image: Uint8Array; totals: Totals } {
  const p = new Smp(harts), random = generator(seed), totals: { [cell: number]: bigint } = {}
  const cell = (kind: 'add' | 'xor' | 'max') => ({ add: 0, xor: 4, max: 8 })[kind] + Math.floor(random() * 4)
  const put = (n: number, v: bigint) => { totals[n] = BigInt.asUintN(64, v) }
  for (let i = 0; i < 12; i++) put(i, 0n)
  p.li(S1, CELLS).barrier()
  p.turns(count, () => {
    for (let i = 0; i < 24; i++) {
      const kind = (['add', 'add', 'xor', 'max'] as const)[Math.floor(random() * 4)]!, n = cell(kind),
        v = BigInt(Math.floor(random() * 1000) + 1)
      const wide = n % 2 === 0, suffix = wide ? '.d' : '.w', how = kind === 'max' ? 0 : random()
      // The upper half of a cell whose lower half is used alone is another hart's business: it stays as it is.
      p.op('addi', { rd: T0, rs1: S1, imm: 8 * n }).li(A1, v)
      if (how < 0.5) p.op(`amo${kind}${suffix}`, { rd: 0, rs1: T0, rs2: A1, aq: 1, rl: 1 })
      else if (how < 0.8) {
        const again = p.name()
        p.label(again).op(`lr${suffix}`, { rd: A0, rs1: T0, aq: 1 }).op(kind, { rd: A0, rs1: A0, rs2: A1 })
        p.op(`sc${suffix}`, { rd: T1, rs1: T0, rs2: A0, rl: 1 }).to('bne', again, { rs1: T1, rs2: 0 })
      } else {
        const again = p.name()
        p.li(A2, LOCK).li(A3, 1).label(again).op('amoswap.w', { rd: T1, rs1: A2, rs2: A3, aq: 1 })
          .to('bne', again, { rs1: T1, rs2: 0 })
        // Other ways to change the cell need no lock, so this one has cells of its own.
        p.op(wide ? 'ld' : 'lw', { rd: A0, rs1: T0, imm: 0x100 }).op(kind, { rd: A0, rs1: A0, rs2: A1 })
        p.op(wide ? 'sd' : 'sw', { rs1: T0, rs2: A0, imm: 0x100 }).op('amoswap.w', { rd: 0, rs1: A2, rs2: 0, rl: 1 })
      }
      const times = BigInt(harts * count), where = how < 0.8 ? n : n + 32, old = totals[where] ?? 0n
      const xored = times % 2n === 1n ? old ^ v : old
      const value = kind === 'add' ? old + v * times : kind === 'xor' ? xored : old > v ? old : v
      totals[where] = BigInt.asUintN(wide ? 64 : 32, value)
    }
  })
  return { image: p.end(), totals }
}

/** Two harts; what a fence between their accesses forbids is a mistake. */
export function litmus(count: number): Uint8Array {
  const p = new Smp(2), last = 10 * count
  // Message passing, all the time: who sees a number in the flag sees that or a later one in the data.
  p.barrier().only(0, () => {
    p.li(A0, 0).turns(last, () => p.op('addi', { rd: A0, rs1: A0, imm: 1 }).store(A0, DATA).fence().store(A0, FLAG))
  })
  p.only(1, () => {
    const more = p.name(), fine = p.name()
    p.li(A2, last).label(more).load(A0, FLAG).fence().load(A1, DATA)
    p.to('bge', fine, { rs1: A1, rs2: A0 }).op('addi', { rd: ERROR, rs1: ERROR, imm: 1 })
    p.label(fine).to('bne', more, { rs1: A0, rs2: A2 })
  })
  // Store buffering: not both see the old value.
  p.barrier().turns(count, () => {
    p.only(0, () => p.store(0, DATA).store(0, FLAG))
    p.barrier().li(A2, 1)
    p.only(0, () => p.store(A2, DATA).fence().load(A0, FLAG).store(A0, SEEN))
    p.only(1, () => p.store(A2, FLAG).fence().load(A0, DATA).store(A0, SEEN + 64))
    p.barrier()
    p.only(0, () => p.load(A0, SEEN).load(A1, SEEN + 64).op('or', { rd: A0, rs1: A0, rs2: A1 }).li(A1, 1)
      .mistakeUnlessEqual(A0, A1))
    p.barrier()
  })
  return p.end()
}

/** Hart 0 writes functions that the others call after a fence. */
export function remoteCode(harts: number, count: number): Uint8Array {
  const p = new Smp(harts), li = 0x00000513, ret = 0x00008067 // addi a0, zero, 0
  p.barrier().turns(count, () => {
    p.only(0, () => {
      // addi a0, zero, turn & 2047, somewhere in the page.
      p.op('andi', { rd: A1, rs1: TURN, imm: 2047 }).op('slli', { rd: A1, rs1: A1, shamt: 20 }).li(A2, li)
        .op('add', { rd: A1, rs1: A1, rs2: A2 })
      p.op('andi', { rd: A2, rs1: TURN, imm: 3 }).op('slli', { rd: A2, rs1: A2, shamt: 6 }).li(A3, CODE)
        .op('add', { rd: A3, rs1: A3, rs2: A2 })
      p.op('sw', { rs1: A3, rs2: A1, imm: 0 }).li(A1, ret).op('sw', { rs1: A3, rs2: A1, imm: 4 })
    })
    p.barrier().op('fence.i', { rd: 0, rs1: 0, imm: 0 })
    p.op('andi', { rd: A2, rs1: TURN, imm: 3 }).op('slli', { rd: A2, rs1: A2, shamt: 6 }).li(A3, CODE)
      .op('add', { rd: A3, rs1: A3, rs2: A2 })
    p.eightTimes(() => {
      p.op('jalr', { rd: RA, rs1: A3, imm: 0 }).op('andi', { rd: A1, rs1: TURN, imm: 2047 }).mistakeUnlessEqual(A0, A1)
    })
    p.barrier()
  })
  return p.end()
}

/** Hart 0 in machine mode changes a translation; hart 1 in supervisor mode reads through it, after a fence of its own. */
export function remoteTranslation(count: number): Uint8Array {
  const p = new Smp(2)
  p.only(0, () => {
    p.map([PAGES])
    for (const [i, at] of [PAGES, PAGES + 4096].entries()) p.li(A0, i + 1).store(A0, at)
  })
  p.barrier()
  p.only(1, () => p.supervise())
  p.turns(count, () => {
    p.op('andi', { rd: S0, rs1: TURN, imm: 1 })
    p.only(0, () => p.li(A0, leaf(PAGES, V_R_W_X_A_D)).op('slli', { rd: A1, rs1: S0, shamt: 10 })
      .op('add', { rd: A0, rs1: A0, rs2: A1 }).store(A0, TABLES + 8192))
    p.barrier()
    p.only(1, () => {
      p.li(T2, VA).op('sfence.vma', { rs1: T2, rs2: 0 }).op('addi', { rd: A1, rs1: S0, imm: 1 })
      p.eightTimes(() => p.op('ld', { rd: A0, rs1: T2, imm: 0 }).mistakeUnlessEqual(A0, A1))
    })
    p.barrier()
  })
  return p.end()
}

/** One hart. An instruction that crosses into another page each time, and a function of the page where it begins: `addi a0,
 * zero, 5` or 9, by the page behind, and `addi a0, a0, 1`. */
export function crossing(count: number): Uint8Array {
  const p = new Smp(1), li = 0x0513, ret = 0x8067, value = [5, 9]
  const half = (at: number, v: number) => p.li(A0, v).li(T0, at).op('sh', { rs1: T0, rs2: A0, imm: 0 })
  p.map([PAGES, PAGES + 4096])
  for (const [i, v] of [0x0513, 0x0015, ret, 0].entries()) half(PAGES + 2048 + 2 * i, v)
  half(PAGES + 4094, li)
  for (const [i, v] of value.entries())
    for (const [j, h] of [v << 4, ret, 0].entries()) half(PAGES + 4096 * (i + 1) + 2 * j, h)
  p.op('fence.i', { rd: 0, rs1: 0, imm: 0 }).supervise()
  p.turns(count, () => {
    p.op('andi', { rd: S0, rs1: TURN, imm: 1 }).li(A0, leaf(PAGES + 4096, V_R_W_X_A_D)).op('slli', { rd: A1, rs1: S0, shamt: 10 })
      .op('add', { rd: A0, rs1: A0, rs2: A1 }).store(A0, TABLES + 8200)
    p.li(T2, VA + 4096).op('sfence.vma', { rs1: T2, rs2: 0 })
    p.op('slli', { rd: A1, rs1: S0, shamt: 2 }).op('addi', { rd: A1, rs1: A1, imm: value[0]! })
    p.op('jalr', { rd: RA, rs1: T2, imm: -2 }).mistakeUnlessEqual(A0, A1)
    p.op('addi', { rd: A1, rs1: A1, imm: 1 }).op('jalr', { rd: RA, rs1: T2, imm: -2048 })
    p.mistakeUnlessEqual(A0, A1)
  })
  return p.end()
}

/** One hart. A loop calls a function of another page, which is mapped elsewhere and written, so seldom that all
 * is compiled meanwhile. */
export function otherPage(times: number): Uint8Array {
  const p = new Smp(1), li = 0x513, ret = 0x8067, apart = 14
  p.map([PAGES])
  for (const i of [0, 1]) p.li(A0, ret).li(T0, PAGES + 4096 * i + 4).op('sw', { rs1: T0, rs2: A0, imm: 0 })
  p.supervise()
  p.turns((times << apart) - 1, () => {
    // addi a0, zero, turn >> 14 & 1023 in the first page, the same + 1024 in the second.
    p.op('srli', { rd: S0, rs1: TURN, shamt: apart }).op('andi', { rd: S0, rs1: S0, imm: 1023 })
    const same = p.name()
    p.li(A1, (1 << apart) - 1).op('and', { rd: A0, rs1: TURN, rs2: A1 }).to('bne', same, { rs1: A0, rs2: A1 })
    for (const i of [0, 1])
      p.op('addi', { rd: A0, rs1: S0, imm: 0 }).li(A1, 1024 * i).op('add', { rd: A0, rs1: A0, rs2: A1 })
        .op('slli', { rd: A0, rs1: A0, shamt: 20 }).li(A1, li).op('or', { rd: A0, rs1: A0, rs2: A1 })
        .li(T0, PAGES + 4096 * i).op('sw', { rs1: T0, rs2: A0, imm: 0 })
    p.op('fence.i', { rd: 0, rs1: 0, imm: 0 }).label(same)
    p.op('srli', { rd: A2, rs1: TURN, shamt: 12 }).op('andi', { rd: A2, rs1: A2, imm: 1 }).li(A0, leaf(PAGES, V_R_W_X_A_D))
      .op('slli', { rd: A1, rs1: A2, shamt: 10 }).op('add', { rd: A0, rs1: A0, rs2: A1 }).store(A0, TABLES + 8192)
    p.li(T2, VA).op('sfence.vma', { rs1: T2, rs2: 0 }).op('slli', { rd: A1, rs1: A2, shamt: 10 }).op('add', { rd: A1, rs1: A1, rs2: S0 })
    p.eightTimes(() => p.op('jalr', { rd: RA, rs1: T2, imm: 0 }).mistakeUnlessEqual(A0, A1))
  })
  return p.end()
}

/** Under the SBI. Hart 0 changes a translation and fences hart 1, which has it in use and does nothing itself. The
 * address has bit 31 set. */
export function remoteFence(count: number): Uint8Array {
  const p = new Smp(2, true), leaf = (pa: number) => ((pa / 4096) << 10) + V_R_W_X_A_D, va = 0x1_d000_0000n
  p.only(0, () => {
    p.li(A0, ((TABLES + 4096) / 4096 << 10) + 1).store(A0, TABLES + 8 * Number(va >> 30n)).li(A0, leaf(BASE))
      .store(A0, TABLES + 16)
    p.li(A0, ((TABLES + 8192) / 4096 << 10) + 1).store(A0, TABLES + 4096 + 8 * Number((va >> 21n) & 511n))
    for (const [i, at] of [PAGES, PAGES + 4096].entries()) p.li(A0, i + 1).store(A0, at)
    p.li(A0, leaf(PAGES)).store(A0, TABLES + 8192)
  })
  p.barrier().li(T0, (8n << 60n) | BigInt(TABLES / 4096)).op('csrrw', { rd: 0, csr: SATP, rs1: T0 })
    .op('sfence.vma', { rs1: 0, rs2: 0 })
  p.turns(count, () => {
    p.barrier().only(1, () => p.li(T2, va).op('ld', { rd: A0, rs1: T2, imm: 0 })).barrier()
    p.op('andi', { rd: S0, rs1: TURN, imm: 1 })
    p.only(0, () => {
      p.li(A0, leaf(PAGES)).op('slli', { rd: A1, rs1: S0, shamt: 10 }).op('add', { rd: A0, rs1: A0, rs2: A1 })
        .store(A0, TABLES + 8192)
      p.fence().li(A0, 2).li(A1, 0).li(A2, va).li(A3, 4096).call(RFENCE, 1)
    })
    p.barrier()
    p.only(1, () => {
      p.li(T2, va).op('ld', { rd: A0, rs1: T2, imm: 0 }).op('addi', { rd: A1, rs1: S0, imm: 1 }).mistakeUnlessEqual(A0, A1)
    })
  })
  return p.end()
}
