// Random register scripts on our devices and on QEMU's.
import type { Suite } from '../suite.ts'
import { compare } from './compare.ts'
import { machineOf, machines } from './machines.ts'
import { qemuMissing } from './qemu.ts'
import { targets } from './targets.ts'

const absent = new Map<string, boolean>()
for (const { program } of Object.values(machines)) absent.set(program, await qemuMissing(program))

export const suite: Suite = {
  name: 'qtest',
  compares: "random register accesses to devices with QEMU's",
  parts: Object.keys(targets),
  cases: 3000,
  missing(part) {
    const { program } = machineOf(targets[part]!)
    return absent.get(program) ? `${program} is not installed` : undefined
  },
  async run(part, { cases, seed }) {
    const report = await compare(targets[part]!, { accesses: cases, seed })
    return {
      cases: report.operations, explained: report.explained,
      // The two are in different states after the first difference.
      ...report.same ? { differences: 0, examples: [] } : { differences: 1, examples: [report.text] },
    }
  },
}
