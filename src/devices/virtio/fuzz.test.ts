// Hostile drivers: rings of nonsense, half-valid descriptors, addresses outside RAM, loops. No device throws,
// hangs, or writes outside guest memory; each works again after a reset. `VIRTIO_SEEDS=1000 node --test …`
// runs more seeds.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { virtioBlk } from './blk.ts'
import { virtioConsole } from './console.ts'
import { virtioMmio } from './mmio.ts'
import { virtioNet } from './net.ts'
import { F } from './ring.ts'
import { virtioRng } from './rng.ts'
import { RAM, RAM_BYTES, start, virtioBench } from './testing.ts'
import type { AnyKind } from './virtio.ts'

const SEEDS = Number(process.env.VIRTIO_SEEDS ?? 12), ROUNDS = 60

function dice(seed: number) {
  let x = Math.imul(seed, 0x9e3779b1) >>> 0 || 1
  const word = () => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return (x >>>= 0)
  }
  const below = (n: number) => Math.floor((word() / 2 ** 32) * n)
  return { word, below, pick: <T>(from: readonly T[]) => from[below(from.length)]! }
}

const backend = () => ({
  immediate: true,
  read(_: number, into: Uint8Array[]) { for (const part of into) part.fill(1) },
  write() {}, flush: () => Promise.resolve(), discard() {}, zero() {}, failed() {},
  send() {}, fill(into: Uint8Array) { into.fill(2) },
  offer: (_frame: Uint8Array) => true as boolean,
  connect(offer: (frame: Uint8Array) => boolean) { this.offer = offer },
})

const subjects: readonly { kind: AnyKind; queues: number; properties?: object }[] = [
  {
    kind: virtioBlk,
    queues: 2,
    properties: { media: { sizeBytes: 1 << 20, readOnly: false }, 'num-queues': 2 },
  },
  { kind: virtioNet, queues: 3 },
  { kind: virtioConsole, queues: 2 },
  { kind: virtioRng, queues: 1 },
]

for (const { kind, queues, properties } of subjects)
  for (const packed of [false, true])
    test(`${kind.name}, ${packed ? 'packed' : 'split'} rings of nonsense`, async () => {
      for (let seed = 1; seed <= SEEDS; seed++) {
        const d = dice(seed), end = backend()
        const b = virtioBench(virtioMmio(kind), { 'force-legacy': false, packed, ...properties })
        const m = b.system.memory, { u8 } = b.system.views
        if (kind.service) b.system.attach('dev', end)
        else b.system.chr('dev').connect(true)
        // State lies in the upper half; a guard between shows stray writes.
        const guardAt = RAM_BYTES, guard = u8.slice(guardAt, guardAt + 4096)
        for (let round = 0; round < ROUNDS; round++) {
          const drop = d.pick([-1, -1, F.EVENT_IDX, F.INDIRECT_DESC, 15])
          const rings = start(b, bit => bit !== drop, queues, 16)
          for (let i = 0; i < 1 + d.below(6); i++) {
            const ring = d.pick(rings)
            const area = d.pick([ring.desc, ring.desc, ring.driver, ring.device])
            switch (d.below(4)) {
              case 0: // anything anywhere
                for (let n = d.below(64); n > 0; n--) m.write(area + d.below(512), 1, d.word() & 0xff)
                break
              case 1: // plausible descriptors, linked at random
                for (let n = 0; n < 16; n++) {
                  const flags = d.below(8) | (packed ? d.pick([0x80, 0x8000, 0x8080, 0]) : 0)
                  const pa = d.pick([
                    RAM + d.below(RAM_BYTES), RAM + RAM_BYTES - d.below(64), d.word(), ring.desc, 2 ** 52,
                  ])
                  m.writeWide(ring.desc + 16 * n, pa >>> 0, Math.floor(pa / 2 ** 32))
                  m.write(
                    ring.desc + 16 * n + 8, 4, d.pick([0, 1, 16, 17, 64, 512, 4096, 0xffff_ffff, d.word()]),
                  )
                  m.write(ring.desc + 16 * n + 12, 2, packed ? d.below(20) : flags)
                  m.write(ring.desc + 16 * n + 14, 2, packed ? flags : d.below(20))
                }
                break
              case 2: // an available index ahead
                m.write(ring.driver + 2, 2, d.pick([1, 2, 16, 17, 0xffff, d.below(65536)]))
                for (let n = 0; n < 16; n++)
                  m.write(ring.driver + 4 + 2 * n, 2, d.below(d.pick([16, 20, 65536])))
                break
              default: // a driver that is right
                ring.add(
                  [
                    { bytes: 16, data: [d.below(14)] }, { bytes: 512, write: true },
                    { bytes: 1, write: true },
                  ],
                  d.below(2) === 1,
                )
            }
            if (d.below(8) === 0)
              b.regs.set(d.pick([0x80, 0x84, 0x90, 0xa0, 0x38, 0x44, 0x30]), d.pick([0, 1, 3, d.word()]))
            ring.kick()
            if (kind.service) b.system.serve()
            if (d.below(3) === 0) end.offer(new Uint8Array(14 + d.below(3000)))
            if (kind.chr) {
              b.system.chr('dev').give(new Uint8Array(d.below(300)))
              b.system.pollChars()
              b.system.chr('dev').take()
            }
          }
          await b.system.drain()
        }
        assert.deepEqual(
          u8.slice(guardAt, guardAt + 4096), guard, `seed ${seed}: a write outside of guest memory`,
        )
        b.system.reset()
        m.writeBytes(RAM, new Uint8Array(RAM_BYTES))
        const [q] = start(b, () => true, queues)
        assert.equal(b.regs.get(0x70), 15, `seed ${seed}: works after a reset`)
        if (kind === virtioRng) {
          q!.add([{ bytes: 4, write: true }])
          q!.kick()
          b.system.serve()
          assert.equal(q!.used().length, 1)
        }
      }
    })

