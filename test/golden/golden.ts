// Golden text: what a generator makes, kept in a file beside its source, so that a change is seen in review.
// `npm run bless` renews the files; it sets BLESS to the path of a list, to which each file that was looked at is added.
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CONTEXT = 3, MOST = 40

/** Lines of both texts around where they first differ, each with a mark as diff(1) puts it. */
export function shortDiff(kept: string, made: string): string {
  const a = kept.split('\n'), b = made.split('\n')
  let from = 0, same = 0
  while (from < a.length && from < b.length && a[from] === b[from]) from++
  while (same < a.length - from && same < b.length - from && a.at(-1 - same) === b.at(-1 - same)) same++
  const part = (lines: readonly string[], mark: string) => {
    const some = lines.slice(from, lines.length - same), cut = some.length - MOST
    return [...some.slice(0, MOST).map(l => mark + l), ...cut > 0 ? [`${mark}... ${cut} more`] : []]
  }
  const before = a.slice(Math.max(0, from - CONTEXT), from), after = a.slice(a.length - same).slice(0, CONTEXT)
  return [`line ${from + 1}:`, ...before.map(l => ` ${l}`), ...part(a, '-'), ...part(b, '+'), ...after.map(l => ` ${l}`)].join('\n')
}

/** Compares `text` with the file, or makes it the file's content when blessing. */
export function golden(file: URL, text: string, blessed = process.env['BLESS']): void {
  const path = fileURLToPath(file), name = relative(ROOT, path)
  const kept = existsSync(path) ? readFileSync(path, 'utf8') : undefined
  if (blessed) {
    appendFileSync(blessed, `${name}\n`)
    if (kept !== text) writeFileSync(path, text)
    return
  }
  if (kept === text) return
  const what = kept === undefined ? 'does not exist' : `is not what is made now, ${shortDiff(kept, text)}`
  throw new Error(`${name} ${what}\nIf that is meant: npm run bless, and look at the difference.`)
}
