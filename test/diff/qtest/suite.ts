// Random register scripts on our devices and on QEMU's.
import type { Suite } from '../suite.ts'
import { compare } from './compare.ts'
import { qemuMissing } from './qemu.ts'
import { targets } from './targets.ts'

const absent = { virt: await qemuMissing(), pc: await qemuMissing('qemu-system-x86_64') }

export const suite: Suite = {
  name: 'qtest',
  compares: "random register accesses to devices with QEMU's",
  parts: Object.keys(targets),
  cases: 3000,
  missing(part) {
    const machine = targets[part]!.qemu.machine ?? 'virt'
    if (!absent[machine]) return undefined
    return `qemu-system-${machine === 'pc' ? 'x86_64' : 'riscv64'} is not installed`
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
