// The state in which a kernel begins that was loaded without firmware: flat segments, no paging, and what firmware leaves in the
// local APIC and the memory types. Linux Documentation/arch/x86/boot.rst, the 32-bit boot protocol; Intel SDM volume 3, 12.11.
import type { Views } from '../../state/views.ts'
import { bind } from '../../state/bind.ts'
import { Cr0 } from './core.ts'
import { cpuLayout, Reg, Seg } from './cpu.ts'
import { Attribute } from './segment.ts'

export type DirectState = {
  readonly entry: number
  readonly gdt: { readonly base: number; readonly limit: number; readonly code: number; readonly data: number }
  readonly registers: { readonly [name in 'ax' | 'bx' | 'si']?: number }
  /** RAM below 4 GiB ends here. */
  readonly lowEnd: number
}

const FLAT = Attribute.PRESENT | Attribute.S | Attribute.DB | Attribute.G | Attribute.WRITABLE | Attribute.ACCESSED
const SVR_ENABLED = 0x100, SPURIOUS = 0xff, EXTINT = 0x700, NMI = 0x400, LINT0 = 3, LINT1 = 4
/** Fixed and variable ranges on, write-back elsewhere. */
const MTRR_DEFAULT = 0xc06, VALID = 0x800, UNCACHED = 0
const FIXED_BACK = 0x0606060606060606n, FIXED_PROTECTED = 0x0505050505050505n, VIDEO_RANGE = 2, VIDEO_END = 3, FOUR_GIB = 2 ** 32

/** Of a processor that was just reset. Let it look at its state afterwards (`Cpu.refresh`). */
export function startDirect(views: Views, at: number, o: DirectState, physicalBits: number): void {
  const s = bind(cpuLayout, views, at)
  for (let n = 0; n < 16; n++) s.gpr.set(n, 0n)
  for (const [name, value] of Object.entries(o.registers)) s.gpr.set({ ax: Reg.AX, bx: Reg.BX, si: Reg.SI }[name]!, BigInt(value))
  for (const seg of [Seg.ES, Seg.CS, Seg.SS, Seg.DS, Seg.FS, Seg.GS]) {
    const to = s.seg[seg]!, code = seg === Seg.CS
    to.selector = code ? o.gdt.code : o.gdt.data
    to.base = 0n
    to.limit = 0xffffffff
    to.attributes = code ? FLAT | Attribute.CODE : FLAT
  }
  s.gdtBase = BigInt(o.gdt.base)
  s.gdtLimit = o.gdt.limit
  s.cr0 = BigInt(Cr0.PE | Cr0.ET)
  s.pc = BigInt(o.entry)
  firmwareLeaves(views, at, o.lowEnd, physicalBits)
}

/** What firmware leaves on the processor that runs it. */
function firmwareLeaves(views: Views, at: number, lowEnd: number, physicalBits: number): void {
  const s = bind(cpuLayout, views, at)
  s.apicSvr = SVR_ENABLED | SPURIOUS
  s.apicLvt[LINT0] = EXTINT
  s.apicLvt[LINT1] = NMI
  s.mtrrDefType = BigInt(MTRR_DEFAULT)
  for (let n = 0; n < 11; n++) s.mtrrFixed.set(n, n < VIDEO_RANGE ? FIXED_BACK : n < VIDEO_END ? 0n : FIXED_PROTECTED)
  // From the first power of two that holds all RAM below 4 GiB on there are devices.
  const hole = 2 ** Math.max(31, Math.ceil(Math.log2(Math.max(lowEnd, 1)))), from = hole >= FOUR_GIB ? 0xc000_0000 : hole
  s.mtrrVariable.set(0, BigInt(from + UNCACHED))
  s.mtrrVariable.set(1, (((1n << BigInt(physicalBits)) - 1n) & ~BigInt(FOUR_GIB - from - 1)) | BigInt(VALID))
}
