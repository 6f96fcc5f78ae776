// The processor that random IR runs on: registers of every type, a few fields, pages with all kinds of rights. Its code is
// a list of blocks of IR by address.
import type { FloatPolicyName } from '../../src/base/softfloat.ts'
import type { Block } from '../../src/ir/block.ts'
import type { Builder } from '../../src/ir/build.ts'
import { arity, effects, resultType, type Type } from '../../src/ir/ops.ts'
import type { Passes } from '../../src/ir/opt/passes.ts'
import { Access, type Cpu, ExitRequest, type Isa, type RegisterSpec, type Translation, vcpuCore } from '../../src/isa/isa.ts'
import { mmio, place } from '../../src/mem/regions.ts'
import { PAGE } from '../../src/mem/tlb.ts'
import { bind } from '../../src/state/bind.ts'
import { layoutOf } from '../../src/state/layout.ts'
import { array, u32, u64 } from '../../src/state/schema.ts'
import type { Views } from '../../src/state/views.ts'
import { Rig } from './rig.ts'

export const types: readonly Type[] = [
  ...Array<Type>(16).fill('l'), ...Array<Type>(8).fill('i'), ...Array<Type>(12).fill('d'), ...Array<Type>(8).fill('l'),
]
/** The last register counts blocks down; the first four point to data. */
export const COUNTER = types.length - 1, POINTERS = 4
export const FIELD_BYTES = 64

const schema = { ...vcpuCore, r: array(u64(), types.length), field: array(u64(), FIELD_BYTES / 8), fflags: u32(), frm: u32() }
export const layout = layoutOf(schema)
export const registers: readonly RegisterSpec[] = types.map((type, i) =>
  ({ name: `${type}${i}`, type, offset: layout.offsets.r + 8 * i }))

/** Virtual addresses: code in two pages, and data around a multiple of 4 GiB. */
export const CODE = 0x12fffff000n, DATA = 0xffffc000n + (0xfffffff3n << 32n), DATA_PAGES = 8
const RAM_PA = 0x1000, RAM_PAGES = 10, DEVICE_PA = 0x100000

/** For each page of data where it lies in RAM; what it allows. */
const pages: readonly ({ ram: number; write: boolean; whole: boolean } | 'device' | undefined)[] = [
  { ram: 3, write: true, whole: true },
  { ram: 1, write: true, whole: true },
  { ram: 2, write: false, whole: true },
  undefined,
  { ram: 0, write: true, whole: true },
  'device',
  { ram: 4, write: true, whole: false },
  { ram: 1, write: true, whole: true }, // once more
]
export const CODE_RAM = 8 // pages 8 and 9

export type Program = {
  readonly blocks: readonly Block[]
  /** Initial values of registers, fields, flags and rounding mode. */
  readonly registers: readonly bigint[]
  readonly fields: readonly bigint[]
  readonly fflags: number
  readonly frm: number
}

/** How a run ended, and the accesses and calls that left the processor, in order. */
export type Log = string[]

export type IrRig = {
  readonly rig: Rig
  readonly log: Log
  /** Puts the program's initial state and memory there. */
  load(p: Program): void
  readonly state: ReturnType<typeof bind<typeof schema>>
}

/** Builds the block anew, so that the builder folds what it can if it is to. */
function emitAgain(g: Builder, from: Block): void {
  const value = new Int32Array(from.n)
  for (let i = 0; i < from.n; i++) {
    const o = from.op[i]!, k = arity[o]!, lo = from.lo[i]!, hi = from.hi[i]!
    const a = k > 0 ? value[from.a[i]!]! : from.a[i]!, b = k > 1 ? value[from.b[i]!]! : from.b[i]!, c = k > 2 ? value[from.c[i]!]! : from.c[i]!
    if (effects[o] !== 'reg') value[i] = g.emit(o, a, b, c, lo, hi)
    else if (resultType[o]) value[i] = g.get(lo, resultType[o] as 'i' | 'l' | 'd')
    else g.set(lo, a)
  }
}

