// Which interrupt is taken when: NMI, the local APIC, the interrupt controller's pin; INIT and start-up messages; shadows after STI and
// loads of SS. Intel SDM volume 3, 6.7-6.9, 9.4. Not modelled: system management interrupts.
import { acceptVector, acceptsExtint, checkTimer, pendingVector } from './apic.ts'
import { type Core, get, getHi, requestInterrupt, updateMode, W } from './core.ts'
import { Done } from './core.ts'
import { debugBefore, takeTrap } from './control.ts'
import { Flag, Line, Shadow, Vector } from './cpu.ts'
import { initialize, startUp } from './reset.ts'
import { raise, Source } from './traps.ts'
import { ExitRequest } from '../isa.ts'

const clear = (c: Core, line: number): void => void Atomics.and(c.i32, c.w + W.lines, ~line)

function checkA20(c: Core, lines: number): void {
  const enabled = lines & Line.A20M ? 0 : 1
  if (c.s.a20 === enabled) return
  c.s.a20 = enabled
  c.services.flushTlb()
}

/** Takes the most important event that is let through; true if pc changed. */
export function interrupt(c: Core): boolean {
  checkTimer(c)
  const { i32, w } = c, lines = Atomics.load(i32, w + W.lines)
  i32[w + W.interruptWaits] = 0
  checkA20(c, lines)
  if (lines & Line.INIT) {
    clear(c, Line.INIT)
    initialize(c)
    return true
  }
  if (lines & Line.SIPI) {
    clear(c, Line.SIPI)
    if (c.s.waitsForSipi) {
      startUp(c, Atomics.load(i32, w + W.sipiVector))
      return true
    }
  }
  if (c.s.waitsForSipi) return false
  if (c.s.shadow && inShadow(c)) return false
  // A debug trap of the instruction before comes first; what begins an instruction is no trap yet.
  if (!i32[w + W.stepChecked] && takeTrap(c)) {
    requestInterrupt(c)
    return true
  }
  if (lines & Line.NMI && !c.s.nmiBlocked) {
    clear(c, Line.NMI)
    c.s.nmiBlocked = 1
    raise(c, Vector.NMI, 0, Source.HARDWARE, 0)
    return true
  }
  if (!(get(c, W.eflags) & Flag.IF)) {
    i32[w + W.interruptWaits] = pendingVector(c) >= 0 || lines & Line.INTR ? 1 : 0
    return false
  }
  const own = pendingVector(c)
  if (own >= 0) acceptVector(c, own)
  const vector = own >= 0 ? own : lines & Line.INTR && acceptsExtint(c) ? c.platform.acknowledge() : -1
  if (vector < 0) return false
  raise(c, vector, 0, Source.HARDWARE, 0)
  requestInterrupt(c)
  return true
}

/** Whether interrupts are still held off. If one waits the next instruction is run by itself; then it is taken. */
function inShadow(c: Core): boolean {
  const { shadow } = c.s
  if (shadow & (Shadow.STEPPING | Shadow.STEPPED)) return true
  if (get(c, W.pc) !== get(c, W.shadowPc) || getHi(c, W.pc) !== getHi(c, W.shadowPc)) {
    c.s.shadow = 0
    return false
  }
  c.s.shadow = shadow | Shadow.STEPPING
  c.i32[c.w + W.stepChecked] = 0
  updateMode(c)
  return true
}

/** System.STEP: before each instruction under Mode.STEP. */
export function step(c: Core): Done {
  const { s, i32, w } = c
  if (s.shadow & Shadow.STEPPED) {
    s.shadow = 0
    requestInterrupt(c)
  } else if (s.shadow & Shadow.STEPPING) s.shadow = (s.shadow & ~Shadow.STEPPING) | Shadow.STEPPED
  const afterSs = s.shadow & Shadow.SS && get(c, W.pc) === get(c, W.shadowPc)
  if (afterSs ? true : debugBefore(c)) i32[w + W.stepChecked] = 1
  updateMode(c)
  return Done.MOVED
}

/** Whether something would end a HLT. */
export function wakes(c: Core): boolean {
  checkTimer(c)
  const lines = Atomics.load(c.i32, c.w + W.lines)
  const woken = c.s.waitsForSipi ? lines & (Line.INIT | Line.SIPI)
    : lines & Line.INIT || (lines & Line.NMI && !c.s.nmiBlocked)
      || (get(c, W.eflags) & Flag.IF && (pendingVector(c) >= 0 || (lines & Line.INTR && acceptsExtint(c))))
  if (woken) Atomics.or(c.i32, c.w + W.exitRequest, ExitRequest.INTERRUPT)
  return Boolean(woken)
}
