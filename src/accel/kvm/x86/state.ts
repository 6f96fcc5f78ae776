// A processor's state between our schema and the kernel's structures, both ways. The schema is what debuggers, snapshots and other
// accelerators know: it is whole whenever the processor stands still.
import { type Core, Cr0, Cr4, Efer, flags, forget, get, isCode64, segment, selectTlb, setFlags, updateMode, W, SEG } from '../../../isa/x86/core.ts'
import { Line, Seg, Shadow } from '../../../isa/x86/cpu.ts'
import { loadPdptes } from '../../../isa/x86/mmu.ts'
import { Attribute } from '../../../isa/x86/segment.ts'
import { setHidden } from '../../../isa/x86/segments.ts'
import { raise, Source } from '../../../isa/x86/traps.ts'
import { readTsc, tscOffsetFor } from '../../../isa/x86/tsc.ts'
import { Component, loadVectors, loadX87, saveVectors, saveX87 } from '../../../isa/x86/xstate.ts'
import type { KvmVcpu } from '../vcpu.ts'
import {
  DEBUGREGS_BYTES, Debugregs, EVENTS_BYTES, Events, REGS_BYTES, Regs, Segment, SREGS_BYTES, Sregs, TABLE_LIMIT, X86Request,
  XCRS_BYTES, Xsave, XSAVE_BYTES,
} from './abi.ts'
import { Msrs, TSC } from './msrs.ts'

const MXCSR = 24 / 4, MXCSR_MASK = 28 / 4, MXCSR_BITS = 0xffff, VECTORS = 16

export class KvmState {
  private readonly c: Core
  private readonly vcpu: KvmVcpu
  private readonly msrs: Msrs
  private readonly s: Core['s']

  constructor(vcpu: KvmVcpu, c: Core) {
    this.vcpu = vcpu
    this.c = c
    this.s = c.s
    this.msrs = new Msrs(vcpu, c.s)
  }

  // To the kernel.

  load(): void {
    this.loadSpecial()
    this.loadRegisters()
    this.loadXstate()
    this.msrs.load()
    this.loadDebug()
    this.loadEvents()
    this.loadTime()
  }

  /** The time-stamp counter goes on from where guest time is. */
  private loadTime(): void {
    const { c } = this, lo = readTsc(c)
    this.msrs.write(TSC, (BigInt(c.hi >>> 0) << 32n) | BigInt(lo >>> 0))
  }

  private clear(bytes: number): void { this.vcpu.views.u8.fill(0, this.vcpu.scratch, this.vcpu.scratch + bytes) }

  private loadRegisters(): void {
    const { c, s, vcpu: { views: { u64 }, scratch } } = this, at = scratch >>> 3
    Regs.GPR.forEach((offset, n) => { u64[at + (offset >>> 3)] = s.gpr.get(n) })
    u64[at + (Regs.RIP >>> 3)] = isCode64(c) ? s.pc : BigInt.asUintN(32, s.pc - BigInt(segment(c, Seg.CS, SEG.base) >>> 0))
    u64[at + (Regs.RFLAGS >>> 3)] = BigInt(flags(c) >>> 0)
    this.vcpu.call(X86Request.SET_REGS, 'setting registers')
  }

