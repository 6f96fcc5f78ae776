import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  existsSync, lstatSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { ByteStream } from '../host.ts'
import { nodeFiles } from './files.ts'
import { nodeNet } from './net.ts'
import { nodePty } from './pty.ts'

const directory = mkdtempSync(join(tmpdir(), 'streams-'))
after(() => rmSync(directory, { recursive: true }))
const at = (name: string) => join(directory, name)
const text = (s: string) => new TextEncoder().encode(s)
/** Collects what arrives until it is `wanted`. */
const arrives = (stream: ByteStream, wanted: string) => new Promise<void>((resolve, reject) => {
  let got = ''
  const timer = setTimeout(() => reject(new Error(`${JSON.stringify(got)} is not ${wanted}`)), 5000)
  stream.listen({ data(b) {
    got += new TextDecoder().decode(b)
    if (got === wanted) { clearTimeout(timer); resolve() }
  } })
})

for (const kind of ['tcp', 'unix'] as const)
  test(`${kind}: connect, talk both ways, end`, async () => {
    const address = kind === 'tcp' ? { kind, host: '127.0.0.1', port: 0 } : { kind, path: at('s') }
    let accepted!: (s: ByteStream) => void
    const incoming = new Promise<ByteStream>(resolve => { accepted = resolve })
    const server = await nodeNet.listen(address, s => accepted(s))
    const client = await nodeNet.connect(
      kind === 'tcp' ? { kind, host: '127.0.0.1', port: server.port! } : { kind, path: at('s') },
    )
    client.write(text('hello'))
    const other = await incoming
    await arrives(other, 'hello') // it waited for a listener
    const back = arrives(client, 'world')
    other.write(text('world'))
    await back
    const closed = new Promise<void>(resolve => client.listen({ data() {}, close: () => resolve() }))
    await other.close()
    await closed
    assert.equal(client.write(text('nobody')), true)
    await server.close()
  })

test('a file that cannot be written to says so when it fails, once', { skip: !existsSync('/dev/full') }, async () => {
  const full = await nodeFiles.open('/dev/full', { append: false }), seen: unknown[] = []
  const failed = new Promise<void>(resolve => full.listen({ close: error => { seen.push(error?.message); resolve() } }))
  full.write(text('a'))
  full.write(text('b'))
  await failed
  full.write(text('c'))
  await full.close()
  full.listen({ close: error => void seen.push(error?.message) })
  assert.deepEqual(seen, ['/dev/full: no space left', '/dev/full: no space left'], 'whoever listens late hears it too')
  assert.ok(statSync('/dev/full').isCharacterDevice())
})

test('addresses that cannot be had', async () => {
  const a = await nodeNet.listen({ kind: 'unix', path: at('taken') }, () => {})
  await assert.rejects(
    nodeNet.listen({ kind: 'unix', path: at('taken') }, () => {}),
    { code: 'char.io', message: `unix:${at('taken')}: somebody listens there already` },
  )
  await a.close()
  await assert.rejects(
    nodeNet.listen({ kind: 'unix', path: at('none/x') }, () => {}),
    { code: 'file.notFound', message: `unix:${at('none/x')}: no such directory` },
  )
  writeFileSync(at('plain'), '')
  await assert.rejects(
    nodeNet.listen({ kind: 'unix', path: at('plain') }, () => {}),
    /the file exists and is no socket/,
  )
  const t = await nodeNet.listen({ kind: 'tcp', host: '127.0.0.1', port: 0 }, () => {})
  await assert.rejects(
    nodeNet.listen({ kind: 'tcp', host: '127.0.0.1', port: t.port! }, () => {}),
    { message: `tcp:127.0.0.1:${t.port}: address in use` },
  )
  await t.close()
  await assert.rejects(nodeNet.connect({ kind: 'tcp', host: '127.0.0.1', port: t.port! }), {
    message: `tcp:127.0.0.1:${t.port}: connection refused`,
  })
  await assert.rejects(nodeNet.connect({ kind: 'unix', path: at('none') }), { code: 'file.notFound' })
  for (const work of [nodeNet.listen({ kind: 'unix', path: at('x'.repeat(108)) }, () => {}),
    nodeNet.connect({ kind: 'unix', path: at('x'.repeat(108)) })])
    await assert.rejects(work, { code: 'char.io', message: /^the path of a socket has at most \d+ bytes, this one \d+$/ })
})

