// Random register scripts on our devices and on qemu-system-riscv64's.
import type { Suite } from '../suite.ts'
import { compare } from './compare.ts'
import { qemuMissing } from './qemu.ts'
import { targets } from './targets.ts'

const absent = await qemuMissing()

export const suite: Suite = {
  name: 'qtest',
  compares: "random register accesses to devices with qemu-system-riscv64's",
  parts: Object.keys(targets),
  cases: 3000,
  missing: () => (absent ? 'qemu-system-riscv64 is not installed' : undefined),
  async run(part, { cases, seed }) {
    const report = await compare(targets[part]!, { accesses: cases, seed })
    return {
      cases: report.operations, explained: report.explained,
      // The two are in different states after the first difference.
      ...report.same ? { differences: 0, examples: [] } : { differences: 1, examples: [report.text] },
    }
  },
}
