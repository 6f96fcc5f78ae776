import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cpio } from './cpio.ts'

interface Record { name: string; mode: number; data: string; device: [number, number] }

/** Reads an archive back by the format's description: 110 bytes of hexadecimal head, name, data, each padded to 4. */
function read(archive: Uint8Array): Record[] {
  const bytes = Buffer.from(archive)
  const records: Record[] = []
  for (let at = 0; at < bytes.length;) {
    assert.equal(bytes.toString('latin1', at, at + 6), '070701')
    const field = (index: number): number =>
      Number.parseInt(bytes.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16)
    const [size, nameSize] = [field(6), field(11)]
    const data = (at + 110 + nameSize + 3) & ~3
    records.push({
      name: bytes.toString('utf8', at + 110, at + 109 + nameSize),
      mode: field(1),
      data: bytes.toString('utf8', data, data + size),
      device: [field(9), field(10)],
    })
    at = (data + size + 3) & ~3
  }
  return records
}

test('every kind of entry reads back, and the archive ends with its trailer', () => {
  assert.deepEqual(read(cpio([
    { path: 'dev', kind: 'folder' },
    { path: 'dev/console', kind: 'char', major: 5, minor: 1 },
    { path: 'init', kind: 'file', data: Buffer.from('#!/bin/sh\n'), executable: true },
    { path: 'note', kind: 'file', data: Buffer.from('five!') },
    { path: 'sh', kind: 'link', target: 'bin/busybox' },
  ])), [
    { name: 'dev', mode: 0o040755, data: '', device: [0, 0] },
    { name: 'dev/console', mode: 0o020600, data: '', device: [5, 1] },
    { name: 'init', mode: 0o100755, data: '#!/bin/sh\n', device: [0, 0] },
    { name: 'note', mode: 0o100644, data: 'five!', device: [0, 0] },
    { name: 'sh', mode: 0o120777, data: 'bin/busybox', device: [0, 0] },
    { name: 'TRAILER!!!', mode: 0, data: '', device: [0, 0] },
  ])
})
