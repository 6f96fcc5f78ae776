// Control and status registers, as a table: number, name, how it reads and what a write keeps. Who may access
// one follows from the number (bits 9-8: lowest privilege, bits 11-10 = 3: read-only). Unprivileged
// specification chapter 6 (Zicsr), privileged specification chapters 2-4; Zicntr, Zihpm, Sstc, Svadu.
//
// Not there, so illegal instructions: debug triggers (Sdtrig), hypervisor, vector, Smstateen, Smepmp,
// Sscofpmf.
import {
  advance, type Core, Counter, countersAllowed, Envcfg, Ip, Priv, privOf, requestInterrupt, SatpMode,
  selectTlb, setPair, Status, updateMode, W, writeStatus,
} from './core.ts'
import {
  hasStimecmp, pollTimer, readCounter, readTime, updateTimer, writeCounter, writeCountInhibit,
} from './counters.ts'
import type { hartLayout } from './cpu.ts'
import { PMP_ENTRIES, readPmpcfg, writePmpaddr, writePmpcfg } from './pmp.ts'
import { illegal } from './traps.ts'

export type Csr = {
  readonly number: number
  readonly name: string
  /** The low half of the value; the high half is left in c.hi. */
  read(c: Core): number
  /** The value that CSRRS and CSRRC start from, where that isn't what is read. */
  readToModify?(c: Core): number
  /** Without it writes are ignored (or illegal, if the number says read-only). */
  write?(c: Core, lo: number, hi: number): void
  /** Conditions of access beside the privilege in the number. */
  allowed?(c: Core): boolean
}
type Field = keyof typeof hartLayout.offsets
type Rest = Pick<Csr, 'write' | 'allowed' | 'readToModify'>

const read = (field: Field) => (c: Core): number => {
  c.hi = c.i32[c.w + W[field] + 1]!
  return c.i32[c.w + W[field]]!
}
const low = (c: Core, lo: number): number => {
  c.hi = 0
  return lo
}

/** A register with only a value of its own: writable bits by masks of both halves. */
const plain = (number: number, name: Field, maskLo = -1, maskHi = -1, after?: (c: Core) => void): Csr => ({
  number, name, read: read(name),
  write(c, lo, hi) {
    setPair(c, W[name], lo & maskLo, hi & maskHi)
    after?.(c)
  },
})
const custom = (number: number, name: string, read: Csr['read'], rest: Rest = {}): Csr =>
  ({ number, name, read, ...rest })
const constant = (number: number, name: string, value: number): Csr =>
  ({ number, name, read: c => low(c, value), write() {} })
const range = (from: number, to: number, make: (i: number) => Csr): Csr[] =>
  Array.from({ length: to - from + 1 }, (_, k) => make(from + k))

// Floating point: accessible while FS is not off; a write makes it dirty.
const fsOn = (c: Core): boolean => (c.i32[c.w + W.mstatus]! & Status.FS) !== 0
export function dirtyFs(c: Core): void {
  writeStatus(c, Status.FS, Status.FS)
}
function writeFcsr(c: Core, frm: number, fflags: number): void {
  c.i32[c.w + W.frm] = frm & 7
  c.i32[c.w + W.fflags] = fflags & 31
  dirtyFs(c)
  updateMode(c)
}
const fflags = (c: Core): number => c.i32[c.w + W.fflags]!
const frm = (c: Core): number => c.i32[c.w + W.frm]!
const float: Csr[] = [
  custom(0x001, 'fflags', c => low(c, fflags(c)),
    { allowed: fsOn, write: (c, lo) => writeFcsr(c, frm(c), lo) }),
  custom(0x002, 'frm', c => low(c, frm(c)), { allowed: fsOn, write: (c, lo) => writeFcsr(c, lo, fflags(c)) }),
  custom(0x003, 'fcsr', c => low(c, fflags(c) | (frm(c) << 5)),
    { allowed: fsOn, write: (c, lo) => writeFcsr(c, lo >> 5, lo) }),
]

// Status. SD and FS stand in the stored value; what is not in the masks is constant.
const { SIE, MIE, SPIE, MPIE, SPP, MPP, FS, MPRV, SUM, MXR, TVM, TW, TSR } = Status
export const SSTATUS = SIE | SPIE | SPP | FS | SUM | MXR
const MSTATUS = SSTATUS | MIE | MPIE | MPP | MPRV | TVM | TW | TSR
/** SD and UXL: the bits of sstatus's high half. */
const SSTATUS_HI = 0x80000003 | 0
const status: Csr[] = [
  custom(0x300, 'mstatus', read('mstatus'), { write: (c, lo) => writeStatus(c, lo, MSTATUS) }),
  custom(0x100, 'sstatus', c => {
    c.hi = c.i32[c.w + W.mstatus + 1]! & SSTATUS_HI
    return c.i32[c.w + W.mstatus]! & SSTATUS
  }, { write: (c, lo) => writeStatus(c, lo, SSTATUS) }),
  { number: 0x301, name: 'misa', read: read('misa'), write() {} },
]

