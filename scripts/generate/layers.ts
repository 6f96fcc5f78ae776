// The table of src/README.md, from the table that the layer check goes by.
import { ROOMS } from '../check-layers.ts'

export const file = 'src/README.md'

const code = (name: string): string => `\`${name}\``

export const generate = (): string => [
  '# The rooms of src',
  '',
  'Made by `npm run generate` from the table in `scripts/check-layers.ts`; `npm run check` holds the code to it.',
  'Each folder has a README that says what belongs there.',
  '',
  '| room | may import | besides |',
  '|---|---|---|',
  ...Object.entries(ROOMS).map(([room, { may, apart, host }]) => {
    const notes = [apart && 'its sub-folders never import each other', host && 'Node or the page, packages']
    return `| ${code(room)} | ${may.map(code).join(', ') || '–'} | ${notes.filter(Boolean).join('; ')} |`
  }),
  '',
  'A file lies in every room whose name its path begins with, and may import what any of them may. Files directly in',
  '`src` are the package\'s entry points and put everything together. Tests may import Node\'s modules,',
  '`host/node` and `test`.',
  '',
].join('\n')
