// Breakpoints of the debug registers under interpreter and compiled code: what QEMU 7.2 lacks or does otherwise than the manual; the rest
// is compared with QEMU (test/diff/x86sys). Intel SDM volume 3, 17.2 and 17.3.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rig } from '../../../test/fuzz/rig.ts'
import { bind } from '../../state/bind.ts'
import type { X86Platform } from './core.ts'
import { cpuLayout, type CpuState, DR7_GD, Flag, Reg, Seg, Vector } from './cpu.ts'
import { modelOf } from './models.ts'
import { makeCpu } from './processor.ts'
import { Attribute, setSegment } from './segment.ts'
import { x86 } from './x86.ts'

const CODE = 0x8000, DATA = 0x9000, GDT = 0x1000, IDT = 0x2000, STACK = 0x7000, HANDLERS = 0x10000, PML4 = 0x20000, RAM_BYTES = 0x40000
const FLAT = Attribute.PRESENT | Attribute.S | Attribute.WRITABLE | Attribute.DB, DE = 8
const WRITE = 1, IO = 2, ACCESS = 3, B = [1, 2, 4, 8] as const, BS = 0x4000, BD = 0x2000
const LENGTH: { readonly [bytes: number]: number } = { 1: 0, 2: 1, 4: 3, 8: 2 }
/** DR7 with breakpoint `n` enabled. */
const dr7 = (n: number, kind: number, bytes: number): number => 0x400 | (1 << (2 * n)) | ((kind | (LENGTH[bytes]! << 2)) << (16 + 4 * n))

type Caught = { readonly vector: number; readonly ip: number; readonly dr6: number; readonly rf: boolean }
type Machine = { readonly rig: Rig; readonly s: CpuState; /** Runs from the code's start until a handler halts. */ run(from?: number): Caught; ports: string[] }

/** A processor at privilege level 0 whose handlers halt. */
function machine(code: readonly number[], bits: 32 | 64 = 32): Machine {
  const ports: string[] = []
  const platform: Omit<X86Platform, 'states'> = {
    kick() {}, reset: () => rig.stop(), acknowledge: () => 0, eoi() {}, random: () => 0,
    io: { read: (port, size) => (ports.push(`in ${port.toString(16)} ${size}`), 0), write: (port, size) => void ports.push(`out ${port.toString(16)} ${size}`) },
  }
  const rig: Rig = new Rig({
    isa: x86, ramPa: 0, ramBytes: RAM_BYTES, makeCpu: (views, at, services) => makeCpu(x86, views, at, services, { ...platform, states: [at] }, modelOf('max')),
  })
  rig.vcpu.cpu.reset()
  const s = bind(cpuLayout, rig.views, rig.state), { u8, u32 } = rig.views, word = (at: number) => (rig.ram + at) >> 2, long = bits === 64
  const put = (at: number, lo: number, hi = 0) => u32.set([lo, hi], word(at))
  put(GDT + 8, 0xffff, long ? 0xaf9b00 : 0xcf9b00)
  put(GDT + 16, 0xffff, 0xcf9300)
  for (let v = 0; v < 32; v++) {
    put(IDT + (long ? 16 : 8) * v, (8 << 16) | (16 * v), HANDLERS | 0x8e00)
    u8[rig.ram + HANDLERS + 16 * v] = 0xf4 // hlt
  }
  if (long) {
    put(PML4, (PML4 + 0x1000) | 7)
    put(PML4 + 0x1000, (PML4 + 0x2000) | 7)
    put(PML4 + 0x2000, 0x87)
    Object.assign(s, { cr3: BigInt(PML4), cr4: 0x20n, efer: 0x500n })
  }
  s.cr0 = long ? 0x80000011n : 0x11n
  for (const seg of [Seg.ES, Seg.SS, Seg.DS]) setSegment(s.seg[seg]!, 16, 0n, 0xffffffff, FLAT)
  setSegment(s.seg[Seg.CS]!, 8, 0n, 0xffffffff, (long ? (FLAT & ~Attribute.DB) | Attribute.L : FLAT) | Attribute.CODE)
  Object.assign(s, { gdtBase: BigInt(GDT), gdtLimit: 0xff, idtBase: BigInt(IDT), idtLimit: 0x1ff })
  u8.set(code, rig.ram + CODE)
  return {
    rig, s, ports,
    run(from = CODE) {
      s.gpr.set(Reg.SP, BigInt(STACK))
      s.pc = BigInt(from)
      s.halted = 0
      rig.run()
      assert.equal(s.halted, 1, `halts, not at ${s.pc.toString(16)}`)
      const sp = Number(s.gpr.get(Reg.SP)), frame = (n: number) => u32[word(sp + n * (long ? 8 : 4))]!
      const result = { vector: (Number(s.pc) - 1 - HANDLERS) / 16, ip: frame(0) - CODE, dr6: Number(s.dr.get(6)) & 0xe00f, rf: (frame(2) & Flag.RF) !== 0 }
      s.dr.set(6, 0xffff0ff0n)
      return result
    },
  }
}
function arm(m: Machine, n: number, at: number | bigint, kind: number, bytes: number): void {
  m.s.dr.set(n, BigInt(at))
  m.s.dr.set(7, m.s.dr.get(7) | BigInt(dr7(n, kind, bytes)))
}
const trap = (ip: number, dr6: number): Caught => ({ vector: Vector.DB, ip, dr6, rf: false })
const UD = [0x0f, 0x0b], le = (v: number) => [v & 255, (v >> 8) & 255, (v >> 16) & 255, v >>> 24]
/** movl $1, [at]: 10 bytes, then the end. */
const store = (at: number) => [0xc7, 0x05, ...le(at), 1, 0, 0, 0, ...UD]
const nothing = (ip: number): Caught => ({ vector: Vector.UD, ip, dr6: 0, rf: true })

