// node test/diff/qtest/run.ts [device] [--accesses N] [--seed S]
// Random register scripts on our devices and on qemu-system-riscv64's; exit status 1 at a difference.
import { parseArgs } from 'node:util'
import { compare } from './compare.ts'
import { qemuMissing } from './qemu.ts'
import { targets } from './targets.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { accesses: { type: 'string', default: '5000' }, seed: { type: 'string', default: '1' } },
})
if (await qemuMissing()) {
  console.error('qemu-system-riscv64 is not installed: nothing to compare with')
  process.exit(2)
}
let failed = false
for (const name of positionals.length ? positionals : Object.keys(targets)) {
  const target = targets[name]
  if (!target) {
    console.error(`no device '${name}'; there are: ${Object.keys(targets).join(', ')}`)
    process.exit(2)
  }
  const began = performance.now()
  const report = await compare(target, { accesses: Number(values.accesses), seed: Number(values.seed) })
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  if (report.same) console.log(`${name}: ${report.operations} operations, no difference (${seconds} s)`)
  else {
    failed = true
    console.log(`${name}: a difference (seed ${values.seed}, ${seconds} s)\n${report.text}`)
  }
}
process.exit(failed ? 1 : 0)
