// Hart state management: starting, stopping, suspending. The state and the parameters of a start are words of
// the hart's own state, so that any thread can ask and a snapshot has them.
import { type Core, forget, Priv, setPair, setPriv, Status, W } from '../core.ts'
import { updatePmp } from '../pmp.ts'
import { updateTimer } from '../counters.ts'
import { type Hart, HsmState } from '../cpu.ts'
import { SbiError } from './errors.ts'
import type { SbiPlatform } from './platform.ts'

const F = { START: 0, STOP: 1, STATUS: 2, SUSPEND: 3 } as const
const RETENTIVE = 0, NON_RETENTIVE = 0x80000000 | 0

/** Registers a0-a5 as the index of their low word. */
const a = (c: Core, n: number): number => c.w + W.x + 2 * (10 + n)

export function hsm(c: Core, platform: SbiPlatform, fid: number): number {
  const { i32, w } = c, target = i32[a(c, 0)]!
  const known = i32[a(c, 0) + 1] === 0 && target >= 0 && target < platform.harts.length
  switch (fid) {
    case F.START: return known ? start(c, platform, target) : SbiError.INVALID_PARAM
    case F.STOP:
      stop(c)
      return SbiError.SUCCESS
    case F.STATUS: {
      if (!known) return SbiError.INVALID_PARAM
      const at = platform.harts[target]! >> 2, state = Atomics.load(platform.views.i32, at + W.hsm)
      // A suspended hart that runs again says so only by running.
      c.hi = state === HsmState.SUSPENDED && platform.views.i32[at + W.halted] === 0
        ? HsmState.STARTED : state
      return SbiError.SUCCESS
    }
    case F.SUSPEND:
      if (i32[a(c, 0)] === NON_RETENTIVE) return SbiError.NOT_SUPPORTED
      if (i32[a(c, 0)] !== RETENTIVE) return SbiError.INVALID_PARAM
      i32[w + W.hsm] = HsmState.SUSPENDED
      i32[w + W.halted] = 1
      return SbiError.SUCCESS
    default: return SbiError.NOT_SUPPORTED
  }
}

function start(c: Core, platform: SbiPlatform, hart: number): number {
  const at = platform.harts[hart]! >> 2, other = platform.views.i32
  if (c.services.ramAt((c.i32[a(c, 1) + 1]! >>> 0) * 0x100000000 + (c.i32[a(c, 1)]! >>> 0)) < 0)
    return SbiError.INVALID_ADDRESS
  // Only one asker may fill in the parameters: from STOPPED by way of a value that no hart reports.
  const CLAIMED = 0x100
  const was = Atomics.compareExchange(other, at + W.hsm, HsmState.STOPPED, CLAIMED)
  if (was !== HsmState.STOPPED) return SbiError.ALREADY_AVAILABLE
  for (const [word, n] of [[W.hsmAddress, 1], [W.hsmOpaque, 2]] as const) {
    other[at + word] = c.i32[a(c, n)]!
    other[at + word + 1] = c.i32[a(c, n) + 1]!
  }
  Atomics.store(other, at + W.hsm, HsmState.START_PENDING)
  platform.kick(hart)
  return SbiError.SUCCESS
}

/** No instruction more, until another hart or a reset starts this one. */
export function stop(c: Core): void {
  c.i32[c.w + W.halted] = 1
  Atomics.store(c.i32, c.w + W.hsm, HsmState.STOPPED)
}

/** After a reset: a hart waits to be started, or if it is the one to boot, begins in supervisor mode at
 * `address` at the next look at its interrupts, with a0 = its number and a1 = `opaque` (where the device tree is). */
export function sbiBoot(s: Hart, boot?: { readonly address: bigint; readonly opaque: bigint }): void {
  s.halted = 1
  s.hsm = boot ? HsmState.START_PENDING : HsmState.STOPPED
  s.hsmAddress = boot?.address ?? 0n
  s.hsmOpaque = boot?.opaque ?? 0n
}

/** On the started hart's own thread: begins at the requested address with a0 = hart, a1 = what the caller
 * passed. */
export function startHart(c: Core): boolean {
  const { i32, w } = c
  enterSupervisor(c, i32[w + W.hsmAddress]!, i32[w + W.hsmAddress + 1]!, i32[w + W.hsmOpaque]!,
    i32[w + W.hsmOpaque + 1]!)
  Atomics.store(i32, w + W.hsm, HsmState.STARTED)
  return true
}

const MENVCFG_HI = (1 << 31) | (1 << 29) // STCE, ADUE
/** Every exception that supervisor mode can take goes there: there is no firmware below that could emulate
 * anything. */
const MEDELEG = 0xb1ff, MIDELEG = 0x222

/** What firmware does before it jumps to a kernel: delegation, counters, timer, memory protection open,
 * supervisor mode. */
function enterSupervisor(c: Core, pcLo: number, pcHi: number, opaqueLo: number, opaqueHi: number): void {
  const { i32, w, s } = c
  setPair(c, W.medeleg, MEDELEG, 0)
  setPair(c, W.mideleg, MIDELEG, 0)
  setPair(c, W.menvcfg, 0, MENVCFG_HI)
  setPair(c, W.mcounteren, -1, 0)
  setPair(c, W.scounteren, -1, 0)
  setPair(c, W.mie, 0, 0)
  setPair(c, W.satp, 0, 0)
  setPair(c, W.stimecmp, -1, -1)
  setPair(c, W.pmpaddr, -1, 0x3fffff)
  s.pmpcfg[0] = 0x1f // NAPOT, everything, RWX
  setPair(c, W.pc, pcLo, pcHi)
  setPair(c, W.x + 2 * 10, c.services.hart, 0)
  setPair(c, W.x + 2 * 11, opaqueLo, opaqueHi)
  i32[w + W.halted] = 0
  forget(c)
  updatePmp(c)
  setPriv(c, Priv.SUPERVISOR, i32[w + W.mstatus]! & ~(Status.SIE | Status.MXR | Status.SUM))
  updateTimer(c)
  c.services.flushTlb()
}
