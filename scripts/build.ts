// Makes dist/, the JavaScript and declarations that are published: Node strips types from no file in node_modules.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')

/** False if it does not compile: the compiler has said why. */
export function build(folder: string): boolean {
  rmSync(folder, { recursive: true, force: true })
  const { status, error } = spawnSync('tsc', ['-p', 'tsconfig.build.json', '--outDir', folder], { cwd: ROOT, stdio: 'inherit' })
  if (error) throw error
  if (status !== 0) return false
  // The compiler rewrites the extension in imports, not in the addresses of workers.
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.js')) continue
    const file = join(folder, name)
    const text = readFileSync(file, 'utf8')
    const rewritten = text.replace(/(new URL\('\.[^']+)\.ts(', import\.meta\.url\))/g, '$1.js$2')
    if (rewritten !== text) writeFileSync(file, rewritten)
  }
  return true
}

if (import.meta.main && !build(join(ROOT, 'dist'))) process.exitCode = 1