// Interrupts. mip: what software may write is in `mip`, SSIP also in `lines` (from other harts), the rest in
// `lines` alone.
const M_IRQS = Ip.SSIP | Ip.MSIP | Ip.STIP | Ip.MTIP | Ip.SEIP | Ip.MEIP
const S_IRQS = Ip.SSIP | Ip.STIP | Ip.SEIP
const EXCEPTIONS = 0xb3ff // all but environment calls from M mode, and the reserved ones
const lines = (c: Core): number => Atomics.load(c.i32, c.w + W.lines)
const softMip = (c: Core): number => low(c, c.i32[c.w + W.mip]! | (lines(c) & ~Ip.SEIP) | pollTimer(c))
const mip = (c: Core): number => low(c, c.i32[c.w + W.mip]! | lines(c) | pollTimer(c))
const mideleg = (c: Core): number => c.i32[c.w + W.mideleg]!

function writeMip(c: Core, value: number, writable: number): void {
  const mask = writable & c.changing & (hasStimecmp(c) ? ~Ip.STIP : -1)
  const at = c.w + W.mip
  c.i32[at] = (c.i32[at]! & ~mask) | (value & mask)
  if (mask & ~value & Ip.SSIP) Atomics.and(c.i32, c.w + W.lines, ~Ip.SSIP)
  requestInterrupt(c)
}
function writeMie(c: Core, value: number, mask: number): void {
  const at = c.w + W.mie, old = c.i32[at]!
  c.i32[at] = (old & ~mask) | (value & mask)
  if (c.i32[at]! & ~old & Ip.STIP) pollTimer(c)
  requestInterrupt(c)
}
const interrupts: Csr[] = [
  plain(0x302, 'medeleg', EXCEPTIONS, 0),
  plain(0x303, 'mideleg', S_IRQS, 0, requestInterrupt),
  custom(0x304, 'mie', c => low(c, c.i32[c.w + W.mie]!), { write: (c, lo) => writeMie(c, lo, M_IRQS) }),
  custom(0x344, 'mip', mip, { readToModify: softMip, write: (c, lo) => writeMip(c, lo, S_IRQS) }),
  custom(0x104, 'sie', c => low(c, c.i32[c.w + W.mie]! & mideleg(c)),
    { write: (c, lo) => writeMie(c, lo, mideleg(c)) }),
  custom(0x144, 'sip', c => low(c, mip(c) & mideleg(c)),
    {
      readToModify: c => low(c, softMip(c) & mideleg(c)),
      write: (c, lo) => writeMip(c, lo, Ip.SSIP & mideleg(c)),
    }),
]

/** Direct or vectored; the reserved modes leave the register as it was. */
const vector = (number: number, name: 'mtvec' | 'stvec'): Csr =>
  custom(number, name, read(name), {
    write(c, lo, hi) { if ((lo & 2) === 0) setPair(c, W[name], lo, hi) },
  })
const trapSetup: Csr[] = [
  vector(0x305, 'mtvec'), vector(0x105, 'stvec'),
  plain(0x340, 'mscratch'), plain(0x140, 'sscratch'),
  plain(0x341, 'mepc', ~1), plain(0x141, 'sepc', ~1),
  plain(0x342, 'mcause'), plain(0x142, 'scause'),
  plain(0x343, 'mtval'), plain(0x143, 'stval'),
]

function writeSatp(c: Core, lo: number, hi: number): void {
  const mode = hi >>> 28, { i32, w } = c
  if (mode !== SatpMode.BARE && mode !== SatpMode.SV39 && mode !== SatpMode.SV48) return
  const old = i32[w + W.satp + 1]! >>> 28
  setPair(c, W.satp, lo, hi)
  // An ASID means different things in the two paged modes; software must flush here, but nothing is lost by
  // being sure.
  if (old !== mode && old !== SatpMode.BARE && mode !== SatpMode.BARE) c.services.flushTlb()
  selectTlb(c)
}
const translation: Csr[] = [
  custom(0x180, 'satp', read('satp'), {
    allowed: c => privOf(c) === Priv.MACHINE || !(c.i32[c.w + W.mstatus]! & TVM), write: writeSatp,
  }),
  ...[0, 2].map(n => custom(0x3a0 + n, `pmpcfg${n}`, c => readPmpcfg(c, 4 * n),
    { write: (c, lo, hi) => writePmpcfg(c, 4 * n, lo, hi) })),
  ...range(0, PMP_ENTRIES - 1, i => custom(0x3b0 + i, `pmpaddr${i}`, c => {
    c.hi = c.i32[c.w + W.pmpaddr + 2 * i + 1]!
    return c.i32[c.w + W.pmpaddr + 2 * i]!
  }, { write: (c, lo, hi) => writePmpaddr(c, i, lo, hi) })),
]

