// What the monitor says of an x86 processor, beside QEMU's: both run a few instructions of firmware that build page tables, enter
// long mode, and halt.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { nodeHost } from '../../../src/host/node/host.ts'
import type { Topic } from '../../../src/vm/control.ts'
import { createMachine } from '../../../src/vm/machine.ts'
import { machines } from './machines.ts'
import { openQemu, qemuMissing } from './qemu.ts'

/**
 * At F000:0, in order: pages of 4 KiB at 0 (with holes, one of user, one not executable) and of 2 MiB at 2 and 4 MiB, the upper
 * half of the address space and the last 512 GiB of the lower show them too; GDT; PAE, NXE, LME, PG; in long mode a stack, a
 * store to 1234h, values in RAX, R12 and XMM9, a subtraction for the flags; HLT.
 */
const CODE = 'fa31c08ed88ec0fcbf0080b90040f3ab66c70600800790000066c706f88f0390000066c706009007a0000066c706f89f8300004066c706f89f03a0000066c706'
  + '00a007b0000066c70608a08301200066c70610a0e100400066c70600b00300000066c70608b00750000066c70610b00760000066c70628b00170000066c7062c'
  + 'b00000008066c70680b703000f0066c70640b003800000c6060030fe2e660f0116280166b8200600000f22e066b8008000000f22d866b9800000c066b8000900'
  + '006631d20f3066b8110000800f22c066ead7000f00080066b810008ed08ed8bc001800008904253412000048b8f0debc9a7856341249c7c4feffffff664c0f6e'
  + 'c8b80100000083e802f4ebfd909090900000000000000000ffff0000009aaf00ffff00000092cf00170010010f00'
const RESET = 'ea000000f0' // jmp F000:0
const bios = new Uint8Array(0x1_0000)
bios.set(Buffer.from(CODE, 'hex'))
bios.set(Buffer.from(RESET, 'hex'), 0xfff0)

/** Intel SDM volume 3, table 10-1: FCW is 0040h after a reset; 5.4.2: loading CS sets the accessed bit in the hidden part. */
const explained = (text: string) => text.replace(/^FCW=\w+/m, 'FCW=(after reset)').replace(/^(CS .* 00af9)[ab](00 .*\[-R)[-A]\]/m, '$1*$2*]')

const topics: readonly Topic[] = ['registers', 'tlb', 'mem', 'lapic', 'pic']
const skip = (await qemuMissing(machines.pc.program)) && `${machines.pc.program} is not installed`

test('registers, page tables and interrupt controllers, before the start and in long mode', { skip, timeout: 120_000 }, async () => {
  const m = await createMachine({
    arch: 'x86_64', bios, memoryBytes: 64 << 20, accels: [{ name: 'jit', properties: { thread: 'single' } }], noDefaults: true,
  }, nodeHost)
  const qemu = await openQemu({ ...machines.pc, bios, setup: [] }, {})
  const tidy = (text: string) => explained(text.replaceAll('\r', '').trim())
  const compare = async (when: string, what = topics) => {
    for (const topic of what) {
      const theirs = await qemu.qmp('human-monitor-command', { 'command-line': `info ${topic}` }) as string
      assert.equal(tidy((await m.describe(topic))!), tidy(theirs), `info ${topic}, ${when}`)
    }
  }
  const halted = async () => /HLT=1/.test(await qemu.qmp('human-monitor-command', { 'command-line': 'info registers' }) as string)
  try {
    // The timer's output is high from the reset on; in QEMU from its first look at the time.
    await compare('before the start', topics.filter(t => t !== 'pic'))
    await m.resume()
    await qemu.qmp('cont')
    while (m.cpus[0]!.state !== 'halted' || !(await halted())) await new Promise(resolve => setTimeout(resolve, 20))
    await m.pause()
    await compare('in long mode')
    assert.match((await m.describe('mtrr'))!, /^default uncachable, disabled/)
    assert.match((await m.describe('irq'))!, /IRQ statistics for isa-i8259/)
  } finally {
    qemu.close()
    await m.close()
  }
})
