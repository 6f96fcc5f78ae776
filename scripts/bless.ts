// npm run bless: renews the golden files (*.golden.txt) by running the tests that compare them, and says which changed.
import { spawnSync } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runMain, UserError } from './guests/run.ts'

const ROOT = join(import.meta.dirname, '..')
const inSources = (pattern: string): string[] => globSync(`{src,test}/**/${pattern}`, { cwd: ROOT }).sort()
const contents = () => new Map(inSources('*.golden.txt').map(name => [name, readFileSync(join(ROOT, name), 'utf8')]))

await runMain('bless', async () => {
  const tests = inSources('*.test.ts').filter(name => /from '[^']*\/test\/golden\/golden\.ts'/.test(readFileSync(join(ROOT, name), 'utf8')))
  const folder = mkdtempSync(join(tmpdir(), 'bless-')), list = join(folder, 'list')
  writeFileSync(list, '')
  const before = contents()
  try {
    const { status, error } = spawnSync(process.execPath, ['--test', '--test-reporter=dot', ...tests],
      { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, BLESS: list } })
    if (error) throw error
    const compared = new Set(readFileSync(list, 'utf8').split('\n'))
    for (const [name, text] of contents()) {
      if (!compared.has(name)) throw new UserError(`${name}: no test compares it; remove it`)
      if (before.get(name) !== text) console.log(before.has(name) ? `renewed ${name}` : `new ${name}`)
    }
    if (status !== 0) throw new UserError('a test failed besides; npm test says which')
  } finally {
    rmSync(folder, { recursive: true })
  }
})
