// The supervisor binary interface (SBI specification 2.0), served by the emulator when no firmware runs in
// machine mode: base, TIME, IPI, RFENCE, HSM, SRST, DBCN, and of the legacy calls the timer, the console and
// shutdown. Not there: PMU, SUSP, CPPC, NACL, STA; hypervisor fences.
import { type Core, Ip, setPair, W } from '../core.ts'
import { updateTimer } from '../counters.ts'
import { SbiError } from './errors.ts'
import { hsm, stop } from './hsm.ts'
import type { RemoteFence, SbiPlatform } from './platform.ts'

const VERSION = 2 << 24 // 2.0
/** Outside the list of registered implementations. */
const IMPLEMENTATION_ID = 0x5456, IMPLEMENTATION_VERSION = 1
const TWO32 = 0x100000000

/** An extension: error as the result, value in c.hi (0 unless set). */
type Extension = (c: Core, platform: SbiPlatform, fid: number) => number

/** The index of the low word of register a0 + n. */
const a = (c: Core, n: number): number => c.w + W.x + 2 * (10 + n)
const lo = (c: Core, n: number): number => c.i32[a(c, n)]!
const hi = (c: Core, n: number): number => c.i32[a(c, n) + 1]!
const value = (c: Core, v: number): number => {
  c.hi = v
  return SbiError.SUCCESS
}

function base(c: Core, _p: SbiPlatform, fid: number): number {
  switch (fid) {
    case 0: return value(c, VERSION)
    case 1: return value(c, IMPLEMENTATION_ID)
    case 2: return value(c, IMPLEMENTATION_VERSION)
    case 3: return value(c, hi(c, 0) === 0 && (extensions.has(lo(c, 0)) || LEGACY.has(lo(c, 0))) ? 1 : 0)
    case 4: case 5: case 6: return value(c, 0) // mvendorid, marchid, mimpid
    default: return SbiError.NOT_SUPPORTED
  }
}

function setTimer(c: Core): void {
  setPair(c, W.stimecmp, lo(c, 0), hi(c, 0))
  updateTimer(c)
}
function time(c: Core, _p: SbiPlatform, fid: number): number {
  if (fid !== 0) return SbiError.NOT_SUPPORTED
  setTimer(c)
  return SbiError.SUCCESS
}

/** Calls `each` for the harts of a mask in a0 and its base in a1 (all ones: all harts). */
function forHarts(c: Core, platform: SbiPlatform, each: (hart: number) => void): number {
  const n = platform.harts.length
  if (lo(c, 1) === -1 && hi(c, 1) === -1) {
    for (let hart = 0; hart < n; hart++) each(hart)
    return SbiError.SUCCESS
  }
  const first = (hi(c, 1) >>> 0) * TWO32 + (lo(c, 1) >>> 0)
  const highest = hi(c, 0) !== 0 ? 63 - Math.clz32(hi(c, 0)) : 31 - Math.clz32(lo(c, 0))
  if (highest >= 0 && first + highest >= n) return SbiError.INVALID_PARAM
  for (let i = 0; i <= highest; i++)
    if (((i < 32 ? lo(c, 0) : hi(c, 0)) >>> (i & 31)) & 1) each(first + i)
  return SbiError.SUCCESS
}

function ipi(c: Core, platform: SbiPlatform, fid: number): number {
  if (fid !== 0) return SbiError.NOT_SUPPORTED
  return forHarts(c, platform, hart => {
    Atomics.or(platform.views.i32, (platform.harts[hart]! >> 2) + W.lines, Ip.SSIP)
    platform.kick(hart)
  })
}

function rfence(c: Core, platform: SbiPlatform, fid: number): number {
  if (fid > 2) return SbiError.NOT_SUPPORTED
  const fence = fid === 0 ? { kind: 'fence.i' } as const
    : sfence(c, fid === 2 ? lo(c, 4) & 0xffff : undefined)
  return forHarts(c, platform, hart => {
    if (hart === c.services.hart) fenceHere(c, fence)
    else platform.remoteFence(hart, fence)
  })
}

/** Ranges of more pages than this are flushed as a whole. */
const MANY = 64 * 4096
function sfence(c: Core, asid: number | undefined): RemoteFence {
  const sizeBytes = (hi(c, 3) >>> 0) * TWO32 + (lo(c, 3) >>> 0)
  const pages = sizeBytes > MANY || sizeBytes === 0 ? undefined : pagesOf(lo(c, 2), hi(c, 2), sizeBytes)
  return { kind: 'sfence.vma', asid, pages }
}

