// The page walk against the manual's algorithm, said once more with BigInts, for every combination of a
// leaf's flags, every kind of access, mode and setting.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Access } from '../isa.ts'
import { Mmu } from './cpu.ts'
import { fixture, type Fixture, RAM } from './fixture.ts'

const TABLES = RAM + 0x1000, PAGE = RAM + 0x8000
const V = 1n, R = 2n, W = 4n, X = 8n, U = 16n, G = 32n, A = 64n, D = 128n
const leafTo = (pa: number | bigint, flags: bigint) => ((BigInt(pa) >> 2n) & ~0x3ffn) | flags
const PAGE_FAULT = [13n, 15n, 12n], ACCESS_FAULT = [5n, 7n, 1n]
const ADUE = 1n << 61n, MXR = 1n << 19n

type Setting = { levels: number; va: bigint }
const sv39: Setting = { levels: 3, va: 0x2424856ab8n }
const sv48: Setting = { levels: 4, va: 0x123424856ab8n }
const slot = (m: Setting, level: number) =>
  TABLES + level * 0x1000 + Number((m.va >> BigInt(12 + 9 * level)) & 511n) * 8

/** Tables down to `level`, where `entry` is the leaf. */
function map(f: Fixture, m: Setting, level: number, entry: bigint, pointer = V): void {
  for (let l = m.levels - 1; l > level; l--) f.write(slot(m, l), leafTo(TABLES + (l - 1) * 0x1000, pointer))
  f.write(slot(m, level), entry)
}
function on(f: Fixture, m: Setting): void {
  f.s.satp = (BigInt(m.levels + 5) << 60n) | BigInt((TABLES + (m.levels - 1) * 0x1000) >>> 12)
  f.s.pmpaddr.set(0, 0x3fffffffffffffn)
  f.s.pmpcfg[0] = 0x1f
  f.cpu.refresh()
}
const halves = (va: bigint) => [Number(BigInt.asIntN(32, va)), Number(BigInt.asIntN(32, va >> 32n))] as const
const translate = (f: Fixture, va: bigint, access: Access, mode: number, size = 4) =>
  f.cpu.translate(...halves(va), access, mode, size)

function allowed(flags: bigint, access: Access, mode: number, mxr: boolean): boolean {
  if ((flags & V) === 0n || (flags & (R | W)) === W || (flags & (R | X)) === 0n) return false
  if ((flags & U) !== 0n ? mode === Mmu.SUPERVISOR : mode === Mmu.USER) return false
  if ((flags & U) !== 0n && mode === Mmu.SUPERVISOR_SUM && access === Access.EXECUTE) return false
  if (access === Access.READ) return (flags & R) !== 0n || (mxr && (flags & X) !== 0n)
  return (flags & (access === Access.WRITE ? W : X)) !== 0n
}

