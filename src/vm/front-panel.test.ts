// What is pressed on a running PC reaches its firmware: a few instructions that wait for it.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { nodeHost } from '../host/node/host.ts'
import type { MachineConfig } from './config.ts'
import { createMachine } from './machine.ts'

const HALT = [0xf4, 0xeb, 0xfd] // hlt; jmp $-1
const firmware = (code: readonly number[]): Uint8Array => {
  const bios = new Uint8Array(0x1_0000)
  bios.set(code)
  bios.set([0xea, 0, 0, 0, 0xf0], 0xfff0) // jmp F000:0
  return bios
}
async function machine(code: readonly number[], more: MachineConfig = {}) {
  const m = await createMachine({
    arch: 'x86_64', bios: firmware(code), memoryBytes: 16 << 20, accels: [{ name: 'jit', properties: { thread: 'single' } }], noDefaults: true, ...more,
  }, nodeHost)
  const word = async (at: number) => Buffer.from(await m.readPhysical(at, 2)).readUInt16LE()
  const until = async (is: () => boolean | Promise<boolean>) => {
    for (let i = 0; !(await is()); i++) {
      assert.ok(i < 2000, 'in time')
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }
  return { m, word, until }
}

test('the NMI button reaches halted processors through LINT1, unless that is masked', async () => {
  // Vector 2 leads to code that counts at 500h. Through a segment of 4 GiB the APIC is enabled, and LINT1's entry becomes `lvt`; HLT.
  const code = (lvt: string) => [...Buffer.from('31c08ed8c70608004900c7060a0000f0bc00082e660f01164e000f20c00c010f22c0bb08008ec324fe0f22c0266667c705f000e0feff010000266667'
    + `c7056003e0fe${lvt}f4ebfdff060005cf0f0054000f000000000000000000ffff00000092cf00`, 'hex')]
  for (const [lvt, counted] of [['00040000', 1], ['00040100', 0]] as const) {
    const { m, word, until } = await machine(code(lvt))
    try {
      await m.resume()
      await until(() => m.cpus[0]!.state === 'halted')
      assert.equal(m.nmi(), true)
      if (counted) await until(async () => (await word(0x500)) !== 0)
      else await new Promise(resolve => setTimeout(resolve, 50))
      assert.equal(await word(0x500), counted)
    } finally {
      await m.close()
    }
  }
})

test('the power button sets its status bit', async () => {
  // Power management at 600h; waits until the bit is there, then stores the status at 500h.
  const { m, word, until } = await machine([
    0x31, 0xc0, 0x8e, 0xd8, 0x66, 0xb8, 0x40, 0x0b, 0x00, 0x80, // eax = 80000B40h
    0xba, 0xf8, 0x0c, 0x66, 0xef, 0xba, 0xfc, 0x0c, 0x66, 0xb8, 0x01, 0x06, 0x00, 0x00, 0x66, 0xef, // out CF8h, CFCh: 601h
    0x66, 0xb8, 0x80, 0x0b, 0x00, 0x80, 0xba, 0xf8, 0x0c, 0x66, 0xef, 0xba, 0xfc, 0x0c, 0xb0, 0x01, 0xee, // register 80h: 1
    0xba, 0x00, 0x06, 0xed, 0xf6, 0xc4, 0x01, 0x74, 0xfa, // in ax, 600h until bit 8
    0xa3, 0x00, 0x05, ...HALT,
  ])
  try {
    const told: string[] = []
    m.on('powerdown', () => told.push('powerdown'))
    await m.resume()
    await new Promise(resolve => setTimeout(resolve, 50))
    assert.equal(await word(0x500), 0)
    assert.equal(await m.powerdown(), true)
    await until(async () => (await word(0x500)) !== 0)
    assert.equal((await word(0x500)) & 0x100, 0x100)
    assert.deepEqual(told, ['powerdown'])
  } finally {
    await m.close()
  }
})

test('boot order: once, then as given, then as boot_set says', async () => {
  // Bytes 3Dh and 38h of the CMOS memory to 500h.
  const { m, word, until } = await machine([
    0x31, 0xc0, 0x8e, 0xd8, 0xb0, 0x3d, 0xe6, 0x70, 0xe4, 0x71, 0xa2, 0x00, 0x05, 0xb0, 0x38, 0xe6, 0x70, 0xe4, 0x71, 0xa2, 0x01, 0x05, ...HALT,
  ], { boot: { order: 'cd', once: 'd' } })
  const found = async () => {
    await m.writePhysical(0x500, Uint8Array.of(0xff, 0xff))
    await m.resume()
    await until(async () => m.cpus[0]!.state === 'halted' && (await word(0x500)) !== 0xffff)
    await m.pause()
    const value = await word(0x500)
    await m.reset()
    return value
  }
  try {
    assert.deepEqual([await found(), await found(), await found()], [0x0003, 0x0032, 0x0032])
    m.setBootOrder('nda')
    await m.reset()
    assert.deepEqual([await found(), await found()], [0x1034, 0x1034])
    assert.throws(() => m.setBootOrder('qq'), { message: "Invalid boot device 'q'" })
    assert.throws(() => m.setBootOrder('cc'), { message: "Boot device 'c' was given twice" })
    assert.throws(() => m.setBootOrder('cdna'), { message: 'Too many boot devices for PC' })
  } finally {
    await m.close()
  }
})
