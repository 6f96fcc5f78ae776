// Programs without an operating system that treat the machine badly. Each harms for ever; a counter in memory for each hart
// tells that it still runs, where it can.
import { Asm, loadConstant } from '../asm.ts'
import { SIZE, VIRT } from '../../src/machines/virt-riscv.ts'

/** Byte address of hart 0's counter; the others' follow, 8 bytes each. */
export const COUNTERS = VIRT.DRAM + 0x1_0000
/** Memory that devices are given addresses in, and that is filled with garbage. */
const PLAYGROUND = VIRT.DRAM + 0x10_0000, PLAYGROUND_BYTES = 0x1_0000
const PCI_DEVICES = 8, BAR_BYTES = 0x1_0000

const [T0, T1, T2, S0, S1, A0, A1, A2, A3, COUNTER] = [5, 6, 7, 8, 9, 10, 11, 12, 13, 26]
const MSTATUS = 0x300, MIE = 0x304, MTVEC = 0x305, MEPC = 0x341, SATP = 0x180, MHARTID = 0xf14, PMPCFG0 = 0x3a0,
  PMPADDR0 = 0x3b0

class Program extends Asm {
  private names = 0

  constructor(seed: number) {
    super(0x4000)
    this.op('csrrs', { rd: T0, csr: MHARTID, rs1: 0 }).op('slli', { rd: COUNTER, rs1: T0, shamt: 3 }).li(T1, COUNTERS)
    this.op('add', { rd: COUNTER, rs1: COUNTER, rs2: T1 })
    this.li(S0, 0x9e3779b97f4a7c15n * BigInt(seed + 1)).op('add', { rd: S0, rs1: S0, rs2: T0 })
  }

  li(rd: number, v: number | bigint): this {
    loadConstant(this, rd, BigInt(v))
    return this
  }

  csr(number: number, rs1: number): this { return this.op('csrrw', { rd: 0, csr: number, rs1 }) }
  name(): string { return `${this.names++}` }

  /** The next random number into s0 (xorshift), and a copy. */
  random(rd: number): this {
    for (const [name, shamt] of [['slli', 13], ['srli', 7], ['slli', 17]] as const)
      this.op(name, { rd: T0, rs1: S0, shamt }).op('xor', { rd: S0, rs1: S0, rs2: T0 })
    return this.op('addi', { rd, rs1: S0, imm: 0 })
  }

  count(): this {
    this.op('ld', { rd: T0, rs1: COUNTER, imm: 0 }).op('addi', { rd: T0, rs1: T0, imm: 1 })
    return this.op('sd', { rs1: COUNTER, rs2: T0, imm: 0 })
  }

  /** mtvec: the code at a label. */
  handler(label: string): this {
    this.to('jal', `over ${label}`, { rd: T1 }).op('csrrs', { rd: T2, csr: MEPC, rs1: 0 })
      .op('addi', { rd: T2, rs1: T2, imm: 4 })
    return this.csr(MEPC, T2).op('mret').label(`over ${label}`).csr(MTVEC, T1)
  }

  /** Random bits, a small number, or an address in the playground. */
  value(rd: number): this {
    const other = this.name(), small = this.name()
    this.random(rd).op('andi', { rd: T1, rs1: rd, imm: 3 }).op('srli', { rd, rs1: rd, shamt: 2 })
    this.to('beq', small, { rs1: T1, rs2: 0 }).op('addi', { rd: T1, rs1: T1, imm: -1 }).to('bne', other, { rs1: T1, rs2: 0 })
    this.op('slli', { rd, rs1: rd, shamt: 48 }).op('srli', { rd, rs1: rd, shamt: 48 }).op('andi', { rd, rs1: rd, imm: -16 })
    this.li(T1, PLAYGROUND).op('add', { rd, rs1: rd, rs2: T1 }).to('jal', other, { rd: 0 })
    return this.label(small).op('andi', { rd, rs1: rd, imm: 15 }).label(other)
  }

