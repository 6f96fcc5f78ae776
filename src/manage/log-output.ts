// Where log lines go: a file or standard error. Lines are gathered while the machine hands them over, and written together;
// when the file is slow, the machine is asked to hold them back.
import type { ByteStream, Host } from '../host/host.ts'
import type { MachineControl } from '../vm/control.ts'
import { tellFailure } from './char/backend.ts'

/** Gathered at most. */
const CHUNK_CHARACTERS = 1 << 16

export type LogOutput = {
  /** To this file from now on; undefined: to standard error. */
  setFile(path: string | undefined): Promise<void>
  close(): Promise<void>
}

/** `note` is told when a file fails; standard error serves then. */
export function logOutput(machine: MachineControl, host: Host, note: (line: string) => void): LogOutput {
  const encoder = new TextEncoder()
  let file: ByteStream | undefined, lines: string[] = [], characters = 0, soon = false

  function flush(): void {
    soon = false
    if (lines.length === 0) return
    const text = lines.join('\n')
    lines = []
    characters = 0
    if (!file) host.process?.writeError(text)
    else if (!file.write(encoder.encode(`${text}\n`))) machine.holdLog(true)
  }
  async function leave(): Promise<void> {
    flush()
    const old = file
    file = undefined
    await old?.close()
  }

  machine.on('log', ({ source, text }) => {
    const line = source === '' ? text : `${source}: ${text}`
    lines.push(line)
    characters += line.length
    if (characters > CHUNK_CHARACTERS) flush()
    else if (!soon) {
      soon = true
      queueMicrotask(flush)
    }
  })
  // What came before a stop or a failure is there when that is reported.
  machine.on('stop', flush)
  machine.on('error', flush)

  return {
    async setFile(path) {
      await leave()
      machine.holdLog(false)
      if (path === undefined) return
      const opened = await host.files.open(path, { append: false })
      opened.listen({
        drain: () => machine.holdLog(false),
        close(error) {
          if (file !== opened) return
          file = undefined
          tellFailure(error, note)
          machine.holdLog(false)
        },
      })
      file = opened
    },
    close: leave,
  }
}
