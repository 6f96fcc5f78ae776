// Hardware task switches, with task state of 16 and 32 bits. Intel SDM volume 3, 8.2-8.5 (7.2-7.5 in older editions).
import {
  type Core, Cr0, flags, get, gpr, isVm86, note, readIp, segment, selectTlb, selectorOf, setFlags, setGpr, setIp, setPair, updateMode, W, SEG,
} from './core.ts'
import { Flag, Seg, Vector } from './cpu.ts'
import { updateWatches } from './breakpoints.ts'
import { writeCr3 } from './control.ts'
import { implicit, read, write, writable } from './memory.ts'
import {
  ACCESSED, attributesOf, baseOf, BUSY, changeDescriptor, checkData, checkStack, dplOf, isCode, isConforming, isNull, isPresent, isSegment, limitOf,
  loadLdt, readDescriptor, setFromDescriptor, setHidden, setNull, setReal, SystemType, typeOf,
} from './segments.ts'
import { commitStack, currentStack, push } from './stack.ts'

export const TaskSource = { JMP: 0, CALL: 1, IRET: 2, GATE: 3 } as const
type TaskSource = (typeof TaskSource)[keyof typeof TaskSource]

/** Offsets in the task state: of 32 bits, of 16. */
const LAYOUT = {
  32: { bytes: 4, ip: 0x20, flags: 0x24, registers: 0x28, segments: 0x48, count: 6, ldt: 0x60, size: 0x68 },
  16: { bytes: 2, ip: 0x0e, flags: 0x10, registers: 0x12, segments: 0x22, count: 4, ldt: 0x2a, size: 0x2c },
} as const
const CR3_AT = 0x1c, TRAP_AT = 0x64

/** Switches to the task that `selector` names. `length` is added to pc for the task that is left; `error` is pushed in the new
 * one. False with a fault noted: in the old task before the switch, in the new one where its segments cannot be loaded. */