  forEver(body: () => void): this {
    const name = this.name()
    this.label(name)
    body()
    return this.to('jal', name, { rd: 0 })
  }
}

/** Where to poke: address and a mask of offsets; what matters most several times. 16 in all. */
const regions: readonly (readonly [at: number, bytes: number])[] = [
  [VIRT.RTC, 0x40], [VIRT.CLINT, SIZE.CLINT], [VIRT.PCI_PIO, 0x100], [VIRT.PLIC, 0x40_0000], [VIRT.PLIC, 0x4000],
    [VIRT.UART, 8],
  [VIRT.VIRTIO, 0x8000], [VIRT.VIRTIO, 0x8000], [VIRT.VIRTIO + 0x7000, 0x100], [VIRT.FW_CFG, 0x20], [VIRT.FLASH, SIZE.FLASH],
  [VIRT.PCI_ECAM, SIZE.PCI_ECAM], [VIRT.PCI_ECAM, 0x4_0000], [VIRT.PCI_MMIO, PCI_DEVICES * 8 * BAR_BYTES],
    [VIRT.PCI_MMIO, PCI_DEVICES * 8 * BAR_BYTES],
  [0, 0x1_0000],
]

/** Gives the base addresses of functions 0 of the first PCI devices places, and switches them on. */
function placeBars(p: Program): void {
  for (let device = 0; device < PCI_DEVICES; device++) {
    p.li(A0, VIRT.PCI_ECAM + (device << 15))
    for (let bar = 0; bar < 6; bar++) p.li(A1, VIRT.PCI_MMIO + (8 * device + bar) * BAR_BYTES)
      .op('sw', { rs1: A0, rs2: A1, imm: 0x10 + 4 * bar })
    p.li(A1, 7).op('sw', { rs1: A0, rs2: A1, imm: 4 })
  }
}

/** Reads and writes of every size all over the devices. Only the test finisher is left out: it would end the machine. */
function poke(seed: number): Program {
  const p = new Program(seed).handler('skip')
  placeBars(p)
  p.to('jal', 'go', { rd: S1 }) // the table's address
  for (const [at, bytes] of regions)
    for (const v of [at, bytes - 1]) p.put({ word: v, bytes: 4 }).put({ word: 0, bytes: 4 })
  p.label('go')
  p.forEver(() => {
    p.count().random(A0)
    p.op('andi', { rd: A1, rs1: A0, imm: 15 }).op('slli', { rd: A1, rs1: A1, shamt: 4 })
      .op('add', { rd: A1, rs1: A1, rs2: S1 })
    p.op('ld', { rd: A2, rs1: A1, imm: 0 }).op('ld', { rd: A3, rs1: A1, imm: 8 })
    p.op('srli', { rd: A1, rs1: A0, shamt: 16 }).op('and', { rd: A1, rs1: A1, rs2: A3 })
    p.op('andi', { rd: T1, rs1: A0, imm: 0x700 }).to('beq', 'odd', { rs1: T1, rs2: 0 })
      .op('andi', { rd: A1, rs1: A1, imm: -4 }).label('odd')
    p.op('add', { rd: A2, rs1: A2, rs2: A1 }).value(A3)
    p.op('srli', { rd: T1, rs1: A0, shamt: 4 }).op('andi', { rd: T1, rs1: T1, imm: 15 })
      .op('slli', { rd: T1, rs1: T1, shamt: 3 })
    p.op('auipc', { rd: T2, imm: 0 }).op('add', { rd: T2, rs1: T2, rs2: T1 }).op('jalr', { rd: 0, rs1: T2, imm: 12 })
    const stores = ['sb', 'sh', 'sw', 'sd', 'sw', 'sw', 'sd', 'sw']
    const loads = ['lb', 'lhu', 'lw', 'ld', 'lw', 'lw', 'amoadd.w', 'lr.w']
    for (const name of stores) p.op(name, { rs1: A2, rs2: A3, imm: 0 }).to('jal', 'done', { rd: 0 })
    for (const name of loads) p.op(name, { rd: A3, rs1: A2, rs2: A3, imm: 0 }).to('jal', 'done', { rd: 0 })
    p.label('done')
  })
  return p
}