test('exactly the bytes of a breakpoint count, of misaligned accesses too, also across a page', () => {
  for (const [bytes, base] of [[1, DATA + 7], [2, DATA + 6], [4, DATA + 4], [4, DATA + 0x1000], [1, DATA + 0xfff]] as const)
    for (let at = base - 6; at < base + bytes + 3; at++) {
      const m = machine(store(at))
      arm(m, 1, base, WRITE, bytes)
      const meets = at < base + bytes && at + 4 > base
      assert.deepEqual(m.run(), meets ? trap(10, B[1]) : nothing(10), `${bytes} at ${base.toString(16)}, write at ${at.toString(16)}`)
      assert.equal(m.rig.views.u8[m.rig.ram + at], 1, 'the write has happened')
    }
})

test('address bits below the length do not count; 8 bytes in 64-bit code, upper halves of addresses', () => {
  // mov %eax, (%rbx)
  const code = [0x89, 0x03, ...UD]
  for (const [at, hit] of [[DATA, true], [DATA + 7, true], [DATA + 8, false], [DATA - 4, false]] as const) {
    const m = machine(code, 64)
    m.s.gpr.set(Reg.BX, BigInt(at))
    arm(m, 3, DATA + 5, WRITE, 8)
    assert.deepEqual(m.run(), hit ? trap(2, B[3]) : nothing(2), at.toString(16))
  }
  const m = machine(code, 64)
  m.s.gpr.set(Reg.BX, BigInt(DATA))
  arm(m, 0, BigInt(DATA) + 0x100000000n, WRITE, 4)
  assert.deepEqual(m.run(), nothing(2))
})

test('a read meets a breakpoint on reads and writes only', () => {
  for (const [kind, caught] of [[WRITE, nothing(5)], [ACCESS, trap(5, B[0])]] as const) {
    const m = machine([0xa1, ...le(DATA), ...UD])
    arm(m, 0, DATA, kind, 4)
    assert.deepEqual(m.run(), caught)
  }
})

test('all that an instruction meets is told, with TF too; one that is not enabled is not', () => {
  const m = machine([0x9d, ...store(DATA)]) // popf
  arm(m, 0, DATA, WRITE, 4)
  arm(m, 2, DATA + 2, ACCESS, 1)
  m.s.dr.set(3, BigInt(DATA))
  m.rig.views.u32[(m.rig.ram + STACK) >> 2] = 2 | Flag.TF
  assert.deepEqual(m.run(), trap(11, BS | B[0] | B[2]))
})

