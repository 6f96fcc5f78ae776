// Files that are made from tables in the code: `npm run generate` writes them, `--check` compares them with what is
// there. A file scripts/generate/NAME.ts makes one: it exports `file`, a path in the project, and `generate`.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

interface Generator {
  readonly file: string
  generate(): string | Promise<string>
}

const ROOT = join(import.meta.dirname, '..')
const check = process.argv.includes('--check')

for (const name of readdirSync(join(import.meta.dirname, 'generate')).filter((each) => each.endsWith('.ts'))) {
  const { file, generate } = (await import(`./generate/${name}`)) as Generator
  const path = join(ROOT, file)
  const text = await generate()
  if (existsSync(path) && readFileSync(path, 'utf8') === text) continue
  if (check) {
    console.error(`${file}: is not what scripts/generate/${name} makes; run npm run generate`)
    process.exitCode = 1
  } else {
    writeFileSync(path, text)
    console.log(file)
  }
}
