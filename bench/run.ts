// Compares Typevisor with QEMU's TCG on the same guests, both on this machine in one run, in turns:
//   npm run bench -- [--short] [--sustained] [--only crc,fib] [--repeat N] [--json FILE] [--no-docs]
//                    [--engine NAME=COMMAND [--engine NAME=COMMAND]] [--timeout SECONDS] [--arch riscv64|amd64|i386]
//   npm run bench -- --peer v86 ...   a PC of 32 bits beside the npm package v86
//   npm run bench -- --profile [--sustained] [--only crc,fib] [--arch ...]
// Without --short or --sustained both, and two processors and starting too. The results go to docs/performance.md
// unless they are of a part (--only) or of other engines. --engine gives the engine measured, then its peer.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { guestImages } from '../scripts/guests/fetch.ts'
import { runMain, UserError } from '../scripts/guests/run.ts'
import { ARCHES, chooseEngines, type Contest, describeSetting, ROOT } from './compare/engines.ts'
import { KERNELS, type Length } from './compare/expectations.ts'
import { runScaling } from './compare/parallel.ts'
import { measureMenu } from './compare/menu.ts'
import { profile } from './compare/profile.ts'
import { replaceSection } from './compare/sections.ts'
import { measureStarts } from './compare/startup.ts'
import { type Comparison, type Pair, runSuite, words } from './compare/suite.ts'
import * as tables from './compare/tables.ts'

const DOCS = join(ROOT, 'docs/performance.md')
const REPEAT: Readonly<Record<Length, number>> = { short: 2, sustained: 1 }

function options() {
  const { values } = parseArgs({
    options: {
      short: { type: 'boolean', default: false }, sustained: { type: 'boolean', default: false },
      only: { type: 'string' }, repeat: { type: 'string' }, json: { type: 'string' },
      'no-docs': { type: 'boolean', default: false }, engine: { type: 'string', multiple: true, default: [] },
      timeout: { type: 'string', default: '900' }, arch: { type: 'string' }, peer: { type: 'string', default: 'tcg' }, profile: { type: 'boolean', default: false },
    },
  })
  const only = values.only?.split(',')
  const unknown = only?.filter((name) => !KERNELS.includes(name))
  if (unknown?.length) throw new UserError(`no kernel ${unknown.join(', ')}; there are ${KERNELS.join(', ')}`)
  if (!['tcg', 'v86'].includes(values.peer)) throw new UserError(`--peer takes tcg or v86, not ${values.peer}`)
  const wanted = values.arch ?? (values.peer === 'v86' ? 'i386' : 'riscv64'), arch = ARCHES.find((each) => each === wanted)
  if (!arch) throw new UserError(`no guests for ${wanted}; there are ${ARCHES.join(', ')}`)
  if (values.peer === 'v86' && arch !== 'i386') throw new UserError('v86 runs guests of 32 bits only: --arch i386')
  const contest: Contest = values.peer === 'v86' ? 'v86' : arch
  const count = (name: string, text: string): number => {
    if (!/^[1-9]\d*$/.test(text)) throw new UserError(`--${name} takes a number above 0, not ${text}`)
    return Number(text)
  }
  const all = !values.short && !values.sustained
  return {
    lengths: (['short', 'sustained'] as const).filter((length) => all || values[length]),
    whole: all && !only,
    only,
    repeat: (length: Length) => values.repeat ? count('repeat', values.repeat) : REPEAT[length],
    timeoutSeconds: count('timeout', values.timeout),
    json: values.json,
    docs: !values['no-docs'] && !only && !values.engine.length,
    arch,
    contest,
    engines: chooseEngines(values.engine, contest),
    profile: values.profile,
  }
}

/** What a comparison says, under its heading in the page. */
function comparisonText(names: Pair<string>, comparison: Comparison): string {
  const parts = [
    tables.sharesText(names, comparison),
    tables.kernelTable(names, comparison),
    tables.judgedTable(comparison),
    tables.totalsTable(names, comparison),
  ]
  return parts.join('\n\n')
}

await runMain('bench', async () => {
  const { lengths, whole, only, repeat, timeoutSeconds, json, docs, arch, contest, engines, profile: profiling } = options()
  const images = await guestImages(arch, ['boot', 'bench'])
  const note = (text: string) => console.error(`bench: ${text}`)
  if (profiling) {
    const length = lengths.length > 1 ? 'short' : lengths[0]!
    const guest = { images, harts: 1, words: words(length, only), timeoutSeconds }
    return console.log(await profile(engines[0], guest))
  }

  const names: Pair<string> = [engines[0].name, engines[1].name]
  const setting = await describeSetting(engines)
  const results: Record<string, unknown> = { setting }
  const report = async (section: string, result: unknown, text: string): Promise<void> => {
    // Sections of the page are named for the architecture or the peer, those of RISC-V excepted.
    const place = contest === 'riscv64' ? section : `${contest}-${section}`
    results[section] = result
    const body = `${text}\n\n${tables.setting(setting)}`
    console.log(`\n${place}\n\n${body}`)
    if (docs) await writeFile(DOCS, replaceSection(await readFile(DOCS, 'utf8'), place, body))
    if (json) await writeFile(json, `${JSON.stringify(results, undefined, 2)}\n`)
  }

  for (const length of lengths) {
    const suite = { contest, images, length, repeat: repeat(length), timeoutSeconds, note, ...(only && { only }) }
    const comparison = await runSuite(engines, suite)
    await report(length, comparison, comparisonText(names, comparison))
    const { memory } = comparison
    if (length === 'short' && memory) await report('memory', memory, tables.memoryTable(names, memory))
  }
  if (!whole || contest === 'v86') return // which has one processor
  const scaling = await runScaling(engines, images, 1, timeoutSeconds, note)
  await report('harts', scaling, tables.scalingTable(names, scaling))
  if (arch !== 'riscv64') {
    const menu = await measureMenu(engines, note)
    return report('menu', menu, tables.menuTable(names, menu))
  }
  const starts = await measureStarts(engines, note)
  await report('start', starts, tables.startTable(names, starts))
})
