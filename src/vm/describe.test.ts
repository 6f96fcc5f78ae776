// The monitor's texts on a machine of which all is known: a loop that counts, and page tables written from outside.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeHost } from '../host/node/host.ts'
import { createMachine } from './machine.ts'

const program = Uint32Array.of(
  0x00001297, // 00  auipc t0, 1
  0x00130313, // 04  addi t1, t1, 1
  0x0062a023, // 08  sw t1, 0(t0)
  0xff9ff06f, // 0c  j 04
)
const RAM = 0x8000_0000, V = 1n, R = 2n, W = 4n, X = 8n, U = 0x10n, A = 0x40n, D = 0x80n

test('info tlb: page tables by mapping, and the software TLB', { timeout: 120_000 }, async () => {
  const m = await createMachine({
    arch: 'riscv64', bios: 'none', kernel: new Uint8Array(program.buffer), memoryBytes: 32 << 20,
    accels: [{ name: 'jit', properties: { thread: 'single' } }],
  }, nodeHost)
  try {
    const text = async (topic: 'tlb' | 'softtlb' | 'mem') => (await m.describe(topic))!.split('\n')
    assert.deepEqual(await text('tlb'), ['No translation or protection'])
    assert.deepEqual(await text('softtlb'), ['The software TLB is empty.'])

    await m.resume()
    while ((await m.debug.readRegister(0, 6))! < 1000n) await new Promise(resolve => setTimeout(resolve, 5))
    await m.pause()
    const [head, ...entries] = await text('softtlb')
    assert.match(head!, /vaddr +paddr/)
    const page = (RAM + 0x1000).toString(16).padStart(16, '0')
    assert.ok(entries.includes(`   0    0*${page} ${page}  r w`), entries.join('\n'))

    const table = (n: number) => RAM + 0x10_0000 + 0x1000 * n
    const put = (at: number, pte: bigint) =>
      m.writePhysical(at, new Uint8Array(BigUint64Array.of(pte).buffer))
    const points = (pa: number, flags: bigint) => (BigInt(pa) >> 12n << 10n) | flags
    await put(table(0) + 8 * 2, points(RAM, V | R | W | X | A | D))
    await put(table(0) + 8 * 511, points(table(1), V))
    await put(table(1) + 8 * 1, points(RAM, V | R | A))
    await put(table(1) + 8 * 2, points(table(2), V))
    await put(table(2) + 8 * 5, points(RAM + 0x5000, V | R | W | U))
    await put(table(2) + 8 * 6, points(RAM + 0x6000, V | R | W | U))
    await put(table(2) + 8 * 7, 0n)
    const satp = m.debug.description.registers.find(r => r.name === 'satp')!.number
    assert.equal(await m.debug.writeRegister(0, satp, (8n << 60n) | (BigInt(table(0)) >> 12n)), true)
    assert.deepEqual(await text('tlb'), [
      '0000000080000000: 0000000080000000 rwx--ad 1 GiB',
      'ffffffffc0200000: 0000000080000000 r----a- 2 MiB',
      'ffffffffc0405000: 0000000080005000 rw-u---',
      'ffffffffc0406000: 0000000080006000 rw-u---',
    ])
    assert.equal((await text('mem')).at(-1), 'ffffffffc0405000 0000000080005000 0000000000002000 rw-u---')
  } finally {
    await m.close()
  }
})