for (const [name, m] of [['Sv39', sv39], ['Sv48', sv48]] as const) {
  test(`${name}: every leaf, access, mode, MXR, with and without hardware update of A and D`, () => {
    const f = fixture(), { s } = f
    on(f, m)
    let ok = 0
    for (let flags = 0n; flags < 256n; flags++)
      for (const access of [Access.READ, Access.WRITE, Access.EXECUTE])
        for (const mode of [Mmu.USER, Mmu.SUPERVISOR, Mmu.SUPERVISOR_SUM])
          for (const mxr of [false, true])
            for (const adue of [false, true]) {
              s.mstatus = 0xa00000000n | (mxr ? MXR : 0n)
              s.menvcfg = adue ? ADUE : 0n
              map(f, m, 0, leafTo(PAGE, flags))
              const t = translate(f, m.va, access, mode), need = access === Access.WRITE ? A | D : A
              const want = allowed(flags, access, mode, mxr) && (adue || (flags & need) === need)
              const what = `flags ${flags.toString(16)} access ${access} mode ${mode} mxr ${mxr} adue ${adue}`
              if (!want) {
                assert.equal(t, null, what)
                assert.deepEqual([s.trapCause, s.trapValue], [PAGE_FAULT[access], m.va], what)
                assert.equal(f.read(slot(m, 0)), leafTo(PAGE, flags), 'a fault changes nothing')
                continue
              }
              ok++
              const now = flags | need
              assert.equal(f.read(slot(m, 0)), leafTo(PAGE, now), what)
              assert.deepEqual({ ...t }, {
                pa: PAGE + 0xab8, whole: true, pageBits: 12, global: (flags & G) !== 0n,
                read: allowed(now, Access.READ, mode, mxr),
                write: allowed(now, Access.WRITE, mode, mxr) && (now & D) !== 0n,
                execute: allowed(now, Access.EXECUTE, mode, mxr),
              }, what)
            }
    assert.ok(ok > 500)
  })

  test(`${name}: superpages, aligned or not`, () => {
    const f = fixture()
    on(f, m)
    for (let level = 1; level < m.levels; level++) {
      const bits = 12n + 9n * BigInt(level)
      const base = (BigInt(PAGE) << 20n) & ~((1n << bits) - 1n) & ((1n << 50n) - 1n)
      map(f, m, level, leafTo(base, V | R | W | X | A | D))
      const t = translate(f, m.va, Access.READ, Mmu.SUPERVISOR)
      assert.deepEqual([t?.pa, t?.pageBits], [Number(base | (m.va & ((1n << bits) - 1n))), Number(bits)])
      for (let bit = 12n; bit < bits; bit++) {
        map(f, m, level, leafTo(base ^ (1n << bit), V | R | W | X | A | D))
        assert.equal(translate(f, m.va, Access.READ, Mmu.SUPERVISOR), null)
        assert.equal(f.s.trapCause, 13n)
      }
    }
  })

  test(`${name}: reserved bits of leaves and pointers, and pointers at the end`, () => {
    const f = fixture(), leaf = V | R | W | X | A | D
    on(f, m)
    for (let bit = 54n; bit < 64n; bit++) {
      map(f, m, 0, leafTo(PAGE, leaf) | (1n << bit))
      assert.equal(translate(f, m.va, Access.WRITE, Mmu.SUPERVISOR), null)
      map(f, m, 0, leafTo(PAGE, leaf))
      f.write(slot(m, 1), f.read(slot(m, 1)) | (1n << bit))
      assert.equal(translate(f, m.va, Access.WRITE, Mmu.SUPERVISOR), null)
      assert.equal(f.s.trapCause, 15n)
    }
    for (const bit of [U, A, D]) {
      map(f, m, 0, leafTo(PAGE, leaf), V | bit)
      assert.equal(translate(f, m.va, Access.READ, Mmu.SUPERVISOR), null)
    }
    map(f, m, 0, leafTo(PAGE, leaf), V | 0x300n)
    assert.ok(translate(f, m.va, Access.READ, Mmu.SUPERVISOR), 'RSW is software’s')
    map(f, m, 0, leafTo(PAGE, leaf), V | G)
    assert.equal(translate(f, m.va, Access.READ, Mmu.SUPERVISOR)?.global, true)
    map(f, m, 0, leafTo(PAGE, V))
    assert.equal(translate(f, m.va, Access.READ, Mmu.SUPERVISOR), null)
    assert.equal(f.s.trapCause, 13n)
  })

  test(`${name}: addresses whose upper bits differ`, () => {
    const f = fixture(), top = m.levels === 3 ? 38n : 47n
    on(f, m)
    map(f, m, 0, leafTo(PAGE, V | R | W | X | A | D))
    for (let bit = top; bit < 64n; bit++)
      for (const access of [Access.READ, Access.WRITE, Access.EXECUTE]) {
        const va = m.va ^ (1n << bit)
        assert.equal(translate(f, va, access, Mmu.SUPERVISOR), null)
        assert.deepEqual([f.s.trapCause, f.s.trapValue], [PAGE_FAULT[access], va])
        assert.equal(f.cpu.probe(...halves(va)), f.s.priv === 3 && va < 1n << 53n ? Number(va) : -1)
      }
    const va = BigInt.asUintN(64, BigInt.asIntN(Number(top) + 1, m.va | (1n << top)))
    const high: Setting = { levels: m.levels, va }
    map(f, high, 0, leafTo(PAGE, V | R | A))
    assert.equal(translate(f, high.va, Access.READ, Mmu.SUPERVISOR)?.pa, PAGE + 0xab8)
    f.s.priv = 1
    assert.equal(f.cpu.probe(...halves(high.va)), PAGE + 0xab8)
  })

  test(`${name}: tables that are not memory are access faults, without touching anything`, () => {
    const f = fixture()
    on(f, m)
    map(f, m, 0, leafTo(PAGE, V | R | W | X | A | D))
    f.write(slot(m, 1), leafTo(0x10000000, V))
    for (const access of [Access.READ, Access.WRITE, Access.EXECUTE]) {
      assert.equal(translate(f, m.va, access, Mmu.SUPERVISOR), null)
      assert.deepEqual([f.s.trapCause, f.s.trapValue], [ACCESS_FAULT[access], m.va])
    }
    map(f, m, 0, leafTo(1n << 54n, V | R | W | X | A | D))
    assert.equal(translate(f, m.va, Access.READ, Mmu.SUPERVISOR), null)
    assert.equal(f.s.trapCause, 5n, 'a page that no memory can have')
  })
}

