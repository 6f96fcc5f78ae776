import { test } from 'node:test'
import assert from 'node:assert/strict'
import { configureLog } from './log.ts'
import { emitTrace, matches, traceTable } from './trace.ts'

test('an event is a name and its values in the format', () => {
  const lines: string[] = [], t = traceTable({ reg_read: 'mr %s addr %x value %x size %d', bare: '' })
  configureLog({ sink: (cls, source, text) => lines.push(`${cls}|${source}|${text}`) })
  emitTrace(t.reg_read, 'uart0.regs', 0x10000005, 0xffffffffffffffffn, 1)
  emitTrace(t.bare)
  assert.deepEqual(lines, [
    'trace||reg_read mr uart0.regs addr 0x10000005 value 0xffffffffffffffff size 1', 'trace||bare',
  ])
  assert.throws(() => emitTrace(t.reg_read, 1), /got 1 values/)
  assert.throws(() => emitTrace(t.bare, 1), /got 1 values/)
  configureLog({ sink: () => {} })
})

test('patterns', () => {
  assert.ok(matches('virtio_*', 'virtio_queue_notify'))
  assert.ok(matches('tlb_f?ll', 'tlb_fill'))
  assert.ok(!matches('virtio', 'virtio_queue_notify'))
  assert.ok(!matches('a.b', 'axb'))
})
