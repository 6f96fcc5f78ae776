import { test } from 'node:test'
import assert from 'node:assert/strict'
import { bind, resetState } from './bind.ts'
import { inspectState } from './inspect.ts'
import { layoutOf } from './layout.ts'
import { array, bytes, f64, flag, i32, ring, structs, transient, u16, u32, u64, u8 } from './schema.ts'
import { restoreState, saveState } from './snapshot.ts'
import { viewsOf } from './views.ts'

const schema = {
  a: u8(7), w: u16(0x1234), d: u32(0xdeadbeef), s: i32(-5), q: u64(1n << 63n), f: f64(0.5), on: flag(1),
  list: array(u16(3), 4), wide: array(u64(), 2), long: array(u32(), 100),
  fifo: ring(4), raw: bytes(10), parts: structs({ x: u8(1), y: u64(2n) }, 3), cache: transient(u32(9)),
}
const layout = layoutOf(schema)
const AT = 64

for (const [kind, make] of [['shared', SharedArrayBuffer], ['plain', ArrayBuffer]] as const) {
  const fresh = () => {
    const views = viewsOf(new make(4096))
    views.u8.fill(0xee)
    resetState(layout, views, AT)
    return { views, s: bind(layout, views, AT) }
  }

  test(`${kind}: reset values, and every field keeps to its own bytes`, () => {
    const { views, s } = fresh()
    assert.deepEqual(
      [s.a, s.w, s.d, s.s, s.q, s.f, s.on, s.list[3], s.parts[2]!.y],
      [7, 0x1234, 0xdeadbeef, -5, 1n << 63n, 0.5, 1, 3, 2n],
    )
    const before = saveState(layout, views, AT)
    s.a = 0x1ff
    s.on = 5
    s.wide.setPair(1, 0x89abcdef, 0x01234567)
    s.parts[1]!.x = 200
    assert.deepEqual([s.a, s.on, s.wide.get(1), s.wide.lo(1)], [0xff, 1, 0x0123456789abcdefn, 0x89abcdef])
    assert.deepEqual(
      { ...saveState(layout, views, AT), a: 7, wide: ['0x0', '0x0'], parts: before.parts }, before)
    assert.equal(views.u8[AT - 1], 0xee)
    assert.equal(views.u8[AT + layout.sizeBytes], 0xee)
  })

  test(`${kind}: two bindings of one address are one thing`, () => {
    const { views, s } = fresh()
    const other = bind(layout, viewsOf(views.buffer), AT)
    other.d = 1
    other.fifo.push(42)
    other.list[0] = 9
    assert.deepEqual([s.d, s.fifo.shift(), s.list[0], other.fifo.length], [1, 42, 9, 0])
  })

  test(`${kind}: a FIFO keeps order, wraps and refuses when full`, () => {
    const { s } = fresh()
    for (let round = 0; round < 5; round++) {
      assert.deepEqual([1, 2, 3, 4, 5].map(x => s.fifo.push(x)), [true, true, true, true, false])
      assert.equal(s.fifo.peek(), 1)
      assert.deepEqual([s.fifo.shift(), s.fifo.shift()], [1, 2])
      s.fifo.push(6)
      assert.deepEqual([s.fifo.shift(), s.fifo.shift(), s.fifo.shift(), s.fifo.shift()], [3, 4, 6, undefined])
    }
  })

  test(`${kind}: a snapshot goes through JSON and comes back`, () => {
    const { views, s } = fresh()
    Object.assign(s, { a: 1, w: 2, d: 0x80000001, s: -1, q: 0xfedcba9876543210n, f: -0, on: 0, cache: 77 })
    s.long[99] = 0xffffffff
    s.raw[2] = 3
    for (const x of [1, 2, 3]) s.fifo.push(x)
    s.fifo.shift()
    s.parts[2]!.y = 5n
    const saved = JSON.parse(JSON.stringify(saveState(layout, views, AT)))
    assert.equal('cache' in saved, false)
    const there = fresh()
    there.s.fifo.push(99)
    restoreState(layout, there.views, AT, saved, 'thing')
    assert.deepEqual(saveState(layout, there.views, AT), saved)
    assert.ok(Object.is(there.s.f, -0))
    assert.deepEqual([there.s.fifo.shift(), there.s.fifo.shift(), there.s.fifo.shift()], [2, 3, undefined])
    assert.equal(there.s.cache, 9)
  })
}

test('a snapshot that does not fit is refused by name, and nothing is written', () => {
  const views = viewsOf(new ArrayBuffer(4096))
  resetState(layout, views, AT)
  const good = saveState(layout, views, AT), untouched = views.u8.slice()
  const refuse = (change: object, code: string, text: RegExp, drop?: string) => {
    const bad: { [n: string]: unknown } = { ...good, d: 1, ...change }
    if (drop) delete bad[drop]
    assert.throws(
      () => restoreState(layout, views, AT, bad as typeof good, 'dev'),
      (e: any) => e.code === code && text.test(e.message),
    )
    assert.deepEqual(views.u8, untouched)
  }
  refuse({ extra: 1 }, 'snapshot.mismatch', /dev has extra/)
  refuse({}, 'snapshot.mismatch', /lacks w/, 'w')
  refuse({ cache: 1 }, 'snapshot.mismatch', /cache/)
  refuse({ a: 256 }, 'snapshot.malformed', /dev\.a is 256/)
  refuse({ q: 5 }, 'snapshot.malformed', /dev\.q/)
  refuse({ raw: '***=' }, 'snapshot.malformed', /dev\.raw is not base64/)
  refuse({ fifo: 'AAAAAAAAAAAA' }, 'snapshot.malformed', /more than 4/)
  refuse({ parts: [{ x: 1, y: '0x1' }] }, 'snapshot.malformed', /list of 3/)
  refuse({ parts: [1, 2, 3] }, 'snapshot.malformed', /parts\[0\] is not a structure/)
  refuse({ list: 5 }, 'snapshot.malformed', /list/)
})

test('inspection shows every field but transient ones', () => {
  const views = viewsOf(new ArrayBuffer(4096))
  resetState(layout, views, AT)
  const lines = inspectState(layout, views, AT)
  assert.ok(lines.includes('d = 0xdeadbeef'), lines.join('\n'))
  assert.ok(lines.includes('list = [0x3, 0x3, 0x3, 0x3]'))
  assert.ok(lines.includes('parts[2].y = 0x2'))
  assert.ok(lines.includes('fifo = empty (4 bytes)'))
  assert.equal(lines.some(l => l.startsWith('cache')), false)
})