export function irRig(shared: boolean, passes: Passes): IrRig {
  let program: Program | undefined
  const log: Log = []
  const find = (lo: number, hi: number) => program?.blocks.find(b => b.pcLo === lo >>> 0 && b.pcHi === (hi | 0))
  const isa: Isa = {
    name: 'fuzz', state: schema, registers, codeAlign: 1, mmuModes: 1,
    lift(g) {
      const { block } = g, from = find(block.pcLo, block.pcHi)
      if (!from) throw new Error(`no block at ${block.pcHi.toString(16)}:${block.pcLo.toString(16)}`)
      emitAgain(g, from)
      block.sizeBytes = from.sizeBytes
      block.insns = from.insns
    },
    disassemble: bytes => ({ text: `${bytes[0]}`, length: 2 }),
    modeName: String,
  }
  const rig: Rig = new Rig({
    isa, passes, ramPa: RAM_PA, ramBytes: RAM_PAGES * PAGE, shared,
    makeCpu: (views, at, services) => {
      const w = (name: keyof typeof layout.offsets) => (at + layout.offsets[name]) >>> 2
      let noted = ''
      const translation: Translation = { pa: 0, read: true, write: true, execute: true, global: false, whole: true, pageBits: 12 }
      const stop = () => void Atomics.or(views.i32, at >>> 2, ExitRequest.STOP)
      const cpu: Cpu = {
        isa,
        translate(vaLo, vaHi, access, _mode, _size) {
          const va = (BigInt(vaHi >>> 0) << 32n) | BigInt(vaLo >>> 0)
          const page = Number(BigInt.asUintN(64, va - (access === Access.EXECUTE ? CODE : DATA)) >> 12n)
          const offset = vaLo & (PAGE - 1)
          if (access === Access.EXECUTE) {
            if (page > 1 || !find(vaLo, vaHi)) {
              noted = `fetch ${va.toString(16)}`
              return null
            }
            return Object.assign(translation, { pa: RAM_PA + (CODE_RAM + page) * PAGE + offset, write: false, whole: true })
          }
          const p = pages[page]
          if (p === undefined || (p !== 'device' && access === Access.WRITE && !p.write)) {
            noted = `${access === Access.WRITE ? 'store' : 'load'} ${va.toString(16)}`
            return null
          }
          if (p === 'device') return Object.assign(translation, { pa: DEVICE_PA + offset, write: true, whole: true })
          return Object.assign(translation, { pa: RAM_PA + p.ram * PAGE + offset, write: p.write, whole: p.whole })
        },
        probe: () => -1,
        fault(kind, vaLo, vaHi, access) { noted = `fault ${kind} ${(vaHi >>> 0).toString(16)}:${(vaLo >>> 0).toString(16)} ${access}` },
        deliver() {
          log.push(noted)
          stop()
        },
        system(helper, arg) {
          log.push(`system ${helper} ${arg}`)
          stop()
        },
        call(helper) {
          const args = (at + layout.offsets.args) >>> 3, a = views.u64[args]!, b = views.u64[args + 1]!
          log.push(`call ${helper} ${a.toString(16)} ${b.toString(16)}`)
          views.u64[(at + layout.offsets.result) >>> 3] = (a ^ (b * 0x9e3779b97f4a7c15n)) + BigInt(helper)
        },
        interrupt: () => false,
        wakes: () => true,
        reset() {},
        refresh: () => services.selectTlb(0, 0, 0, 0),
        debug: { xml: {}, registers: [], pc: 0, plain: 0, control: [], read: () => undefined, write: () => false },
        float: {
          policy: 'canonical' satisfies FloatPolicyName,
          rounding: () => views.i32[w('frm')]!,
          raise: flags => { views.i32[w('fflags')]! |= flags },
        },
      }
      return cpu
    },
    place(root, _rig) {
      place(root, DEVICE_PA, mmio('device', PAGE, {
        rules: { valid: { min: 1, max: 8, unaligned: false }, impl: { min: 1, max: 4 } },
        read(offset, size) {
          log.push(`read ${offset} ${size}`)
          return (Math.imul(offset + log.length, 0x9e3779b1) >>> 0) % 2 ** (8 * size)
        },
        write: (offset, value, size) => void log.push(`write ${offset} ${size} ${value}`),
      }))
    },
  })
  const state = bind(layout, rig.views, rig.state)
  return {
    rig, log, state,
    load(p) {
      program = p
      log.length = 0
      fillMemory(rig.views, rig.ram)
      p.registers.forEach((v, i) => state.r.set(i, v))
      p.fields.forEach((v, i) => state.field.set(i, v))
      state.fflags = p.fflags
      state.frm = p.frm
      state.pc = CODE
      state.halted = 0
    },
  }
}

/** The same contents each time; small and large numbers, and floats among them. */
function fillMemory(views: Views, ram: number): void {
  const words = views.u32, from = ram >>> 2
  for (let i = 0; i < (CODE_RAM * PAGE) / 4; i++)
    words[from + i] = (i & 7) === 0 ? i : (i & 7) === 3 ? 0x3ff00000 : Math.imul(i, 0x9e3779b1) ^ (i << 3)
}
