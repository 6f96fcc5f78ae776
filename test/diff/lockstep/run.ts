// npm run lockstep -- [OPTIONS] [the machine's options]
//   --from ADDRESS|SYMBOL   where to begin (0x80000000); --symbols FILE: an ELF file or a System.map
//   --skip N                instructions from there that are executed and not compared
//   --count N               instructions to compare (10000)
//   --interpreter-only, --compiled   what runs our side's steps: records (as left out), or compiled regions
//   --blocks                our side steps blocks of several instructions
//   -v                      says what is taken over from QEMU
// Our machine and qemu-system-riscv64, instruction by instruction; exit status 1 at a difference.
import { VmError } from '../../../src/base/errors.ts'
import { lockstep } from './compare.ts'
import { parseOptions } from './options.ts'
import { openOurSide, type OurSide } from './ours.ts'
import { openQemuSide } from './qemu.ts'
import { report } from './report.ts'
import type { Side } from './side.ts'
import { begin } from './start.ts'
import { addressOf } from './symbols.ts'

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2))
  const { machine } = options, note = (line: string) => { if (options.verbose) console.log(line) }
  const has = (name: string) => machine.includes(name)
  if (!has('-bios'))
    throw new VmError('cli.usage', 'the two machines have different firmware', {
      hint: '-bios FILE (for instance OpenSBI), or -bios none',
    })
  if (has('-smp') && machine[machine.indexOf('-smp') + 1] !== '1')
    throw new VmError('cli.usage', 'not implemented: several processors in lock-step', { hint: '-smp 1' })
  const from = addressOf(options.from, options.symbols)
  let ours: OurSide | undefined, theirs: Side | undefined
  try {
    theirs = await openQemuSide(machine)
    ours = await openOurSide(machine, options.engine)
    await begin(ours, theirs, from, options.skip, note)
    const start = performance.now(), result = await lockstep(ours, theirs, { ...options, note })
    const seconds = (performance.now() - start) / 1000
    console.log(report(result))
    console.log(`${result.instructions} instructions, ${Math.round(result.instructions / seconds)} a second; `
      + `${result.taken} results taken over from QEMU`)
    return result.difference ? 1 : 0
  } finally {
    await theirs?.close()
    await ours?.close()
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof Error)) throw error
  console.error(`lockstep: ${error.message}${error instanceof VmError && error.hint ? `; ${error.hint}` : ''}`)
  process.exitCode = 1
}
