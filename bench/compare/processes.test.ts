import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cpuMs, dataMappings, memoryOf, ramMapping } from './processes.ts'

const MIB = 1 << 20
const linux = { skip: process.platform !== 'linux' }

const mapping = (start: number, bytes: number, mode: string, rssKb: number, inode = 0) =>
  `${start.toString(16)}-${(start + bytes).toString(16)} ${mode} 00000000 00:00 ${inode} \n` +
  `Size: ${bytes / 1024} kB\nRss:    ${rssKb} kB\nAnonymous: ${rssKb} kB\n`

test('the mapping with the RAM: anonymous data, large enough, the most used', () => {
  const smaps = [
    mapping(0x1000_0000, 600 * MIB, 'rwxp', 90_000), // code
    mapping(0x5000_0000, 600 * MIB, 'rw-p', 90_000, 77), // a file
    mapping(0xa000_0000, 540 * MIB, 'rw-p', 50_000),
    mapping(0xd000_0000, 520 * MIB, 'rw-p', 8),
    mapping(0x1_0000_0000, 8192 * MIB, 'rw-p', 70_000), // far too large
    mapping(0x4_0000_0000, 64 * MIB, 'rw-p', 60_000),
  ].join('')
  const mappings = dataMappings(smaps)
  assert.equal(mappings.length, 4)
  const start = 0xa000_0000
  assert.deepEqual(ramMapping(mappings, 512 * MIB), { start, end: start + 540 * MIB, rssKb: 50_000 })
  assert.equal(ramMapping(mappings, 600 * MIB), undefined)
})

test('memory of this process, with a shared memory in place of a guest', linux, () => {
  const ram = 96 * MIB, state = 4 * MIB
  const pages = (state + ram) >> 16
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true })
  new Uint8Array(buffer).fill(1, 0, state + 24 * MIB)
  const { residentMb, guestMb } = memoryOf(process.pid, ram)
  assert.ok(guestMb >= 24 && guestMb < 27, `${guestMb} MB`) // huge pages round up
  assert.ok(residentMb > guestMb + 20, `${residentMb} MB`)
})

test('processor time', linux, () => {
  const { user, system } = process.cpuUsage()
  const until = (user + system) / 1000 + 60
  while (process.cpuUsage().user / 1000 + process.cpuUsage().system / 1000 < until) Math.sqrt(until)
  const measured = cpuMs(process.pid)
  assert.ok(measured >= until - 20 && measured < until + 500, `${measured} ms, not ${until}`)
})