const QUEUES = 4

/** Drives each virtio-mmio device up to where it looks at its queues, which are garbage that changes all the time. */
function rings(seed: number): Program {
  const p = new Program(seed).handler('skip')
  const set = (register: number) => p.op('sw', { rs1: A0, rs2: A1, imm: register })
  p.forEver(() => {
    p.count().random(A0).op('andi', { rd: A0, rs1: A0, imm: 7 }).op('slli', { rd: A0, rs1: A0, shamt: 12 })
    p.li(A1, VIRT.VIRTIO).op('add', { rd: A0, rs1: A0, rs2: A1 })
    p.li(A1, 0)
    set(0x70) // Status: reset
    p.li(A1, 3)
    set(0x70)
    for (let word = 0; word < 2; word++) {
      p.li(A1, word)
      set(0x24)
      p.random(A1).op('ori', { rd: A1, rs1: A1, imm: word })
      set(0x20)
    }
    p.li(A1, 11)
    set(0x70) // FEATURES_OK
    p.li(A1, 4096)
    set(0x28) // GuestPageSize
    for (let q = 0; q < QUEUES; q++) {
      p.li(A1, q)
      set(0x30)
      p.random(A1).op('andi', { rd: A1, rs1: A1, imm: 0x7f }).op('addi', { rd: A1, rs1: A1, imm: 1 })
      set(0x38) // QueueNum
      p.li(A1, 4096)
      set(0x3c)
      for (const low of [0x80, 0x90, 0xa0]) {
        p.value(A1)
        set(low)
        p.li(A1, 0)
        set(low + 4)
      }
      p.li(A1, (PLAYGROUND >>> 12) + q)
      set(0x40) // QueuePFN
      p.li(A1, 1)
      set(0x44) // QueueReady
    }
    p.li(A1, 15)
    set(0x70) // DRIVER_OK
    p.li(A2, PLAYGROUND).li(A3, PLAYGROUND + PLAYGROUND_BYTES)
    const fill = p.name()
    p.label(fill).value(A1).op('sd', { rs1: A2, rs2: A1, imm: 0 }).op('addi', { rd: A2, rs1: A2, imm: 8 })
    p.op('andi', { rd: T1, rs1: A2, imm: 0xff })
    for (let q = 0; q < QUEUES; q++) {
      const next = p.name()
      p.op('addi', { rd: T2, rs1: 0, imm: 64 * q }).to('bne', next, { rs1: T1, rs2: T2 }).li(A1, q)
      set(0x50) // QueueNotify
      p.label(next)
    }
    p.to('bltu', fill, { rs1: A2, rs2: A3 })
  })
  return p
}

/** Every trap leads to another: its vector cannot be fetched from. */
function nowhere(seed: number): Program {
  return new Program(seed).count().li(T1, 0x4000_0000_0000n).csr(MTVEC, T1).op('ecall')
}

/** The trap handler traps. */
function handlerTraps(seed: number): Program {
  const p = new Program(seed).count().op('auipc', { rd: T1, imm: 0 }).op('addi', { rd: T1, rs1: T1, imm: 12 }).csr(MTVEC, T1)
  return p.op('csrrw', { rd: 0, csr: 0x7c0, rs1: 0 })
}

