// The short form of suite.ts: a few hundred operations of each device against QEMU.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import { compare } from './compare.ts'
import { machineOf, machines } from './machines.ts'
import { qemuMissing } from './qemu.ts'
import { targets } from './targets.ts'

const skip: { [machine: string]: false | string } = {}
for (const { name, program } of Object.values(machines))
  skip[name] = (await qemuMissing(program)) && `${program} is not installed`

for (const [name, target] of Object.entries(targets))
  test(`${name} answers as QEMU's`, { skip: skip[machineOf(target).name]! }, async () => {
    const report = await compare(target, { accesses: 400, seed: 11 })
    assert.ok(report.same, report.same ? '' : report.text)
    // Where QEMU's time falls near an edge of a clock, operations are left out: a third of them at times.
    assert.ok(report.operations >= 150, `${report.operations} operations`)
  })

test('a wrong register is noticed, and the script for it is short', { skip: skip.virt! }, async () => {
  const uart = targets.uart!
  const broken = {
    ...uart,
    ours: {
      ...uart.ours,
      board: (b: Parameters<NonNullable<typeof uart.ours.board>>[0]) => {
        const board = uart.ours.board!(b)
        return {
          ...board,
          devices: board.devices.map(d =>
            d.id !== 'serial0'
              ? d
              : {
                  ...d,
                  device: {
                    ...d.device,
                    read: (s: any, io: any, reg: number, size: number) =>
                      d.device.read!(s, io, reg, size) & (reg === 7 ? 0x7f : 0xff),
                  },
                },
          ),
        }
      },
    },
  }
  const report = await compare(broken, { accesses: 400, seed: 11 })
  assert.ok(!report.same)
  assert.ok(report.script.length <= 2, report.text)
})
