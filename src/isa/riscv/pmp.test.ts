// Physical memory protection against the manual's matching rules, said once more byte by byte with BigInts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Access } from '../isa.ts'
import { generator } from '../../base/random.ts'
import { Mmu } from './cpu.ts'
import { fixture, type Fixture, RAM } from './fixture.ts'

const OFF = 0, TOR = 1 << 3, NA4 = 2 << 3, NAPOT = 3 << 3, L = 0x80

/** Bounds of entry `i`, in bytes. */
function bounds(f: Fixture, i: number): [bigint, bigint] | undefined {
  const addr = f.s.pmpaddr.get(i), mode = f.s.pmpcfg[i]! & NAPOT
  if (mode === TOR) return [i > 0 ? f.s.pmpaddr.get(i - 1) * 4n : 0n, addr * 4n]
  if (mode === NA4) return [addr * 4n, addr * 4n + 4n]
  if (mode === OFF) return undefined
  let size = 8n
  for (let a = addr; a & 1n; a >>= 1n) size *= 2n
  return [(addr * 4n) & ~(size - 1n), ((addr * 4n) & ~(size - 1n)) + size]
}

function permissions(f: Fixture, pa: bigint, size: number, machine: boolean): number {
  for (let i = 0; i < 16; i++) {
    const b = bounds(f, i)
    if (!b) continue
    const inside = Array.from({ length: size }, (_, k) => pa + BigInt(k) >= b[0] && pa + BigInt(k) < b[1])
    if (!inside.includes(true)) continue
    if (inside.includes(false)) return 0
    return machine && !(f.s.pmpcfg[i]! & L) ? 7 : f.s.pmpcfg[i]! & 7
  }
  return machine ? 7 : 0
}

test('random regions: accesses as the manual says, whole pages only where all bytes agree', () => {
  const random = generator(7), pick = (n: number) => Math.floor(random() * n)
  const f = fixture(), base = RAM + 0x4000
  let whole = 0, partial = 0
  for (let round = 0; round < 400; round++) {
    f.cpu.reset()
    const sizes = [8n, 16n, 64n, 4096n, 8192n, 16384n]
    for (let i = 0; i < 4; i++) {
      const kind = [OFF, TOR, NA4, NAPOT, NAPOT][pick(5)]!
      const at = BigInt(base + (pick(2) ? pick(3) * 4096 : pick(0x3000)))
      const size = sizes[pick(sizes.length)]!
      f.s.pmpaddr.set(i, kind === NAPOT ? ((at & ~(size - 1n)) >> 2n) | ((size >> 3n) - 1n) : at >> 2n)
      f.s.pmpcfg[i] = kind | [0, 1, 3, 4, 5, 7][pick(6)]! | (pick(4) ? 0 : L)
    }
    if (pick(2)) {
      f.s.pmpaddr.set(15, 0x3fffffffffffffn)
      f.s.pmpcfg[15] = NAPOT | 7
    }
    f.cpu.refresh()
    for (let k = 0; k < 40; k++) {
      const size = 1 << pick(4), pa = base - 16 + size * pick(0x3000 / size), machine = pick(2) === 1
      const access = pick(3) as Access
      const want = permissions(f, BigInt(pa), size, machine)
      const t = f.cpu.translate(pa | 0, 0, access, machine ? Mmu.MACHINE : Mmu.USER, size)
      assert.equal(t !== null, (want & [1, 2, 4][access]!) !== 0, `${size} bytes at ${pa.toString(16)}`)
      if (!t) {
        assert.deepEqual([f.s.trapCause, f.s.trapValue], [[5n, 7n, 1n][access], BigInt(pa)])
        continue
      }
      assert.deepEqual([t.read, t.write, t.execute], [1, 2, 4].map(b => (want & b) !== 0))
      if (!t.whole) {
        partial++
        continue
      }
      whole++
      const page = BigInt(pa - (pa % 4096))
      for (const at of [0n, 4n, 2048n, 4088n, BigInt(8 * pick(512))])
        assert.equal(permissions(f, page + at, 4, machine), want)
      assert.equal(permissions(f, page, 4096, machine), want)
    }
  }
  assert.ok(whole > 500 && partial > 500, `${whole} whole, ${partial} partial`)
})

test('without entries machine mode may do everything, the others nothing', () => {
  const f = fixture()
  assert.ok(f.cpu.translate(RAM | 0, 0, Access.WRITE, Mmu.MACHINE, 8)?.whole)
  assert.equal(f.cpu.translate(RAM | 0, 0, Access.READ, Mmu.SUPERVISOR, 8), null)
  assert.equal(f.cpu.translate(RAM | 0, 0, Access.EXECUTE, Mmu.USER, 2), null)
})

test('locked entries keep configuration and address; a locked TOR also the address below', () => {
  const f = fixture()
  for (let i = 0; i < 16; i++) f.csr('rw', 0x3b0 + i, BigInt(100 + i))
  f.csr('rw', 0x3a0, 0x1f00008f00009b1fn) // entries 1 (NAPOT), 4 (TOR) locked
  f.csr('rw', 0x3a0, 0n)
  assert.equal(f.csr('rs', 0x3a0, 0n), 0x0000008f00009b00n & ~(2n << 8n) | (2n << 8n))
  for (let i = 0; i < 16; i++) f.csr('rw', 0x3b0 + i, 7n)
  for (let i = 0; i < 16; i++)
    assert.equal(f.csr('rs', 0x3b0 + i, 0n), [1, 3, 4].includes(i) ? BigInt(100 + i) : 7n, `${i}`)
})

test('W without R reads back without W', () => {
  const f = fixture()
  f.csr('rw', 0x3a2, 0x1e_1a_06_02n)
  assert.equal(f.csr('rs', 0x3a2, 0n), 0x1c_18_04_00n)
})
