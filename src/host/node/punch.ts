// Holes in files. Node has no call for them; on Linux the program fallocate(1) makes them in the file behind the
// descriptor that it inherits.
import { spawn } from 'node:child_process'

export type Puncher = {
  /** Resolves with false, and does nothing, if the file system or the host has no holes. */
  punch(offset: number, length: number): Promise<boolean>
  /** Before the descriptor is closed: its number may be another file's next. */
  end(): void
}

export function puncherOf(fd: number): Puncher {
  let open = process.platform === 'linux'
  /** One after the other: a guest that trims a disk asks for thousands. */
  let last: Promise<unknown> = Promise.resolve()
  return {
    punch(offset, length) {
      const turn = last.then(() => open && fallocate(fd, offset, length))
      last = turn.catch(() => {})
      return turn
    },
    end() { open = false },
  }
}

const fallocate = (fd: number, offset: number, length: number): Promise<boolean> => new Promise((resolve, reject) => {
  const args = ['--punch-hole', '--offset', String(offset), '--length', String(length), '/proc/self/fd/3']
  const child = spawn('fallocate', args, { stdio: ['ignore', 'ignore', 'pipe', fd] })
  let trouble = ''
  child.stderr!.on('data', (text: Buffer) => { trouble += text.toString('latin1') })
  child.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? resolve(false) : reject(error)))
  child.on('close', status => {
    if (status === 0) resolve(true)
    else if (/not supported/i.test(trouble)) resolve(false)
    else reject(new Error(trouble.trim() || `fallocate ended with ${status}`))
  })
})
