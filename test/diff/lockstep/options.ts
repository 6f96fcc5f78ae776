// The command line of lock-step: options of its own, and those of the machine, which both sides get.
import { VmError } from '../../../src/base/errors.ts'
import { suggest } from '../../../src/base/nearest.ts'

export type Options = {
  /** Where to begin: an address or a symbol. */
  readonly from: string
  /** Instructions from there that are executed without being compared. */
  readonly skip: number
  /** Instructions to compare. */
  readonly count: number
  /** ELF file or System.map with symbols. */
  readonly symbols: string | undefined
  /** What runs our side's steps. */
  readonly engine: 'interpreter' | 'compiled'
  /** Our side steps whole blocks. */
  readonly blocks: boolean
  readonly verbose: boolean
  /** The machine's. */
  readonly machine: readonly string[]
}

/** RAM's start on the `virt` board: the firmware's first instruction. */
const RAM = '0x80000000'
const own = ['--from', '--skip', '--count', '--symbols', '--interpreter-only', '--compiled', '--blocks', '-v']
/** Machine options that would give a side another console or another accelerator, and how many words they are. */
const dropped: { readonly [option: string]: number } = {
  '-nographic': 1, '-serial': 2, '-monitor': 2, '-display': 2, '-accel': 2, '-S': 1, '-s': 1, '-gdb': 2, '-qmp': 2,
}

const wrong = (message: string, hint: string) => new VmError('cli.usage', message, { hint })

export function parseOptions(argv: readonly string[]): Options {
  let from = RAM, skip = 0, count = 10_000, symbols: string | undefined, blocks = false, verbose = false
  let engine: Options['engine'] | undefined
  const machine: string[] = []
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!
    const value = () => {
      const next = argv[++i]
      if (next === undefined) throw wrong(`${word} needs a value`, `for instance ${word} ${word === '--from' ? RAM : 1000}`)
      return next
    }
    const number = (least: number) => {
      const text = value(), n = Number(text)
      if (!Number.isSafeInteger(n) || n < least) throw wrong(`${word} ${text} is not a number of instructions`, `${word} 1000`)
      return n
    }
    const choose = (e: Options['engine']) => {
      if (engine !== undefined && engine !== e) throw wrong('both --compiled and --interpreter-only', 'choose one')
      engine = e
    }
    if (word === '--from') from = value()
    else if (word === '--symbols') symbols = value()
    else if (word === '--skip') skip = number(0)
    else if (word === '--count') count = number(1)
    else if (word === '--interpreter-only') choose('interpreter')
    else if (word === '--compiled') choose('compiled')
    else if (word === '--blocks') blocks = true
    else if (word === '-v') verbose = true
    else if (word.startsWith('--')) throw wrong(`no option '${word}'`, suggest(word, own, 'docs/debugging.md'))
    else if (dropped[word] !== undefined) i += dropped[word] - 1
    else machine.push(word)
  }
  return { from, skip, count, symbols, engine: engine ?? 'interpreter', blocks, verbose, machine }
}
