// What two runs of a program left in its area, told apart.
import { isTable } from './image.ts'
import { AREA_PAGES, C, CODE, CODE_PAGES, CONTROL, LOG_TRAPS, PAGE } from './layout.ts'
import type { Program } from './program.ts'

const hex = (v: bigint) => `0x${v.toString(16)}`
const word = (b: Uint8Array, at: number) => new DataView(b.buffer, b.byteOffset).getBigUint64(at, true)

type Trap = { readonly cause: bigint; readonly pc: bigint; readonly value: bigint }
const BREAKPOINT = 3n, LOADS = [4n, 5n, 13n], AMO = 0x2f

/** The log's entries, oldest first, without what QEMU 7.2 does differently: it gives no value for a breakpoint (ours is its
 * address), and calls the read of an atomic operation a load (the manual a store/AMO). */
function traps(p: Program, b: Uint8Array): Trap[] {
  const inWindow = (pc: bigint, window: bigint) => pc >= window && pc < window + BigInt(CODE_PAGES * PAGE)
  const opcode = (pc: bigint, window: bigint) => b[CODE * PAGE + Number(pc - window)]! & 0x7f
  const isAmo = (pc: bigint) => [p.code, p.alias].some(w => inWindow(pc, w) && opcode(pc, w) === AMO)
  const n = Number(word(b, C.traps)), out: Trap[] = []
  for (let i = Math.max(0, n - LOG_TRAPS); i < n; i++) {
    const at = C.log + C.logBytes * (i % LOG_TRAPS), cause = word(b, at), pc = word(b, at + 8)
    const value = cause === BREAKPOINT ? 0n : word(b, at + 16)
    out.push({ cause: LOADS.includes(cause) && isAmo(pc) ? cause + 2n : cause, pc, value })
  }
  return out
}

/** Differences as text. `pa` and `pb`: where the areas lay, for page-table entries hold that. */
export function differences(p: Program, a: Uint8Array, b: Uint8Array, pa: number, pb: number): string[] {
  const out: string[] = []
  const ta = traps(p, a), tb = traps(p, b)
  const show = (t: Trap | undefined) => (t ? `${t.cause} at ${hex(t.pc)}, ${hex(t.value)}` : 'none')
  const n = Array.from({ length: LOG_TRAPS }, (_, i) => i).find(i => show(ta[i]) !== show(tb[i]))
  if (word(a, C.traps) !== word(b, C.traps)) out.push(`${word(a, C.traps)} traps, but ${word(b, C.traps)}`)
  if (n !== undefined) out.push(`trap ${n}: ${show(ta[n])}, but ${show(tb[n])}`)
  const check = (name: string, at: number) => {
    if (word(a, at) !== word(b, at)) out.push(`${name}: ${hex(word(a, at))}, but ${hex(word(b, at))}`)
  }
  for (let i = 0; i < 32; i++) check(`x${i}`, C.outX + 8 * i)
  for (let i = 0; i < 32; i++) check(`f${i}`, C.outF + 8 * i)
  check('fcsr', C.outFcsr)
  const base = BigInt((pb - pa) / PAGE) << 10n
  for (let page = 0; page < AREA_PAGES; page++) {
    if (page === CONTROL) continue
    for (let at = page * PAGE; at < (page + 1) * PAGE; at += 8) {
      const x = word(a, at), y = word(b, at)
      if (x === y || (isTable(page) && x + base === y)) continue
      const kind = page >= CODE && page < CODE + CODE_PAGES ? ' (code)' : ''
      out.push(`page ${page}${kind} at ${(at % PAGE).toString(16)}: ${hex(x)}, but ${hex(y)}`)
      break
    }
  }
  return out
}
