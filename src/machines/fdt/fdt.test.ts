import { test } from 'node:test'
import assert from 'node:assert/strict'
import { cellsOf, findNode, node, readFdt, stringsOf, writeFdt } from './fdt.ts'

const tree = node('', { '#address-cells': 2, compatible: ['a,b', 'c'] }, [
  node('chosen', { empty: true, reg: [1n << 32n, 5], raw: new Uint8Array([1, 2, 3]) }, [
    node('deep@1', { cell: 0xffffffff }),
  ]),
  node('second', { compatible: 'x' }),
])

test('what is written reads back', () => {
  const back = readFdt(writeFdt(tree, { padBytes: 100 }))
  assert.deepEqual(stringsOf(back.props.compatible!), ['a,b', 'c'])
  const chosen = findNode(back, '/chosen')!
  assert.deepEqual(cellsOf(chosen.props.reg!), [1, 0, 5])
  assert.deepEqual([...chosen.props.raw!], [1, 2, 3])
  assert.equal(chosen.props.empty!.length, 0)
  assert.deepEqual(cellsOf(findNode(back, '/chosen/deep@1')!.props.cell!), [0xffffffff])
})

test('a broken blob is refused, never followed', () => {
  const good = writeFdt(tree)
  assert.throws(() => readFdt(good.subarray(0, 20)), { code: 'fdt.malformed' })
  let refused = 0
  for (let seed = 1; seed < 2000; seed++) {
    const bad = good.slice()
    for (let k = 0; k < 3; k++) bad[(seed * 7919 * (k + 1)) % bad.length] = (seed * 31 + k) & 0xff
    try {
      readFdt(bad)
    } catch (e) {
      assert.equal((e as { code?: string }).code, 'fdt.malformed', String(e))
      refused++
    }
  }
  assert.ok(refused > 100, `${refused} refused`)
})