export function switchTask(c: Core, selector: number, source: TaskSource, length: number, ext = 0, error?: number): boolean {
  const wrong = source === TaskSource.IRET ? Vector.TS : Vector.GP, code = (selector & 0xfffc) | ext
  if (selector & 4 || isNull(selector)) return note(c, wrong, code)
  if (!readDescriptor(c, selector, wrong, ext)) return false
  const { lo, hi } = c, type = typeOf(hi), wide = (type & 8) !== 0
  const wanted = (wide ? SystemType.TSS32 : SystemType.TSS16) | (source === TaskSource.IRET ? 2 : 0)
  if (isSegment(hi) || type !== wanted) return note(c, wrong, code)
  if (!isPresent(hi)) return note(c, Vector.NP, code)
  const to = LAYOUT[wide ? 32 : 16], base = baseOf(lo, hi), limit = limitOf(lo, hi) >>> 0
  if (limit < to.size - 1) return note(c, Vector.TS, code)

  // All of the new task is read before anything is changed.
  const mode = implicit(c), word = (at: number, bytes: number = to.bytes) => read(c, (base + at) | 0, 0, bytes, mode)
  const incoming: number[] = [] // ip, flags, eight registers, segments, LDT, CR3, T
  const places = [to.ip, to.flags, ...Array.from({ length: 8 }, (_, i) => to.registers + i * to.bytes)]
  for (const at of places) {
    if (!word(at)) return false
    incoming.push(c.lo)
  }
  const selectors: number[] = []
  for (let i = 0; i < to.count; i++) {
    if (!word(to.segments + i * to.bytes, 2)) return false
    selectors.push(c.lo)
  }
  if (!word(to.ldt, 2)) return false
  const ldt = c.lo
  let cr3 = 0, trap = 0
  if (wide) {
    if (!word(CR3_AT)) return false
    cr3 = c.lo
    if (!word(TRAP_AT, 2)) return false
    trap = c.lo & 1
  }

  // The old task is saved.
  const oldWide = (segment(c, Seg.TR, SEG.attributes) & 8) !== 0, from = LAYOUT[oldWide ? 32 : 16]
  const oldBase = segment(c, Seg.TR, SEG.base), oldTask = selectorOf(c, Seg.TR) & 0xffff
  if (!writable(c, oldBase, 0, 1, mode) || !writable(c, (oldBase + from.size - 1) | 0, 0, 1, mode) || !writable(c, base, 0, 2, mode)) return false
  readIp(c, length)
  const save = (at: number, v: number, bytes: number = from.bytes) => write(c, (oldBase + at) | 0, 0, bytes, v, 0, mode)
  const oldFlags = flags(c) & (source === TaskSource.IRET ? ~Flag.NT : -1)
  save(from.ip, c.lo)
  save(from.flags, oldFlags)
  for (let i = 0; i < 8; i++) save(from.registers + i * from.bytes, gpr(c, i))
  for (let i = 0; i < from.count; i++) save(from.segments + i * from.bytes, selectorOf(c, i), 2)
  const nests = source === TaskSource.CALL || source === TaskSource.GATE
  if (nests) write(c, base, 0, 2, oldTask, 0, mode)
  if (!nests) {
    if (!readDescriptor(c, oldTask, Vector.TS)) return false
    if (!changeDescriptor(c, oldTask, c.hi, 0, BUSY)) return false
  }
  if (source !== TaskSource.IRET && !changeDescriptor(c, selector, hi, BUSY)) return false

  // From here on faults belong to the new task.
  setHidden(c, Seg.TR, selector, base, 0, limit, attributesOf(hi | BUSY))
  setPair(c, W.cr0, get(c, W.cr0) | Cr0.TS, 0)
  if (wide && get(c, W.cr0) & Cr0.PG && !writeCr3(c, cr3, 0)) return false
  const cs = selectors[Seg.CS]!, cpl = cs & 3
  setIp(c, incoming[0]!, 0)
  for (let i = 0; i < 8; i++) setGpr(c, i, wide ? 4 : 2, wide ? incoming[2 + i]! : incoming[2 + i]! | 0xffff0000)
  const mask = wide ? -1 : 0xffff
  for (let i = 0; i < 6; i++) setNull(c, i, selectors[i] ?? 0, cpl)
  setNull(c, Seg.LDTR, ldt)
  c.i32[c.w + W.dr + 14] = c.i32[c.w + W.dr + 14]! & ~0x55 // local breakpoints
  updateWatches(c)
  c.i32[c.w + W.stepTrap] = 0
  setFlags(c, (incoming[1]! & mask) | (nests ? Flag.NT : 0), (-1 & ~2) | 0)
  const refresh = () => {
    updateMode(c)
    selectTlb(c)
  }
  refresh()
  if (!loadLdt(c, ldt, Vector.TS)) return false
  if (isVm86(c)) for (let i = 0; i < 6; i++) setReal(c, i, selectors[i] ?? 0)
  else if (!loadSegments(c, selectors)) {
    refresh()
    return false
  }
  setIp(c, incoming[0]! & (wide ? -1 : 0xffff), 0)
  refresh()
  if (error !== undefined) {
    const stack = currentStack(c)
    if (!push(c, stack, to.bytes, error)) return false
    commitStack(c, stack)
  }
  if (incoming[0]! >>> 0 > segment(c, Seg.CS, SEG.limit) >>> 0) return note(c, Vector.GP)
  if (trap) {
    c.i32[c.w + W.dr + 12] = c.i32[c.w + W.dr + 12]! | 0x8000 // DR6.BT
    return note(c, Vector.DB)
  }
  c.i32[c.w + W.halted] = 0
  return true
}

function loadSegments(c: Core, selectors: readonly number[]): boolean {
  const cs = selectors[Seg.CS]!, cpl = cs & 3, error = cs & 0xfffc
  if (isNull(cs)) return note(c, Vector.TS, error)
  if (!readDescriptor(c, cs, Vector.TS)) return false
  const { lo, hi } = c
  if (!isCode(hi) || (isConforming(hi) ? dplOf(hi) > cpl : dplOf(hi) !== cpl)) return note(c, Vector.TS, error)
  if (!isPresent(hi)) return note(c, Vector.NP, error)
  if (!changeDescriptor(c, cs, hi, ACCESSED)) return false
  setFromDescriptor(c, Seg.CS, cs, lo, hi | ACCESSED)
  if (!checkStack(c, selectors[Seg.SS]!, cpl, Vector.TS)) return false
  setFromDescriptor(c, Seg.SS, selectors[Seg.SS]!, c.lo, c.hi)
  for (const seg of [Seg.ES, Seg.DS, Seg.FS, Seg.GS]) {
    const selector = selectors[seg] ?? 0
    if (isNull(selector)) continue
    if (!checkData(c, selector, Vector.TS)) return false
    setFromDescriptor(c, seg, selector, c.lo, c.hi)
  }
  return true
}