test('files: read, write at once or not at all, list, append', async () => {
  async function* chunks(...parts: string[]) { for (const p of parts) yield text(p) }
  async function* failing() { yield text('half'); throw new Error('no more') }
  await nodeFiles.writeChunks(at('f'), chunks('one', 'two'))
  assert.equal(readFileSync(at('f'), 'utf8'), 'onetwo')
  await assert.rejects(nodeFiles.writeChunks(at('f'), failing()), /no more/)
  assert.equal(readFileSync(at('f'), 'utf8'), 'onetwo')
  assert.deepEqual((await nodeFiles.list(directory)).filter(n => n.startsWith('f')), ['f'])
  assert.deepEqual(await nodeFiles.list(at('nowhere')), [])
  assert.equal(new TextDecoder().decode(await nodeFiles.readStart(at('f'), 3)), 'one')
  assert.equal((await nodeFiles.readStart(at('f'), 100)).length, 6)
  await assert.rejects(nodeFiles.read(at('g')), {
    code: 'file.notFound',
    message: `${at('g')}: no such file`,
  })
  await assert.rejects(nodeFiles.read(directory), {
    code: 'file.io',
    message: `${directory}: is a directory`,
  })
  for (const append of [true, false]) {
    const s = await nodeFiles.open(at('f'), { append })
    s.write(text('!'))
    await s.close()
    assert.equal(readFileSync(at('f'), 'utf8'), append ? 'onetwo!' : '!')
  }
  await assert.rejects(nodeFiles.open(at('no/such'), { append: false }), { code: 'file.notFound' })
  await nodeFiles.remove(at('f'))
  assert.equal(existsSync(at('f')), false)
})

test('writing a file keeps what is not its contents: rights, links, devices', async () => {
  async function* chunks() { yield text('new') }
  writeFileSync(at('kept'), 'old', { mode: 0o600 })
  symlinkSync('kept', at('link'))
  await nodeFiles.writeChunks(at('link'), chunks())
  assert.equal(readFileSync(at('kept'), 'utf8'), 'new')
  assert.equal(statSync(at('kept')).mode & 0o777, 0o600)
  assert.ok(lstatSync(at('link')).isSymbolicLink())
  await assert.rejects(nodeFiles.writeChunks(at('no/such'), chunks()),
    { code: 'file.notFound', message: `${at('no/such')}: no such directory` })
  await assert.rejects(nodeFiles.writeChunks(directory, chunks()), { message: `${directory}: is a directory` })
  await assert.rejects(nodeFiles.remove(directory), { message: `${directory}: is no file` })

  // A device of our own where that is allowed: the host's must not pay for a mistake here.
  const full = at('full')
  if (spawnSync('mknod', [full, 'c', '1', '7']).status !== 0) return
  await assert.rejects(nodeFiles.writeChunks(full, chunks()), { message: `${full}: no space left` })
  assert.ok(lstatSync(full).isCharacterDevice())
  await assert.rejects(nodeFiles.remove(full), { message: `${full}: is no file` })
})

test('a pseudo terminal', {
  skip: spawnSync('script', ['--version']).error ? 'script(1) is not installed' : false,
}, async () => {
  const { stream, path } = await nodePty.open()
  for (let turn = 0; turn < 2; turn++) { // it outlives its users
    const there = await open(path, 'r+')
    const got = arrives(stream, 'in\x03\n')
    await there.write('in\x03\n')
    await got
    stream.write(text('out\n'))
    const { buffer, bytesRead } = await there.read(Buffer.alloc(10), 0, 10)
    assert.equal(buffer.toString('utf8', 0, bytesRead), 'out\n')
    await there.close()
  }
  await stream.close()
})
