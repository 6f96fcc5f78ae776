// Parts of a page that are written by a program: what stands between `<!-- NAME -->` and `<!-- end NAME -->`.

/** The page with other text in one of its sections. Throws when the page has no such section. */
export function replaceSection(page: string, name: string, text: string): string {
  const begin = `<!-- ${name} -->\n`, end = `<!-- end ${name} -->`
  const from = page.indexOf(begin), to = page.indexOf(end, from)
  if (from < 0 || to < 0) throw new Error(`the page has no section ${name}`)
  return page.slice(0, from + begin.length) + text.trimEnd() + '\n' + page.slice(to)
}
