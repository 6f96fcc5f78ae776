// The human monitor: lines in, text out. A session on a character device has a prompt and a line editor;
// `runLine` is the same without (QMP's human-monitor-command, gdb's monitor, the library).
import { VmError } from '../../base/errors.ts'
import type { CharDevice, FrontEnd } from '../char/device.ts'
import { parseLine } from '../commands/arguments.ts'
import type { CommandContext } from '../commands/command.ts'
import { findHmp, helpText, hmpNames } from '../commands/table.ts'
import type { Management } from '../management.ts'
import { versionText } from '../management.ts'
import { lineEditor } from './lineedit.ts'
import { registerScope } from './scope.ts'

export const contextOf = (management: Management, cpu = 0): CommandContext => ({
  ...management, cpu, quitCause: 'host-qmp-quit', examined: { format: 'x', size: 4, next: 0n },
})

/** Runs one line; what it prints comes back. A user's mistake is part of that; a bug is thrown. */
export async function runLine(line: string, ctx: CommandContext): Promise<string> {
  if (line.trim() === '' || line.trimStart().startsWith('#')) return ''
  try {
    const help = /^\s*(?:help|\?)(?:\s+(.+?))?\s*$/.exec(line)
    if (help) return helpText(help[1])
    const { command, rest } = findHmp(line)
    const args = await parseLine(rest, command.args, registerScope(ctx))
    const result = await command.run(ctx, args as never)
    return command.text ? command.text(result, ctx) : typeof result === 'string' ? result : ''
  } catch (error) {
    if (!(error instanceof VmError)) throw error
    return `Error: ${error.message}${error.hint === undefined ? '' : `; ${error.hint}`}\n`
  }
}

/** Words that could stand where the last one of `text` is. */
export function completions(text: string): readonly string[] {
  const words = text.trimStart().split(/\s+/)
  const last = words.at(-1)!
  if (words.length === 1)
    return [...new Set(hmpNames.map(n => n.split(' ')[0]!)), 'help'].filter(n => n.startsWith(last)).sort()
  if (words.length === 2 && (words[0] === 'info' || words[0] === 'help')) {
    const names =
      words[0] === 'info' ? hmpNames.filter(n => n.startsWith('info ')).map(n => n.slice(5)) : hmpNames
    return names.filter(n => n.startsWith(last)).sort()
  }
  return []
}

/** A monitor for whoever is at the other end of `device`. */
export function openMonitor(device: CharDevice, management: Management): void {
  const ctx = contextOf(management)
  const encoder = new TextEncoder()
  const waiting: number[] = []
  let greeted = false, busy = false
  const write = (text: string): void => void link.write(encoder.encode(text.replaceAll(/\r?\n/g, '\r\n')))
  const editor = lineEditor({ prompt: '(typevisor) ', write, complete: completions })

  const user: FrontEnd = {
    label: 'monitor',
    data(bytes) {
      for (const b of bytes) waiting.push(b)
      if (!busy) void pump()
    },
    focus(focused) {
      if (!focused) return write('\n')
      if (!greeted) write(`Typevisor ${versionText} monitor - type 'help' for more information\n`)
      greeted = true
      editor.prompt()
    },
    close() { greeted = false },
  }
  const link = device.attach(user)

  /** Keys up to the end of a line, the command, then what was typed meanwhile: the screen shows them in
   * this order. */
  async function pump(): Promise<void> {
    busy = true
    for (let key; (key = waiting.shift()) !== undefined; ) {
      for (const line of editor.feed(Uint8Array.of(key))) {
        write(await runLine(line, ctx).catch((error: Error) => `${error.stack ?? error.message}\n`))
        editor.prompt()
      }
    }
    busy = false
  }
}
