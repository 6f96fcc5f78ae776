import { test } from 'node:test'
import assert from 'node:assert/strict'
import { LOG_RING_BYTES, logReader, logWriter, type LogLine } from './log-ring.ts'

function pair() {
  const buffer = new SharedArrayBuffer(64 + LOG_RING_BYTES + 64)
  const memory = { u8: new Uint8Array(buffer), i32: new Int32Array(buffer), shared: true }
  const rung: boolean[] = []
  return { writer: logWriter(memory, 64, now => void rung.push(now)), reader: logReader(memory, 64), rung, memory }
}
function all(reader: { take(): LogLine | undefined }): LogLine[] {
  const lines: LogLine[] = []
  for (let line = reader.take(); line; line = reader.take()) lines.push(line)
  return lines
}

test('lines come out as they went in, also where the ring ends', () => {
  const { writer, reader, memory } = pair()
  assert.equal(reader.take(), undefined)
  for (let n = 0; n < 3000; n++) {
    const line: LogLine = { cls: 'guest_errors', source: `device ${n}`, text: `${'ä'.repeat(n % 97)}\nsecond line ${n}` }
    writer.write(line.cls, line.source, line.text)
    assert.deepEqual(reader.take(), line)
  }
  assert.equal(reader.take(), undefined)
  assert.ok(memory.u8.subarray(0, 64).every(b => b === 0) && memory.u8.subarray(64 + LOG_RING_BYTES).every(b => b === 0))
})

test('what does not fit is kept in order; settle waits for room', () => {
  const { writer, reader, rung } = pair(), text = 'x'.repeat(1000)
  let n = 0
  while (!writer.behind) writer.write('int', '', `${n++} ${text}`)
  writer.write('int', '', `${n++} ${text}`)
  assert.ok(n > 100)
  assert.equal(rung[0], false)
  assert.equal(rung.at(-1), true)
  const first = all(reader)
  assert.equal(first.length, n - 2)
  writer.settle()
  assert.equal(writer.behind, false)
  const rest: LogLine[] = []
  reader.takeAll(line => void rest.push(line))
  const numbers = [...first, ...rest].map(l => parseInt(l.text, 10))
  assert.deepEqual(numbers, Array.from({ length: n }, (_, i) => i))
})

test('long texts are cut between lines', () => {
  const { writer, reader } = pair(), line = 'y'.repeat(999)
  writer.write('wasm', '', Array.from({ length: 60 }, () => line).join('\n'))
  writer.write('wasm', '', 'z'.repeat(30_000))
  const texts = all(reader).map(l => l.text)
  assert.equal(texts.join('\n').replaceAll('\n', ''), line.repeat(60) + 'z'.repeat(30_000))
  assert.ok(texts.slice(0, -3).every(t => t.length % 1000 === 999), texts.map(t => t.length).join())
})
