// Media changed from outside: what drives, users and images make of it.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nodeHost } from '../host/node/host.ts'
import type { MachineConfig } from './config.ts'
import { createMachine } from './machine.ts'

const dir = mkdtempSync(join(tmpdir(), 'media-'))
const file = (name: string, sizeBytes: number) => {
  const path = join(dir, name)
  writeFileSync(path, name)
  truncateSync(path, sizeBytes)
  return path
}
process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
const disc = file('disc', 2048 * 100), other = file('other', 2048 * 200), floppy = file('floppy', 1440 * 1024), odd = file('odd', 1000 * 512)

async function machine(more: MachineConfig = {}) {
  const bios = new Uint8Array(0x1_0000).fill(0xf4)
  const m = await createMachine({ arch: 'x86_64', bios, memoryBytes: 16 << 20, accels: [{ name: 'jit', properties: { thread: 'single' } }], ...more }, nodeHost)
  const moves: string[] = []
  m.on('tray', e => moves.push(`${e.device} ${e.open ? 'open' : 'closed'}`))
  const shown = () => m.blocks.map(b => `${b.device}: ${b.file === undefined ? '-' : b.file.slice(dir.length + 1)}${b.tray?.open ? ' open' : ''}`)
  const machineOf = m as unknown as { bound: { system: { instance(id: string): any } } }
  return { m, moves, shown, instance: (id: string) => machineOf.bound.system.instance(id) }
}
const now = { force: false }

test('drives are there without media, and take some', async () => {
  const { m, moves, shown, instance } = await machine()
  try {
    assert.deepEqual(shown(), ['floppy0: - open', 'ide1-cd0: -'])
    await m.media.change('ide1-cd0', disc, now)
    assert.deepEqual(moves.splice(0), ['ide1-cd0 open', 'ide1-cd0 closed'])
    assert.equal(instance('ide').state.unit[2].sectors, 400)
    await m.media.change('floppy0', floppy, now)
    assert.deepEqual(moves.splice(0), ['floppy0 closed'])
    assert.ok(shown().includes('floppy0: floppy'))
    await m.reset()
    assert.equal(instance('ide').state.unit[2].sectors, 400, 'the disc stays over a reset')
    assert.equal(instance('fdc').state.drive[0].sectors, 18)
    await m.media.eject('floppy0', false)
    await m.media.eject('ide1-cd0', false)
    assert.deepEqual(moves.splice(0), ['floppy0 open', 'ide1-cd0 open'])
    assert.equal(instance('ide').state.unit[2].sectors, 0)
  } finally {
    await m.close()
  }
})

test('mistakes change nothing', async () => {
  const { m, shown, instance, moves } = await machine({
    drives: [{ kind: 'drive', interface: 'ide', index: 2, media: 'cdrom', file: disc, id: 'cd', readOnly: true, format: 'raw' },
      { kind: 'drive', interface: 'ide', index: 0, file: other, format: 'raw', id: 'hd' }],
  })
  try {
    const before = shown(), fails = async (act: Promise<void>, message: RegExp) => assert.rejects(act, { message })
    assert.ok(before.includes('cd: disc'))
    await fails(m.media.change('cd', join(dir, 'no'), now), /no such file/)
    await fails(m.media.change('floppy0', odd, now), /no floppy disk has 512000 bytes/)
    await fails(m.media.change('nope', disc, now), /Device 'nope' not found/)
    await fails(m.media.change('cd', other, { force: false, readOnly: 'read-write' }), /a CD-ROM is read-only/)
    await fails(m.media.eject('hd', false), /Device 'hd' is not removable/)
    instance('ide').state.unit[2].locked = 1
    await fails(m.media.eject('cd', false), /Device 'cd' is locked and force was not specified, wait for tray to open and try again/)
    assert.equal(instance('ide').state.unit[2].event > 0, true, 'the guest is asked')
    assert.deepEqual(shown(), before)
    assert.deepEqual(moves, [])
    await m.media.change('ide1-cd0', floppy, { force: true })
    assert.ok(shown().includes('cd: floppy'))
  } finally {
    await m.close()
  }
})