test('repeated string instructions stop between iterations', () => {
  // mov $8, %ecx; mov $DATA-16, %edi; rep stosb; forwards over the watched byte
  const m = machine([0xb9, ...le(8), 0xbf, ...le(DATA - 3), 0xf3, 0xaa, ...UD])
  arm(m, 1, DATA, WRITE, 1)
  assert.deepEqual(m.run(), trap(10, B[1]))
  assert.equal(m.s.gpr.get(Reg.CX), 4n)
  assert.equal(m.s.gpr.get(Reg.DI), BigInt(DATA + 1))
})

test('a load of SS holds the trap of its own operand off for an instruction', () => {
  const m = machine([0x8e, 0x15, ...le(DATA), 0x90, 0x90, ...UD]) // mov (DATA), %ss
  m.rig.views.u32[(m.rig.ram + DATA) >> 2] = 16
  arm(m, 0, DATA, ACCESS, 2)
  assert.deepEqual(m.run(), trap(7, B[0]))
})

test('accesses of exceptions are seen before the handler begins, those of an instruction that faults are forgotten', () => {
  const m = machine(UD)
  arm(m, 2, STACK - 4, WRITE, 4) // the flags in the frame
  const caught = m.run()
  assert.deepEqual([caught.vector, caught.ip + CODE, caught.dr6], [Vector.DB, HANDLERS + 16 * Vector.UD, B[2]])
  // add to memory beyond what is there: the processor code's reading is a breakpoint's, then there is #GP
  const far = machine([0xff, 0x2d, ...le(DATA)]) // ljmp *(DATA), to a selector that is not there
  far.rig.views.u32.set([0, 0x1000], (far.rig.ram + DATA) >> 2)
  arm(far, 0, DATA, ACCESS, 4)
  const fault = far.run()
  assert.deepEqual([fault.vector, fault.dr6], [Vector.GP, 0])
})

test('descriptors and system operands are data', () => {
  const m = machine([0x66, 0xb8, 0x10, 0, 0x8e, 0xd8, 0x90, ...UD]) // mov $16, %ax; mov %ax, %ds
  arm(m, 1, GDT + 20, ACCESS, 4)
  assert.deepEqual(m.run(), trap(6, B[1]))
  const lgdt = machine([0x0f, 0x01, 0x15, ...le(DATA), 0x90, ...UD])
  lgdt.rig.views.u32.set([0xff | (GDT << 16), GDT >> 16], (lgdt.rig.ram + DATA) >> 2)
  arm(lgdt, 0, DATA + 4, ACCESS, 1)
  assert.deepEqual(lgdt.run(), trap(7, B[0]))
})

test('ports: only with CR4.DE; OUTS stops between iterations', () => {
  const code = [0xba, ...le(0x3f8), 0xee, 0x90, ...UD] // mov $0x3f8, %edx; out %al, %dx
  for (const de of [0, DE]) {
    const m = machine(code)
    m.s.cr4 |= BigInt(de)
    arm(m, 0, 0x3fa, IO, 4) // from 3F8h
    assert.deepEqual(m.run(), de ? trap(6, B[0]) : nothing(7))
    assert.deepEqual(m.ports, ['out 3f8 1'])
  }
  const m = machine([0xb9, ...le(3), 0xbe, ...le(DATA), 0xba, ...le(0x80), 0xf3, 0x6e, ...UD]) // rep outsb
  m.s.cr4 |= BigInt(DE)
  arm(m, 3, 0x80, IO, 1)
  assert.deepEqual(m.run(), trap(15, B[3]))
  assert.equal(m.s.gpr.get(Reg.CX), 2n)
})

test('general detect: a fault before the debug registers are touched, and then not again', () => {
  for (const code of [[0x0f, 0x21, 0xc0], [0x0f, 0x23, 0xc0]]) { // mov %dr0, %eax; mov %eax, %dr0
    const m = machine([0xb8, ...le(0x1234), ...code, ...UD])
    m.s.dr.set(0, 0x55n)
    m.s.dr.set(7, BigInt(0x400 | DR7_GD))
    assert.deepEqual(m.run(), trap(5, BD))
    assert.deepEqual([m.s.dr.get(0), m.s.dr.get(7)], [0x55n, 0x400n])
    assert.equal(m.run().vector, Vector.UD)
  }
})

