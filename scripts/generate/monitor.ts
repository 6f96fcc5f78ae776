// The reference of monitor and QMP commands, from their table.
import { commandsMarkdown } from '../../src/manage/commands/markdown.ts'

export const file = 'docs/monitor.md'
export const generate = commandsMarkdown
