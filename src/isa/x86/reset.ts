// What a processor holds after RESET, after INIT, and after a start-up message. Intel SDM volume 3, table 9-1, 9.1.4, 8.4.
import { topologyOf } from './cpuid.ts'
import { apicIdOf } from './topology.ts'
import { resetState } from '../../state/bind.ts'
import { Base, resetApic } from './apic.ts'
import { type Core, Cr0, forget, get, selectTlb, setFlags, setGpr, setIp, setPair, updateMode, W } from './core.ts'
import { updateWatches } from './breakpoints.ts'
import { cpuLayout, Reg, Seg } from './cpu.ts'
import { setHidden } from './segments.ts'

const CODE = 0x9b, DATA = 0x93, LDT = 0x82, TSS = 0x8b

/** Registers that RESET and INIT treat alike. */
function common(c: Core): void {
  const { model, i32, w } = c
  for (let n = 0; n < 16; n++) setGpr(c, n, 8, 0)
  setGpr(c, Reg.DX, 4, model.stepping | ((model.model & 15) << 4) | (Math.min(model.family, 15) << 8) | ((model.model >> 4) << 16))
  for (const seg of [Seg.ES, Seg.SS, Seg.DS, Seg.FS, Seg.GS]) setHidden(c, seg, 0, 0, 0, 0xffff, DATA)
  setHidden(c, Seg.CS, 0xf000, 0xffff0000 | 0, 0, 0xffff, CODE)
  setHidden(c, Seg.LDTR, 0, 0, 0, 0xffff, LDT)
  setHidden(c, Seg.TR, 0, 0, 0, 0xffff, TSS)
  setFlags(c, 0, -1)
  setPair(c, W.gdtBase, 0, 0)
  setPair(c, W.idtBase, 0, 0)
  i32[w + W.gdtLimit] = i32[w + W.idtLimit] = 0xffff
  setPair(c, W.cr2, 0, 0)
  setPair(c, W.cr3, 0, 0)
  setPair(c, W.cr4, 0, 0)
  setPair(c, W.efer, 0, 0)
  for (let n = 0; n < 8; n++) {
    i32[w + W.dr + 2 * n] = n === 6 ? 0xffff0ff0 | 0 : n === 7 ? 0x400 : 0
    i32[w + W.dr + 2 * n + 1] = 0
  }
  updateWatches(c)
  c.s.shadow = c.s.nmiBlocked = 0
  i32[w + W.stepChecked] = i32[w + W.stepTrap] = 0
  setIp(c, 0xfff0, 0)
}

/** All but the first processor wait for a start-up message. */
function rest(c: Core): void {
  const first = (get(c, W.apicBase) & Base.BSP) !== 0
  c.s.waitsForSipi = first ? 0 : 1
  c.i32[c.w + W.halted] = first ? 0 : 1
  c.services.flushTlb()
  updateMode(c)
  selectTlb(c)
}

export function reset(c: Core): void {
  resetState(cpuLayout, c.views, c.at)
  forget(c)
  const { hart } = c.services
  c.s.tscKhz = c.platform.tscKhz ?? c.s.tscKhz
  c.s.apicBase = BigInt(0xfee00000 | (c.model.has('apic') ? Base.ENABLED : 0) | (hart === 0 ? Base.BSP : 0)) & 0xffffffffn
  c.s.apicId = apicIdOf(topologyOf(c), hart)
  resetApic(c)
  common(c)
  rest(c)
}

/** INIT keeps memory types, the time-stamp counter, floating point, the APIC's base and number. */
export function initialize(c: Core): void {
  common(c)
  setPair(c, W.cr0, (get(c, W.cr0) & (Cr0.CD | Cr0.NW)) | Cr0.ET, 0)
  resetApic(c)
  rest(c)
}

export function startUp(c: Core, vector: number): void {
  c.s.waitsForSipi = 0
  c.i32[c.w + W.halted] = 0
  setHidden(c, Seg.CS, vector << 8, vector << 12, 0, 0xffff, CODE)
  setIp(c, 0, 0)
  updateMode(c)
}