test('the walk is protected too: reading an entry needs R, updating it W', () => {
  const f = fixture(), { s } = f
  on(f, sv39)
  map(f, sv39, 0, leafTo(PAGE, V | R | W | X))
  const entry = BigInt(slot(sv39, 0))
  s.pmpaddr.set(1, 0x3fffffffffffffn)
  s.pmpcfg[1] = 0x1f
  s.pmpaddr.set(0, (entry >> 2n) | 0n)
  for (const [rwx, read, write] of [
    [0, false, false], [1, false, false], [3, true, true], [4, false, false],
  ] as const) {
    s.pmpaddr.set(0, entry >> 2n)
    s.pmpcfg[0] = (3 << 3) | rwx // NAPOT: the address ends in 0, so 8 bytes
    f.cpu.refresh()
    f.write(Number(entry), leafTo(PAGE, V | R | W | X))
    for (const [access, ok] of [[Access.READ, read], [Access.WRITE, write]] as const) {
      assert.equal(translate(f, sv39.va, access, Mmu.SUPERVISOR) !== null, ok, `rwx ${rwx} access ${access}`)
      if (!ok) assert.equal(s.trapCause, ACCESS_FAULT[access])
    }
  }
  // A and D set already: reading suffices.
  s.pmpcfg[0] = (3 << 3) | 1
  f.cpu.refresh()
  f.write(Number(entry), leafTo(PAGE, V | R | W | X | A | D))
  assert.ok(translate(f, sv39.va, Access.WRITE, Mmu.SUPERVISOR))
})

test('an entry that changes under the update is read again', () => {
  const f = fixture()
  on(f, sv39)
  map(f, sv39, 0, leafTo(PAGE, V | R | W))
  const { casWord } = f.services
  let tries = 0
  Object.assign(f.services, {
    casWord(...args: Parameters<typeof casWord>) {
      if (tries++ === 0) f.write(slot(sv39, 0), leafTo(PAGE + 0x1000, V | R | W))
      return casWord(...args)
    },
  })
  assert.equal(translate(f, sv39.va, Access.WRITE, Mmu.SUPERVISOR)?.pa, PAGE + 0x1ab8)
  assert.equal(tries, 2)
  assert.equal(f.read(slot(sv39, 0)), leafTo(PAGE + 0x1000, V | R | W | A | D))
})

test('bare: addresses as they are, below what memory can have', () => {
  const f = fixture()
  on(f, sv39)
  for (const mode of [Mmu.MACHINE, Mmu.USER, Mmu.SUPERVISOR]) {
    if (mode !== Mmu.MACHINE) f.s.satp = 0n
    assert.equal(translate(f, 0x12345678_9abcn, Access.WRITE, mode)?.pa, 0x123456789abc)
    assert.equal(translate(f, 0xffffffff_80000000n, Access.WRITE, mode), null)
    assert.deepEqual([f.s.trapCause, f.s.trapValue], [7n, 0xffffffff80000000n])
  }
})
