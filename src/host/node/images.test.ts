import { test } from 'node:test'
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeImages } from './images.ts'

function scratch(t: { after(f: () => void): void }): string {
  const dir = mkdtempSync(join(tmpdir(), 'typevisor-images-'))
  t.after(() => rmSync(dir, { recursive: true }))
  return dir
}
const noLock = { writable: true, lock: false }

test('reads and writes in parts, also in shared memory', async t => {
  const path = join(scratch(t), 'disk')
  writeFileSync(path, Uint8Array.from({ length: 2000 }, (_, i) => i))
  const file = nodeImages.open(path, noLock)
  t.after(() => file.close())
  const memory = new Uint8Array(new SharedArrayBuffer(4096))
  assert.equal(file.read(10, [memory.subarray(0, 3), memory.subarray(0, 0), memory.subarray(100, 102)]), 5)
  assert.deepEqual([...memory.subarray(0, 3), ...memory.subarray(100, 102)], [10, 11, 12, 13, 14])
  assert.equal(file.read(1990, [memory]), 10, 'the file ends')
  assert.equal(file.read(5000, [memory]), 0)
  const many = Array.from({ length: 1500 }, (_, i) => Uint8Array.of(i))
  file.write(100, many)
  const back = new Uint8Array(1500)
  file.read(100, [back])
  assert.deepEqual([...back], many.map(p => p[0]))
  file.truncate(3000)
  assert.equal(file.sizeBytes(), 3000)
  await file.sync()
})

test('holes give space back, keep the length, and read as zeros', {
  skip: spawnSync('fallocate', ['--version']).error ? 'fallocate(1) is not installed' : false,
}, async t => {
  const path = join(scratch(t), 'disk'), MIB = 1 << 20
  writeFileSync(path, new Uint8Array(4 * MIB).fill(7))
  const file = nodeImages.open(path, noLock), before = statSync(path).blocks
  const all = await Promise.all([file.punch(MIB, MIB), file.punch(2 * MIB, MIB + 100)])
  if (!all[0]) return t.skip('this file system has no holes')
  assert.deepEqual(all, [true, true])
  assert.equal(before - statSync(path).blocks, 2 * MIB / 512)
  assert.equal(file.sizeBytes(), 4 * MIB)
  const bytes = new Uint8Array(4 * MIB)
  file.read(0, [bytes])
  assert.deepEqual([MIB - 1, MIB, 3 * MIB + 99, 3 * MIB + 100].map(i => bytes[i]), [7, 0, 0, 7])
  const late = file.punch(0, MIB)
  file.close()
  assert.equal(await late, false, 'the descriptor may be another file by now')
  assert.equal(readFileSync(path)[0], 7)
})

test('a temporary file has no name', () => {
  const file = nodeImages.temporary()
  file.write(0, [Uint8Array.of(1, 2)])
  assert.equal(file.sizeBytes(), 2)
  file.close()
})

test('errors say what is wrong with the path', t => {
  const dir = scratch(t)
  assert.throws(() => nodeImages.open(join(dir, 'none'), noLock), { code: 'file.notFound' })
  assert.throws(() => nodeImages.open(dir, noLock), { code: 'file.io' })
  assert.throws(() => nodeImages.open('/dev/null', noLock), { code: 'file.io' })
})

const haveFlock = process.platform !== 'linux' || spawnSync('flock', ['--version']).status === 0

test('locks: one writer or many readers', { skip: !haveFlock }, t => {
  const path = join(scratch(t), 'disk')
  writeFileSync(path, 'x')
  const open = (writable: boolean) => nodeImages.open(path, { writable, lock: true })
  const writer = open(true)
  assert.throws(() => open(true), { code: 'block.inUse' })
  assert.throws(() => open(false), { code: 'block.inUse' })
  nodeImages.open(path, noLock).close()
  writer.close()
  const readers = [open(false), open(false)]
  assert.throws(() => open(true), { code: 'block.inUse' })
  for (const r of readers) r.close()
  open(true).close()
})

test('another program sees the lock, and it ends with its holder', { skip: !haveFlock }, t => {
  const path = join(scratch(t), 'disk')
  writeFileSync(path, 'x')
  const program = `
    import { nodeImages } from ${JSON.stringify(import.meta.resolve('./images.ts'))}
    try {
      nodeImages.open(${JSON.stringify(path)}, { writable: true, lock: true })
    } catch (e) {
      console.log(e.code)
    }
    process.kill(process.pid, 'SIGKILL')`
  const other = () =>
    spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' }).stdout.trim()
  assert.equal(other(), '', 'got it, and was killed')
  const mine = nodeImages.open(path, { writable: true, lock: true })
  assert.equal(other(), 'block.inUse')
  mine.close()
})
