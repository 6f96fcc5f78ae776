// Calls of the operating system: errors as numbers, memory that is mapped over, a thread that is interrupted.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { nodeNative } from './native.ts'

const got = nodeNative(), skip = got.missing === undefined ? false : got.reason
const native = got.missing === undefined ? got : undefined!
const PAGE = 4096

test('what fails answers a negative error number', { skip }, () => {
  const result = native.open('/no/such/file')
  assert.equal(native.errorName(result), 'ENOENT')
  assert.equal(native.errorName(native.close(1 << 20)), 'EBADF')
  assert.equal(native.errorName(native.ioctl(1 << 20, 0)), 'EBADF')
  assert.equal(native.errorName(native.interrupt(0x7fffffff)), 'ESRCH')
  assert.equal(native.access('/no/such/file'), undefined)
  assert.deepEqual(native.access('/dev/null'), { mayOpen: true })
})

test('a file mapped over a part of a WebAssembly memory is that part, until it is unmapped', { skip }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'native-')), path = join(directory, 'file')
  try {
    writeFileSync(path, Buffer.alloc(2 * PAGE, 0x5a))
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }), u8 = new Uint8Array(memory.buffer)
    u8.fill(1)
    const fd = native.open(path), at = native.addressOf(u8)
    assert.equal(native.mapOver(at + PAGE, PAGE, fd, PAGE), 0)
    assert.deepEqual([u8[PAGE - 1], u8[PAGE], u8[2 * PAGE - 1], u8[2 * PAGE]], [1, 0x5a, 0x5a, 1])
    assert.equal(native.unmapOver(at + PAGE, PAGE), 0)
    assert.deepEqual([u8[PAGE - 1], u8[PAGE], u8[2 * PAGE]], [1, 0, 1])
    assert.equal(native.errorName(native.mapOver(at + 1, PAGE, fd, 0)), 'EINVAL')
    native.close(fd)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('a thread in a system call is interrupted, and lives', { skip, timeout: 20_000 }, async () => {
  native.interruptible()
  const worker = new Worker(`
    const { parentPort, workerData } = require('node:worker_threads')
    const koffi = require('koffi'), libc = koffi.load(null)
    const pause = libc.func('pause', 'int', []), gettid = libc.func('gettid', 'int', [])
    parentPort.postMessage(gettid())
    const result = pause()
    parentPort.postMessage([result, koffi.errno()])`, { eval: true })
  const next = () => new Promise<unknown>((resolve, reject) => worker.once('message', resolve).once('error', reject))
  const thread = await next() as number, answer = next()
  const kick = setInterval(() => native.interrupt(thread), 5) // it may not be in the call yet
  assert.deepEqual(await answer, [-1, 4])
  clearInterval(kick)
  await worker.terminate()
})
