// Physical memory protection: 16 entries, grain of 4 bytes (TOR, NA4, NAPOT), locking; privileged
// specification section 3.7. Smepmp is not modelled.
//
// The TLB works with pages of 4 KiB. A page that lies entirely inside or outside of every entry gets one
// answer for all its bytes. Where an entry begins or ends inside a page, each access is checked by its own
// bytes, and the translation says so (`whole` false), which keeps it out of the TLB.
import { type Core, Priv, W } from './core.ts'
import { hartLayout } from './cpu.ts'

export const Pmp = { R: 1, W: 2, X: 4, RWX: 7, A_SHIFT: 3, L: 0x80 } as const
const A = { OFF: 0, TOR: 1, NA4: 2, NAPOT: 3 } as const
const PAGE = 4096, TWO32 = 0x100000000
export const PMP_ENTRIES = 16

const cfgAt = (c: Core): number => (c.w << 2) + hartLayout.offsets.pmpcfg
const modeOf = (cfg: number): number => (cfg >> Pmp.A_SHIFT) & 3

/** pmpaddr of entry `i`, in units of 4 bytes; exact for what has 53 bits, and the rest is beyond any memory.
 * */
function addrOf(c: Core, i: number): number {
  const at = c.w + W.pmpaddr + 2 * i
  return (c.i32[at + 1]! >>> 0) * TWO32 + (c.i32[at]! >>> 0)
}

/** log2 of the bytes of a NAPOT region: 8 and twice as much for every 1 at the address's end. */
function napotBits(c: Core, i: number): number {
  const at = c.w + W.pmpaddr + 2 * i, lo = ~c.i32[at]!, hi = ~c.i32[at + 1]!
  return 3 + (lo !== 0 ? trailingZeros(lo) : 32 + trailingZeros(hi))
}
const trailingZeros = (x: number): number => 31 - Math.clz32(x & -x)

/** Decodes the registers; to be called after every change. */
export function updatePmp(c: Core): void {
  const { pmp } = c, at = cfgAt(c)
  let n = 0
  for (let i = 0; i < PMP_ENTRIES; i++) {
    const cfg = c.u8[at + i]!, mode = modeOf(cfg)
    if (mode === A.OFF) continue
    let start = addrOf(c, i) * 4, end = start + 4
    if (mode === A.TOR) {
      end = start
      start = i > 0 ? addrOf(c, i - 1) * 4 : 0
    } else if (mode === A.NAPOT) {
      const size = 2 ** napotBits(c, i)
      start = Math.floor(start / size) * size
      end = start + size
    }
    if (start >= end) continue // an empty TOR region matches nothing
    pmp.start[n] = start
    pmp.end[n] = end
    pmp.cfg[n] = cfg
    n++
  }
  pmp.count = n
  pmp.open = n > 0 && pmp.start[0] === 0 && pmp.end[0]! >= 2 ** 56 && (pmp.cfg[0]! & Pmp.RWX) === Pmp.RWX
}

/** Permissions (Pmp.R, W, X) of `size` bytes at `pa`: those of the first entry that has any of the bytes, if
 * it has all of them. */
export function pmpCheck(c: Core, pa: number, size: number, priv: number): number {
  const { count, start, end, cfg } = c.pmp
  for (let i = 0; i < count; i++) {
    if (pa >= end[i]! || pa + size <= start[i]!) continue
    if (pa < start[i]! || pa + size > end[i]!) return 0
    return priv === Priv.MACHINE && !(cfg[i]! & Pmp.L) ? Pmp.RWX : cfg[i]! & Pmp.RWX
  }
  return priv === Priv.MACHINE ? Pmp.RWX : 0
}

/** The same for the whole page around `pa`, or -1 if its bytes differ. */
export function pmpCheckPage(c: Core, pa: number, priv: number): number {
  const { count, start, end } = c.pmp, page = pa - (pa % PAGE)
  for (let i = 0; i < count; i++) {
    if (page >= end[i]! || page + PAGE <= start[i]!) continue
    if (page < start[i]! || page + PAGE > end[i]!) return -1
    break
  }
  return pmpCheck(c, page, PAGE, priv)
}

/** Eight entries' configuration bytes. Locked ones keep their values; R = 0 with W = 1 is reserved: W reads
 * back 0. */
export function writePmpcfg(c: Core, first: number, lo: number, hi: number): void {
  const at = cfgAt(c)
  for (let i = 0; i < 8; i++) {
    if (c.u8[at + first + i]! & Pmp.L) continue
    const byte = ((i < 4 ? lo : hi) >>> (8 * (i & 3))) & 0x9f
    c.u8[at + first + i] = byte & Pmp.R ? byte : byte & ~Pmp.W
  }
  updatePmp(c)
  c.services.flushTlb()
}

export function readPmpcfg(c: Core, first: number): number {
  const at = cfgAt(c) + first
  c.hi = c.views.data.getInt32(at + 4, true)
  return c.views.data.getInt32(at, true)
}

/** Bits 55-2 of an address. Locked with its own entry, and with the next one's if that is a locked TOR. */
export function writePmpaddr(c: Core, i: number, lo: number, hi: number): void {
  const at = cfgAt(c), own = c.u8[at + i]!, next = i + 1 < PMP_ENTRIES ? c.u8[at + i + 1]! : 0
  if (own & Pmp.L || (next & Pmp.L && modeOf(next) === A.TOR)) return
  c.i32[c.w + W.pmpaddr + 2 * i] = lo
  c.i32[c.w + W.pmpaddr + 2 * i + 1] = hi & 0x3fffff
  updatePmp(c)
  c.services.flushTlb()
}