test('an instruction breakpoint leaves RF as it was', () => {
  const m = machine([0x90, 0x90, ...UD])
  arm(m, 0, CODE + 1, 0, 1)
  assert.deepEqual(m.run(), trap(1, B[0]))
})

test('compiled code: the access is put off, and nothing is done twice', () => {
  // mov $0, %ecx; 1: incl DATA(, %ecx, 4) ; inc %ecx ; cmp $2000, %ecx; jne 1b
  const loop = CODE + 5, code = [0xb9, ...le(0), 0xff, 0x04, 0x8d, ...le(DATA), 0x41, 0x81, 0xf9, ...le(2000), 0x75, 0xf0, ...UD]
  const m = machine(code), cell = (n: number) => m.rig.views.u32[((m.rig.ram + DATA) >> 2) + n]
  assert.equal(m.run().vector, Vector.UD)
  assert.ok(m.rig.compile(BigInt(loop)))
  assert.equal(m.run().vector, Vector.UD)
  assert.deepEqual([cell(0), cell(1500), cell(1999)], [2, 2, 2])
  arm(m, 2, DATA + 4 * 1500, WRITE, 4)
  assert.deepEqual(m.run(), trap(12, B[2]))
  assert.equal(m.s.gpr.get(Reg.CX), 1500n)
  assert.deepEqual([cell(1499), cell(1500), cell(1501)], [3, 3, 2])
  assert.equal(m.run(CODE + 12).vector, Vector.UD, 'and it goes on from there')
  assert.deepEqual([cell(1500), cell(1501), cell(1999)], [3, 3, 3])
  m.s.dr.set(7, 0x400n)
  assert.equal(m.run().vector, Vector.UD)
  assert.equal(cell(1500), 4)
})

/** Until the processor stops by itself or halts; the pc then, or -1. */
function untilStop(m: Machine, start?: number): number {
  const { vcpu, views, state } = m.rig
  Atomics.store(views.i32, state >>> 2, 0)
  if (start !== undefined) {
    m.s.pc = BigInt(start)
    m.s.halted = 0
    vcpu.cpu.refresh()
  }
  vcpu.debug.hit = undefined
  vcpu.run()
  return vcpu.debug.hit ? Number(m.s.pc) - CODE : -1
}

test('a debugger sees what processor code accesses, before it happens', () => {
  // ljmp *(DATA); pushed by a far call; popped by its return; fnsave; sgdt
  const code = [0xff, 0x1d, ...le(DATA), 0xdd, 0x35, ...le(DATA + 0x100), 0x0f, 0x01, 0x05, ...le(DATA + 0x200), ...UD]
  const m = machine(code), { rig } = m
  rig.views.u32.set([CODE + 0x80, 8], (rig.ram + DATA) >> 2)
  rig.views.u8[rig.ram + CODE + 0x80] = 0xcb // retf
  const watch = (kind: number, lo: number, length: number) => ({ kind: kind as never, lo, hi: 0, length })
  rig.vcpu.debug.load([watch(4, DATA + 4, 2), watch(3, STACK - 8, 4), watch(4, STACK - 8, 4), watch(3, DATA + 0x140, 1), watch(5, DATA + 0x202, 4)])
  m.s.gpr.set(Reg.SP, BigInt(STACK))
  const stops = [untilStop(m, CODE)]
  for (let at = stops[0]!; at >= 0;) stops.push(at = untilStop(m))
  // The operand and the stack of the call are one instruction, which stops once.
  assert.deepEqual(stops, [0, 0x80, 6, 12, -1])
  assert.equal(rig.views.u32[(rig.ram + DATA + 0x202) >> 2]! >>> 16, GDT)
})

test('a debugger steps over what the guest watches', () => {
  const m = machine(store(DATA))
  arm(m, 0, DATA, WRITE, 4)
  m.s.gpr.set(Reg.SP, BigInt(STACK))
  m.s.pc = BigInt(CODE)
  m.rig.vcpu.cpu.refresh()
  assert.equal(m.rig.vcpu.step(), true)
  assert.deepEqual([m.s.pc, m.rig.views.u8[m.rig.ram + DATA]], [BigInt(CODE + 10), 1])
  assert.equal(m.rig.vcpu.step(), true)
  assert.equal(Number(m.s.pc) - HANDLERS, 16 * Vector.DB, 'the trap')
})