  private loadSpecial(): void {
    const { s, vcpu: { views, scratch } } = this, { data, u64 } = views, at = scratch
    this.clear(SREGS_BYTES)
    Sregs.SEGMENT.forEach((offset, seg) => this.putSegment(at + offset, seg))
    u64[(at + Sregs.GDT) >>> 3] = s.gdtBase
    data.setUint16(at + Sregs.GDT + TABLE_LIMIT, s.gdtLimit, true)
    u64[(at + Sregs.IDT) >>> 3] = s.idtBase
    data.setUint16(at + Sregs.IDT + TABLE_LIMIT, s.idtLimit, true)
    u64[(at + Sregs.CR0) >>> 3] = s.cr0
    u64[(at + Sregs.CR2) >>> 3] = s.cr2
    u64[(at + Sregs.CR3) >>> 3] = s.cr3
    u64[(at + Sregs.CR4) >>> 3] = s.cr4
    u64[(at + Sregs.CR8) >>> 3] = BigInt(s.apicTpr >>> 4)
    u64[(at + Sregs.EFER) >>> 3] = s.efer
    u64[(at + Sregs.APIC_BASE) >>> 3] = s.apicBase
    this.vcpu.call(X86Request.SET_SREGS, 'setting special registers')
  }
  private putSegment(at: number, seg: number): void {
    const { s, vcpu: { views: { u8, u64, data } } } = this, { base, limit, selector, attributes: a } = s.seg[seg]!
    u64[at >>> 3] = base
    data.setUint32(at + Segment.LIMIT, limit, true)
    data.setUint16(at + Segment.SELECTOR, selector, true)
    const present = (a & Attribute.PRESENT) !== 0
    u8[at + Segment.TYPE] = a & Attribute.TYPE
    u8[at + Segment.PRESENT] = present ? 1 : 0
    u8[at + Segment.DPL] = (a >> 5) & 3
    u8[at + Segment.DB] = a & Attribute.DB ? 1 : 0
    u8[at + Segment.S] = a & Attribute.S ? 1 : 0
    u8[at + Segment.L] = a & Attribute.L ? 1 : 0
    u8[at + Segment.G] = a & Attribute.G ? 1 : 0
    u8[at + Segment.AVL] = a & Attribute.AVL ? 1 : 0
    u8[at + Segment.UNUSABLE] = present ? 0 : 1
  }

  private loadXstate(): void {
    const { c, s, vcpu: { views, scratch } } = this, image = new Int32Array(views.buffer, scratch, XSAVE_BYTES / 4)
    image.fill(0)
    saveX87(views, c.at, image, true)
    image[MXCSR] = s.mxcsr
    image[MXCSR_MASK] = MXCSR_BITS
    saveVectors(views, c.at, image, VECTORS)
    image[Xsave.HEADER / 4] = c.model.xcr0 | Component.X87 | Component.SSE
    if (c.model.xcr0 & Component.AVX) for (let i = 0; i < 2 * VECTORS; i++) views.u64[((scratch + Xsave.YMM_HIGH) >>> 3) + i] = s.ymmHigh.get(i)
    this.vcpu.call(X86Request.SET_XSAVE, 'setting floating point')
    if (!c.model.has('xsave')) return
    this.clear(XCRS_BYTES)
    views.u32[scratch >>> 2] = 1 // one register, of number 0
    views.u64[(scratch + 16) >>> 3] = s.xcr0
    this.vcpu.call(X86Request.SET_XCRS, 'setting XCR0')
  }

  private loadDebug(): void {
    const { s, vcpu: { views: { u64 }, scratch } } = this
    this.clear(DEBUGREGS_BYTES)
    for (let n = 0; n < 4; n++) u64[(scratch >>> 3) + n] = s.dr.get(n)
    u64[(scratch + Debugregs.DR6) >>> 3] = s.dr.get(6)
    u64[(scratch + Debugregs.DR7) >>> 3] = s.dr.get(7)
    this.vcpu.call(X86Request.SET_DEBUGREGS, 'setting debug registers')
  }

  private loadEvents(): void {
    const { s, vcpu: { views: { u8, u32 }, scratch } } = this, held = s.shadow & (Shadow.STI | Shadow.SS) && s.shadowPc === s.pc
    this.clear(EVENTS_BYTES)
    u8[scratch + Events.NMI_MASKED] = s.nmiBlocked ? 1 : 0
    if (held) u8[scratch + Events.SHADOW] = s.shadow & Shadow.SS ? Events.SHADOW_MOV_SS : Events.SHADOW_STI
    u32[(scratch + Events.FLAGS) >>> 2] = Events.FLAG_NMI_PENDING | Events.FLAG_SHADOW
    this.vcpu.call(X86Request.SET_EVENTS, 'setting events')
  }