test('what drivers must not do stops the device until it is reset', () => {
  const wrong: {
    readonly [what: string]: (
      write: (at: number, size: number, value: number) => void, q: { desc: number; driver: number },
    ) => void
  } = {
    'a chain in a circle': (write, q) => {
      for (const at of [12, 28]) write(q.desc + at, 2, 1)
      write(q.desc + 14, 2, 1)
      write(q.desc + 30, 2, 0)
      write(q.driver + 2, 2, 1)
    },
    'a buffer outside RAM': (write, q) => {
      write(q.desc, 4, 0x1000)
      write(q.desc + 8, 4, 16)
      write(q.driver + 2, 2, 1)
    },
    'a head that does not exist': (write, q) => {
      write(q.driver + 4, 2, 99)
      write(q.driver + 2, 2, 1)
    },
    'an index too far ahead': (write, q) => write(q.driver + 2, 2, 17),
    'an indirect table of odd length': (write, q) => {
      write(q.desc, 4, RAM)
      write(q.desc + 8, 4, 17)
      write(q.desc + 12, 2, 4)
      write(q.driver + 2, 2, 1)
    },
    'an indirect table in an indirect table': (write, q) => {
      write(q.desc, 4, RAM)
      write(q.desc + 8, 4, 16)
      write(q.desc + 12, 2, 4)
      write(RAM + 8, 4, 16)
      write(RAM + 12, 2, 4)
      write(q.driver + 2, 2, 1)
    },
  }
  for (const [what, doIt] of Object.entries(wrong)) {
    const b = virtioBench(virtioMmio(virtioBlk), {
      'force-legacy': false,
      media: { sizeBytes: 1 << 20, readOnly: false },
    })
    b.system.attach('dev', backend())
    const [q] = start(b, () => true, 1)
    doIt((at, size, value) => b.system.memory.write(at, size, value), q!)
    q!.kick()
    b.system.serve()
    assert.equal(b.regs.get(0x70), 0x4f, `${what}: DEVICE_NEEDS_RESET`)
    assert.equal(b.regs.get(0x60) & 2, 2, `${what}: configuration change`)
    assert.equal(b.lines['0.irq'], true)
    b.regs.set(0x70, 0)
    assert.equal(b.regs.get(0x70), 0)
    assert.equal(b.lines['0.irq'], false)
  }
})
