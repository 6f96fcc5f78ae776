// The reference of command-line options, from their table.
import { optionsMarkdown } from '../../src/manage/cli/help.ts'

export const file = 'docs/options.md'
export const generate = optionsMarkdown