// Counters.
const enabled = (bit: number) => (c: Core): boolean => (countersAllowed(c) & bit) !== 0
const cycle = (c: Core): number => readCounter(c, W.mcycle, Counter.CY)
const instret = (c: Core): number => readCounter(c, W.minstret, Counter.IR)
const counterEnable = (number: number, name: 'mcounteren' | 'scounteren'): Csr =>
  plain(number, name, -1, 0, updateMode)
const counters: Csr[] = [
  custom(0xc00, 'cycle', cycle, { allowed: enabled(Counter.CY) }),
  custom(0xc01, 'time', readTime, { allowed: enabled(Counter.TM) }),
  custom(0xc02, 'instret', instret, { allowed: enabled(Counter.IR) }),
  ...range(3, 31, i => custom(0xc00 + i, `hpmcounter${i}`, c => low(c, 0), { allowed: enabled(1 << i) })),
  custom(0xb00, 'mcycle', cycle, { write: (c, lo, hi) => writeCounter(c, W.mcycle, Counter.CY, lo, hi) }),
  custom(0xb02, 'minstret', instret,
    { write: (c, lo, hi) => writeCounter(c, W.minstret, Counter.IR, lo, hi) }),
  ...range(3, 31, i => constant(0xb00 + i, `mhpmcounter${i}`, 0)),
  ...range(3, 31, i => constant(0x320 + i, `mhpmevent${i}`, 0)),
  counterEnable(0x306, 'mcounteren'), counterEnable(0x106, 'scounteren'),
  custom(0x320, 'mcountinhibit', c => low(c, c.i32[c.w + W.mcountinhibit]!),
    { write: (c, lo) => writeCountInhibit(c, lo & (Counter.CY | Counter.IR)) }),
  custom(0x14d, 'stimecmp', read('stimecmp'), {
    allowed: c => privOf(c) === Priv.MACHINE
      || (hasStimecmp(c) && (c.i32[c.w + W.mcounteren]! & Counter.TM) !== 0),
    write(c, lo, hi) {
      setPair(c, W.stimecmp, lo, hi)
      updateTimer(c)
    },
  }),
]

const FIOM = 1
const configuration: Csr[] = [
  plain(0x30a, 'menvcfg', FIOM, Envcfg.STCE | Envcfg.ADUE, c => {
    if (hasStimecmp(c)) c.i32[c.w + W.mip] = c.i32[c.w + W.mip]! & ~Ip.STIP // now the comparison alone
    updateTimer(c)
  }),
  plain(0x10a, 'senvcfg', FIOM, 0),
  constant(0xf11, 'mvendorid', 0), constant(0xf12, 'marchid', 0), constant(0xf13, 'mimpid', 0),
  custom(0xf14, 'mhartid', c => low(c, c.services.hart)), constant(0xf15, 'mconfigptr', 0),
]

export const csrs: readonly Csr[] =
  [...float, ...status, ...interrupts, ...trapSetup, ...translation, ...counters, ...configuration]
    .sort((a, b) => a.number - b.number)

const byNumber: (Csr | undefined)[] = new Array(4096).fill(undefined)
for (const csr of csrs) byNumber[csr.number] = csr
export const csrOf = (number: number): Csr | undefined => byNumber[number]

/** The Zicsr instructions. */
export function csrInstruction(c: Core, word: number): void {
  const number = word >>> 20, csr = byNumber[number]
  const kind = (word >> 12) & 3, rs1 = (word >> 15) & 31, rd = (word >> 7) & 31
  const writes = kind === 1 || rs1 !== 0
  if (csr === undefined || (number >> 8 & 3) > privOf(c) || (writes && number >> 10 === 3)
    || (csr.allowed !== undefined && !csr.allowed(c))) return illegal(c, word)
  const { i32, w } = c, x = w + W.x
  let lo = 0, hi = 0
  if (writes) {
    lo = word & 0x4000 ? rs1 : i32[x + 2 * rs1]!
    hi = word & 0x4000 ? 0 : i32[x + 2 * rs1 + 1]!
  }
  // CSRRW with rd = x0 doesn't read; no register here would notice.
  const oldLo = csr.read(c), oldHi = c.hi
  if (writes && csr.write !== undefined) {
    c.changing = kind === 1 ? -1 : lo
    if (kind !== 1) {
      const fromLo = csr.readToModify === undefined ? oldLo : csr.readToModify(c)
      lo = kind === 2 ? fromLo | lo : fromLo & ~lo
      hi = kind === 2 ? oldHi | hi : oldHi & ~hi
    }
    csr.write(c, lo, hi)
    c.changing = -1
  }
  if (rd !== 0) {
    i32[x + 2 * rd] = oldLo
    i32[x + 2 * rd + 1] = oldHi
  }
  advance(c, 4)
}
