// HLT waits for an interrupt each time, however often its code has run: the code behind it is known then, and could go on by itself.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeHost } from '../host/node/host.ts'
import { createMachine } from './machine.ts'

const TURNS = 100, COUNTED = 0x500, TAKEN = 0x502
const HANDLER = [0xff, 0x06, 0x02, 0x05, 0x50, 0xb0, 0x20, 0xe6, 0x20, 0x58, 0xcf] // inc [502h]; end of interrupt; iret
const HANDLER_AT = 0x100
const CODE = [
  0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xd0, 0xbc, 0x00, 0x08, 0xa3, 0x00, 0x05, 0xa3, 0x02, 0x05, // ds, ss: 0; both counters too
  0x66, 0xb9, 0x1b, 0x00, 0x00, 0x00, 0x0f, 0x32, 0x80, 0xe4, 0xf7, 0x0f, 0x30, // no local APIC
  0xc7, 0x06, 0x80, 0x00, HANDLER_AT & 0xff, HANDLER_AT >> 8, 0xc7, 0x06, 0x82, 0x00, 0x00, 0xf0, // vector 20h
  0xb0, 0x11, 0xe6, 0x20, 0xb0, 0x20, 0xe6, 0x21, 0xb0, 0x04, 0xe6, 0x21, 0xb0, 0x01, 0xe6, 0x21, 0xb0, 0xfe, 0xe6, 0x21, // i8259
  0xb0, 0x34, 0xe6, 0x43, 0xb0, 0xa9, 0xe6, 0x40, 0xb0, 0x04, 0xe6, 0x40, // i8254: every millisecond
  0xfb, 0xf4, 0xfa, 0xff, 0x06, 0x00, 0x05, 0x81, 0x3e, 0x00, 0x05, TURNS, 0x00, 0x75, 0xf1, // sti; hlt; cli; inc [500h]; again
  0xfa, 0xf4, 0xeb, 0xfc,
]

for (const thread of ['single', 'multi'])
  test(`an interrupt for each HLT, thread=${thread}`, async () => {
    const bios = new Uint8Array(0x1_0000)
    bios.set(CODE)
    bios.set(HANDLER, HANDLER_AT)
    bios.set([0xea, 0, 0, 0, 0xf0], 0xfff0) // jmp F000:0
    const m = await createMachine({
      arch: 'x86_64', bios, memoryBytes: 16 << 20, accels: [{ name: 'jit', properties: { thread } }], noDefaults: true,
    }, nodeHost)
    const word = async (at: number) => Buffer.from(await m.readPhysical(at, 2)).readUInt16LE()
    try {
      await m.resume()
      for (let i = 0; await word(COUNTED) < TURNS; i++) {
        assert.ok(i < 2000, 'in time')
        await new Promise(resolve => setTimeout(resolve, 5))
      }
      // A late interrupt may be taken with the one before it.
      const taken = await word(TAKEN)
      assert.ok(taken >= TURNS, `${taken} interrupts for ${TURNS} halts`)
    } finally {
      await m.close()
    }
  })