  // From the kernel.

  save(): void {
    const { c } = this
    this.vcpu.call(X86Request.GET_REGS, 'registers')
    const registers = this.vcpu.views.u8.slice(this.vcpu.scratch, this.vcpu.scratch + REGS_BYTES)
    this.saveSpecial()
    this.saveRegisters(new BigUint64Array(registers.buffer))
    this.saveXstate()
    this.msrs.save()
    this.saveDebug()
    this.saveTime()
    forget(c)
    updateMode(c)
    selectTlb(c)
    if (get(c, W.cr0) & Cr0.PG && get(c, W.cr4) & Cr4.PAE && !(get(c, W.efer) & Efer.LMA)) loadPdptes(c, get(c, W.cr3))
    this.saveEvents()
  }

  private saveTime(): void {
    const counter = this.msrs.read(TSC)
    if (counter === undefined) return
    const offset = tscOffsetFor(this.c, counter), moved = Number(BigInt.asIntN(64, offset - this.s.tscOffset)) / this.s.tscKhz
    if (Math.abs(moved) > SAME_MS) this.s.tscOffset = offset
  }

  private saveRegisters(regs: BigUint64Array): void {
    const { c, s } = this
    Regs.GPR.forEach((offset, n) => s.gpr.set(n, regs[offset >>> 3]!))
    const rip = regs[Regs.RIP >>> 3]!
    s.pc = isCode64(c) ? rip : BigInt.asUintN(32, rip + BigInt(segment(c, Seg.CS, SEG.base) >>> 0))
    setFlags(c, Number(regs[Regs.RFLAGS >>> 3]! & 0xffffffffn) | 0, -1)
  }

  private saveSpecial(): void {
    this.vcpu.call(X86Request.GET_SREGS, 'special registers')
    const { s, vcpu: { views: { u64, data }, scratch: at } } = this
    s.cr0 = u64[(at + Sregs.CR0) >>> 3]!
    s.efer = u64[(at + Sregs.EFER) >>> 3]!
    s.gdtBase = u64[(at + Sregs.GDT) >>> 3]!
    s.gdtLimit = data.getUint16(at + Sregs.GDT + TABLE_LIMIT, true)
    s.idtBase = u64[(at + Sregs.IDT) >>> 3]!
    s.idtLimit = data.getUint16(at + Sregs.IDT + TABLE_LIMIT, true)
    s.cr2 = u64[(at + Sregs.CR2) >>> 3]!
    s.cr3 = u64[(at + Sregs.CR3) >>> 3]!
    s.cr4 = u64[(at + Sregs.CR4) >>> 3]!
    s.apicBase = u64[(at + Sregs.APIC_BASE) >>> 3]!
    for (let seg = 0; seg < Sregs.SEGMENT.length; seg++) this.takeSegment(at + Sregs.SEGMENT[seg]!, seg)
  }
  private takeSegment(at: number, seg: number): void {
    const { u8, u32, data } = this.vcpu.views
    const bit = (offset: number, mask: number) => (u8[at + offset] ? mask : 0), unusable = u8[at + Segment.UNUSABLE] !== 0
    const dpl = (u8[at + Segment.DPL]! & 3) << 5
    const attributes = unusable ? dpl : (u8[at + Segment.TYPE]! & Attribute.TYPE) | bit(Segment.S, Attribute.S) | dpl | bit(Segment.PRESENT, Attribute.PRESENT)
      | bit(Segment.AVL, Attribute.AVL) | bit(Segment.L, Attribute.L) | bit(Segment.DB, Attribute.DB) | bit(Segment.G, Attribute.G)
    setHidden(this.c, seg, data.getUint16(at + Segment.SELECTOR, true), u32[at >>> 2]! | 0, u32[(at >>> 2) + 1]! | 0,
      u32[(at + Segment.LIMIT) >>> 2]! | 0, attributes)
  }