function pagesOf(startLo: number, startHi: number, sizeBytes: number): (readonly [number, number])[] {
  const from = startLo >>> 0, end = from + sizeBytes, out: (readonly [number, number])[] = []
  for (let at = from - (from & 4095); at < end; at += 4096) out.push([at | 0, (startHi + Math.floor(at / TWO32)) | 0])
  return out
}

/** A fence on this hart; also how a remote one is done when it arrives. */
export function fenceHere({ services }: Pick<Core, 'services'>, fence: RemoteFence): void {
  if (fence.kind === 'fence.i') return services.flushCode()
  if (!fence.pages) return services.flushTlb(fence.asid)
  for (const [lo, hi] of fence.pages) services.flushPage(lo, hi, fence.asid)
}

function srst(c: Core, platform: SbiPlatform, fid: number): number {
  if (fid !== 0) return SbiError.NOT_SUPPORTED
  const kind = (['shutdown', 'coldReboot', 'warmReboot'] as const)[lo(c, 0)]
  if (!kind || lo(c, 1) < 0 || lo(c, 1) > 1) return SbiError.INVALID_PARAM
  platform.reset(kind, lo(c, 1) === 1)
  stop(c) // the call does not return
  return SbiError.SUCCESS
}

function dbcn(c: Core, platform: SbiPlatform, fid: number): number {
  if (fid === 2) return platform.console.put(lo(c, 0) & 0xff) ? SbiError.SUCCESS : SbiError.FAILED
  if (fid > 2) return SbiError.NOT_SUPPORTED
  // The address is two registers wide; nothing is above the first.
  if (lo(c, 2) !== 0 || hi(c, 2) !== 0) return SbiError.INVALID_PARAM
  const at = (hi(c, 1) >>> 0) * TWO32 + (lo(c, 1) >>> 0), count = lo(c, 0) >>> 0
  for (let done = 0; done < count; done++) {
    const host = c.services.ramAt(at + done)
    if (host < 0) return done > 0 ? value(c, done) : SbiError.INVALID_PARAM
    if (fid === 0) {
      if (!platform.console.put(c.u8[host]!)) return value(c, done)
    } else {
      const byte = platform.console.get()
      if (byte < 0) return value(c, done)
      c.u8[host] = byte
    }
  }
  return value(c, count)
}

const TIME = 0x54494d45, IPI = 0x735049, RFNC = 0x52464e43, HSM = 0x48534d, SRST = 0x53525354
const DBCN = 0x4442434e
const extensions: ReadonlyMap<number, Extension> = new Map([
  [0x10, base], [TIME, time], [IPI, ipi], [RFNC, rfence], [HSM, hsm], [SRST, srst], [DBCN, dbcn],
])

const Legacy = { SET_TIMER: 0, PUTCHAR: 1, GETCHAR: 2, SHUTDOWN: 8 } as const
const LEGACY: ReadonlySet<number> = new Set(Object.values(Legacy))
/** Legacy calls give one result, in a0. */
function legacy(c: Core, platform: SbiPlatform, call: number): number {
  switch (call) {
    case Legacy.SET_TIMER:
      setTimer(c)
      return 0
    case Legacy.PUTCHAR: return platform.console.put(lo(c, 0) & 0xff) ? 0 : SbiError.FAILED
    case Legacy.GETCHAR: return platform.console.get()
    default:
      platform.reset('shutdown', false)
      stop(c)
      return 0
  }
}

/** Serves the environment call in a7 (extension), a6 (function), a0-a5; pc is behind the instruction already.
 * */
export function sbiCall(c: Core, platform: SbiPlatform): void {
  const id = lo(c, 7), fid = lo(c, 6)
  if (hi(c, 7) === 0 && LEGACY.has(id)) {
    const result = legacy(c, platform, id)
    return setPair(c, W.x + 2 * 10, result, result >> 31)
  }
  const extension = hi(c, 7) === 0 || hi(c, 7) === -1 ? extensions.get(id) : undefined
  c.hi = 0
  const error = extension && hi(c, 6) === 0 && fid >= 0 ? extension(c, platform, fid) : SbiError.NOT_SUPPORTED
  const result = error === SbiError.SUCCESS ? c.hi : 0
  setPair(c, W.x + 2 * 10, error, error >> 31)
  setPair(c, W.x + 2 * 11, result, 0)
}
