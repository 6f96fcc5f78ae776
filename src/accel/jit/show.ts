// What both tiers make of a block, as text: for golden files, the fuzzer's reports and cases of the debugger. Everything is
// made anew, away from the machine that runs.
import type { Block } from '../../ir/block.ts'
import type { Isa } from '../../isa/isa.ts'
import { viewsOf } from '../../state/views.ts'
import { printModule } from '../../wasm/print.ts'
import { core } from './core.ts'
import { Assembler } from './tier0/assemble.ts'
import { records } from './tier0/print.ts'
import { type CompileContext, compileRegions, entryTables } from './tier1/compile.ts'
import type { Region } from './tier1/region.ts'

/** Where the text has the first record, and a region's table of entries. */
const RECORDS = 0x1000, TABLE = 0x800
const HEAT = 1500

/** The interpreter's records of blocks that lie one behind the other. */
export function recordsText(isa: Isa, blocks: readonly Block[]): string {
  const room = blocks.reduce((n, b) => n + Assembler.bound(b), RECORDS), views = viewsOf(new ArrayBuffer((room + 7) & -8))
  const assembler = new Assembler(views, isa.registers, core)
  let record = RECORDS
  return blocks.map((block, number) => {
    const begin = record
    record = assembler.assemble(block, begin, number, HEAT)
    return records(views, {
      number, pcLo: block.pcLo | 0, pcHi: block.pcHi, mode: 0, host: 0, secondPage: -1, sizeBytes: block.sizeBytes,
      record: begin, recordEnd: record, entered: false, code: begin, valid: true,
    }, isa.registers)
  }).join('')
}

/** The WebAssembly of a region: the functions of its module; what is around them is always the same. */
export function regionText(context: Omit<CompileContext, 'offsets'>, region: Region): string {
  const bytes = compileRegions({ ...context, offsets: core }, [region], [TABLE])
  const lines = printModule(bytes).split('\n'), begin = lines.findIndex(l => /^ {2}\(func /.test(l))
  const entries = region.entries.map(o => `+${o}`).join(' ')
  const table = entryTables(region, context.isa.codeAlign).map(t => [...t.bytes].join(' ')).join('; ')
  return `entries ${entries}${table && `; table of returns ${table}`}\n${lines.slice(begin, -2).map(l => l.slice(2)).join('\n')}\n`
}