  private saveXstate(): void {
    this.vcpu.call(X86Request.GET_XSAVE, 'floating point')
    const { c, s, vcpu: { views, scratch } } = this, image = new Int32Array(views.buffer, scratch, XSAVE_BYTES / 4)
    const held = image[Xsave.HEADER / 4]!
    if (!(held & Component.X87)) { // in its initial configuration
      image.fill(0, 0, MXCSR)
      image[0] = 0x37f
      image.fill(0, 8, 40)
    }
    if (!(held & Component.SSE)) image.fill(0, 40, 40 + 4 * VECTORS)
    loadX87(views, c.at, image, true)
    s.mxcsr = image[MXCSR]! & MXCSR_BITS
    loadVectors(views, c.at, image, VECTORS)
    for (let i = 0; i < 2 * VECTORS; i++)
      s.ymmHigh.set(i, held & Component.AVX ? views.u64[((scratch + Xsave.YMM_HIGH) >>> 3) + i]! : 0n)
    if (!c.model.has('xsave')) return
    this.vcpu.call(X86Request.GET_XCRS, 'XCR0')
    s.xcr0 = views.u64[(scratch + 16) >>> 3]!
  }

  private saveDebug(): void {
    this.vcpu.call(X86Request.GET_DEBUGREGS, 'debug registers')
    const { s, vcpu: { views: { u64 }, scratch } } = this
    for (let n = 0; n < 4; n++) s.dr.set(n, u64[(scratch >>> 3) + n]!)
    s.dr.set(6, u64[(scratch + Debugregs.DR6) >>> 3]!)
    s.dr.set(7, u64[(scratch + Debugregs.DR7) >>> 3]!)
  }

  /** An event that the kernel was about to deliver is delivered here: a state has no place for half of one. */
  private saveEvents(): void {
    this.vcpu.call(X86Request.GET_EVENTS, 'events')
    const { c, s, vcpu: { views: { u8, u32 }, scratch: at } } = this
    s.nmiBlocked = u8[at + Events.NMI_MASKED] ? 1 : 0
    const shadow = u8[at + Events.SHADOW]!
    s.shadow = shadow & Events.SHADOW_MOV_SS ? Shadow.SS : shadow & Events.SHADOW_STI ? Shadow.STI : 0
    s.shadowPc = s.pc
    if (u8[at + Events.NMI_PENDING]) Atomics.or(c.i32, c.w + W.lines, Line.NMI)
    if (u8[at + Events.EXCEPTION_INJECTED] || u8[at + Events.EXCEPTION_PENDING]) {
      c.i32[c.w + W.faultAddress] = Number(BigInt.asIntN(32, s.cr2))
      c.i32[c.w + W.faultAddress + 1] = Number(BigInt.asIntN(32, s.cr2 >> 32n))
      raise(c, u8[at + Events.EXCEPTION_VECTOR]!, u8[at + Events.EXCEPTION_HAS_ERROR] ? u32[(at + Events.EXCEPTION_ERROR) >>> 2]! : 0, Source.EXCEPTION, 0)
    } else if (u8[at + Events.NMI_INJECTED]) {
      s.nmiBlocked = 1
      raise(c, NMI, 0, Source.HARDWARE, 0)
    } else if (u8[at + Events.INTERRUPT_INJECTED]) {
      const soft = u8[at + Events.INTERRUPT_SOFT] !== 0
      // Software interrupts are raised by an instruction, which is run again.
      if (!soft) raise(c, u8[at + Events.INTERRUPT_VECTOR]!, 0, Source.HARDWARE, 0)
    }
  }
}
const NMI = 2
/** Reading counter and clock takes this long at most: processors that count alike keep the same offset. */
const SAME_MS = 0.05
