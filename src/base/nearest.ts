// "Did you mean …?": the known name that is fewest edits away.

/** The best of `names`, if it is close enough to be what was meant. */
export function nearest(typed: string, names: Iterable<string>): string | undefined {
  let best: string | undefined, least = Math.max(1, Math.floor(typed.length / 3)) + 1
  for (const name of names) {
    const d = distance(typed.toLowerCase(), name.toLowerCase())
    if (d < least) [best, least] = [name, d]
  }
  return best
}

/** Edits (insert, delete, replace, swap neighbours) from one text to another. */
export function distance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => Array.from({ length: b.length + 1 }, (_, j) => (i === 0 ? j : i)))
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++) {
      const row = rows[i]!, above = rows[i - 1]!
      row[j] = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j]!, rows[i - 2]![j - 2]! + 1)
    }
  return rows[a.length]![b.length]!
}

/** The hint of an error about an unknown name: the nearest one, or all if they are few, or where they are listed. */
export function suggest(typed: string, names: readonly string[], listedBy?: string): string {
  const best = nearest(typed, names)
  if (best !== undefined) return `did you mean '${best}'?`
  if (listedBy !== undefined && (names.length === 0 || names.length > 5)) return `${listedBy} lists them`
  return names.length ? `one of: ${names.join(', ')}` : 'there are none'
}
