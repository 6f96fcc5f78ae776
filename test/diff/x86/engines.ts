// The engines under test: the evaluator, the interpreter, and compiled regions, in user mode.
import { verify } from '../../../src/ir/verify.ts'
import { x86 } from '../../../src/isa/x86/x86.ts'
import { Attribute, setSegment } from '../../../src/isa/x86/segment.ts'
import { cpuLayout, Flag, Seg } from '../../../src/isa/x86/cpu.ts'
import { type Ending, flagsOf, makeUserCpu, setFlags, userMode } from '../../../src/isa/x86/testing.ts'
import { loadVectors, loadX87, saveVectors, saveX87 } from '../../../src/isa/x86/xstate.ts'
import { bind } from '../../../src/state/bind.ts'
import { Rig } from '../../fuzz/rig.ts'
import {
  type Bits, type Case, CODE, CODE_MAX, CODE16_BASE, CODE_BYTES, DATA16_BASE, type Engine, FS_BASE, FS_LIMIT, FX_BYTES, GS_BASE, GS_LIMIT, PAGE_AT, type Result, START,
  WINDOW, WINDOW_BYTES,
} from './machine.ts'

export type EngineName = 'eval' | 'interp' | 'jit'
export const engineNames: readonly EngineName[] = ['eval', 'interp', 'jit']

/** Word of an image that FXSAVE makes. */
const MXCSR = 6
const PAGE = 4096, RAM = 0x10000, INT3 = 0xcc
/** Pages of RAM: INT3, the instruction, the two data pages. */
const FILL = 0, CODE_PAGE = 1, DATA_PAGE = 2, PAGES = 4
/** The kernel's selectors, and those of the runner's local descriptor table: ES CS SS DS FS GS. */
const SELECTORS: { readonly [B in Bits]: readonly number[] } = {
  64: [0, 0x33, 0x2b, 0, 0, 0], 32: [0x2b, 0x23, 0x2b, 0x2b, 0x1f, 0x27], 16: [0x0f, 0x07, 0x17, 0x0f, 0x1f, 0x27],
}
const DATA = Attribute.PRESENT | Attribute.S | Attribute.WRITABLE | 0x60, TEXT = Attribute.PRESENT | Attribute.S | Attribute.CODE | Attribute.READABLE | 0x60

export function engine(name: EngineName): Engine {
  const ending: Ending = { pc: 0n, vector: 0, address: 0n, write: false, helper: undefined }
  const rig = new Rig({
    isa: x86, ramPa: RAM, ramBytes: PAGES * PAGE,
    makeCpu: (views, at, services) => makeUserCpu(x86, views, at, services, page => {
      const p = Number(page)
      if (p === (START & -PAGE)) return { pa: RAM + CODE_PAGE * PAGE, write: false, execute: true }
      if (p >= CODE && p < CODE + CODE_BYTES) return { pa: RAM + FILL * PAGE, write: false, execute: true }
      if (p === PAGE_AT || p === PAGE_AT + PAGE) return { pa: RAM + DATA_PAGE * PAGE + p - PAGE_AT, write: p === PAGE_AT, execute: false }
      return undefined
    }, ending),
  })
  const types = x86.registers.map(r => r.type)
  rig.reference.onBlock = b => {
    const wrong = verify(b, types)
    if (wrong) throw new Error(wrong)
  }
  const { views } = rig, s = bind(cpuLayout, views, rig.state)
  const at = (page: number) => rig.ram + page * PAGE
  views.u8.fill(INT3, at(FILL), at(DATA_PAGE))
  let code: Uint8Array = new Uint8Array(0), bits = 0

  const segments = (to: number) => {
    if (to === bits) return
    bits = to
    const flat = to !== 16, data = flat ? [0, 0xffffffff, DATA | Attribute.DB] as const : [DATA16_BASE, 0xffff, DATA] as const
    const selectors = SELECTORS[to as Bits]
    for (const n of [Seg.ES, Seg.SS, Seg.DS]) setSegment(s.seg[n]!, selectors[n]!, BigInt(data[0]), data[1], data[2])
    setSegment(s.seg[Seg.CS]!, selectors[Seg.CS]!, flat ? 0n : BigInt(CODE16_BASE), flat ? 0xffffffff : 0xffff, TEXT)
    setSegment(s.seg[Seg.FS]!, selectors[Seg.FS]!, BigInt(FS_BASE), FS_LIMIT, DATA | Attribute.DB)
    setSegment(s.seg[Seg.GS]!, selectors[Seg.GS]!, BigInt(GS_BASE), GS_LIMIT, DATA | Attribute.DB)
  }
  const load = (c: Case) => {
    segments(c.bits)
    for (let i = 0; i < 16; i++) s.gpr.set(i, c.bits === 64 ? c.registers[i]! : BigInt.asUintN(32, c.registers[i]!))
    setFlags(s, c.flags | Flag.IF)
    const image = new Int32Array(c.fx.buffer)
    loadX87(views, rig.state, image, true)
    loadVectors(views, rig.state, image, 16)
    s.mxcsr = image[MXCSR]!
    s.fpRaised = 0
    s.mode = userMode(s, c.bits)
    s.pc = BigInt(START)
    s.halted = 0
    views.u8.fill(0, at(DATA_PAGE), at(DATA_PAGE + 1))
    views.u8.set(c.memory, at(DATA_PAGE) + WINDOW - PAGE_AT)
    Object.assign(ending, { vector: -1, address: 0n, write: false, helper: undefined })
  }
  return {
    name,
    run(c): Result {
      if (Buffer.compare(code, c.code) !== 0) {
        if (name !== 'eval') rig.forget()
        views.u8.fill(INT3, at(CODE_PAGE), at(CODE_PAGE) + CODE_MAX)
        views.u8.set(c.code, at(CODE_PAGE))
        code = c.code
      }
      load(c)
      if (name === 'eval') rig.runReference()
      else {
        rig.run()
        if (name === 'jit' && rig.compile(BigInt(START))) {
          load(c)
          rig.run()
        }
      }
      if (ending.helper !== undefined) throw new Error(`${c.row.syntax}: left to the processor code (${ending.helper})`)
      const base = s.seg[Seg.CS]!.base, image = new Int32Array(FX_BYTES / 4)
      saveX87(views, rig.state, image, true)
      saveVectors(views, rig.state, image, 16)
      image[MXCSR] = s.mxcsr
      return {
        registers: BigUint64Array.from({ length: 16 }, (_, i) => s.gpr.get(i)), ip: ending.pc - base, flags: flagsOf(s),
        vector: ending.vector, address: ending.address, write: ending.write,
        fx: new Uint8Array(image.buffer),
        memory: views.u8.slice(at(DATA_PAGE) + WINDOW - PAGE_AT, at(DATA_PAGE) + WINDOW - PAGE_AT + WINDOW_BYTES),
      }
    },
  }
}