/** An interrupt that is never acknowledged. */
function storm(seed: number): Program {
  const p = new Program(seed).to('jal', 'over', { rd: T1 }).count().op('mret').label('over').csr(MTVEC, T1)
  p.op('csrrs', { rd: T0, csr: MHARTID, rs1: 0 }).op('slli', { rd: T0, rs1: T0, shamt: 2 }).li(T1, VIRT.CLINT)
    .op('add', { rd: T1, rs1: T1, rs2: T0 })
  p.li(T0, 1).op('sw', { rs1: T1, rs2: T0, imm: 0 }).li(T0, -1).csr(MIE, T0).op('csrrsi', { rd: 0, csr: MSTATUS, uimm: 8 })
  return p.forEver(() => p.count())
}

/** Sleeps, and nothing will wake it. */
function asleep(seed: number): Program {
  const p = new Program(seed).count().csr(MIE, 0)
  return p.forEver(() => p.op('wfi'))
}

/** Supervisor mode on page tables of which every entry points to themselves, or is random. */
function tables(seed: number): Program {
  const p = new Program(seed), page = PLAYGROUND
  p.to('jal', 'over', { rd: T1 }).op('ld', { rd: T0, rs1: COUNTER, imm: 0 })
  // The handler makes other tables, and sends supervisor mode somewhere else.
  p.label('again').count().li(A2, page).li(A3, page + 4096)
  p.label('fill').random(A1).op('andi', { rd: T1, rs1: A1, imm: 3 }).to('beq', 'wild', { rs1: T1, rs2: 0 })
  p.op('andi', { rd: A1, rs1: A1, imm: 0xdf }).op('andi', { rd: T1, rs1: A1, imm: 16 })
    .to('beq', 'leaf', { rs1: T1, rs2: 0 }).li(A1, 1).label('leaf')
  p.li(T1, (page / 4096) << 10).op('or', { rd: A1, rs1: A1, rs2: T1 }).label('wild')
  p.op('sd', { rs1: A2, rs2: A1, imm: 0 }).op('addi', { rd: A2, rs1: A2, imm: 8 }).to('bltu', 'fill', { rs1: A2, rs2: A3 })
  p.random(A1).op('andi', { rd: A1, rs1: A1, imm: 1 }).op('addi', { rd: A1, rs1: A1, imm: 8 })
    .op('slli', { rd: A1, rs1: A1, shamt: 60 }) // Sv39 or Sv48
  p.li(T1, page / 4096).op('or', { rd: A1, rs1: A1, rs2: T1 }).csr(SATP, A1).op('sfence.vma', { rs1: 0, rs2: 0 })
  p.random(A1).op('slli', { rd: A1, rs1: A1, shamt: 25 }).op('srai', { rd: A1, rs1: A1, shamt: 25 }).csr(MEPC, A1)
  p.li(T1, 3 << 11).op('csrrc', { rd: 0, csr: MSTATUS, rs1: T1 }).random(A1).li(T1, (1 << 11) | (0x1d << 17))
    .op('and', { rd: A1, rs1: A1, rs2: T1 })
  p.op('csrrs', { rd: 0, csr: MSTATUS, rs1: A1 }).op('mret')
  p.label('over').csr(MTVEC, T1).li(T0, -1).op('srli', { rd: T0, rs1: T0, shamt: 10 }).csr(PMPADDR0, T0).li(T0, 0x1f)
    .csr(PMPCFG0, T0)
  return p.to('jal', 'again', { rd: 0 })
}

export type HostileProgram = {
  readonly name: string
  readonly make: (seed: number) => Uint8Array
  /** Its counters go on. */
  readonly counts: boolean
}

const program = (name: string, make: (seed: number) => Program, counts: boolean): HostileProgram =>
  ({ name, counts, make: seed => make(seed).link().bytes })

export const programs: readonly HostileProgram[] = [
  program('random accesses to every device', poke, true),
  program('garbage in virtio rings', rings, true),
  program('a trap vector that cannot be fetched from', nowhere, false),
  program('a trap handler that traps', handlerTraps, false),
  program('an interrupt that is never acknowledged', storm, true),
  program('sleep without an end', asleep, false),
  program('page tables that point to themselves', tables, true),
]
