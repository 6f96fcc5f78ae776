// Advisory locks on open files, which the kernel releases when the program ends, however it ends. Node has no
// call for them. On Linux the program flock(1) locks the descriptor that it inherits: the lock belongs to the
// open file, not to that program. macOS and Windows lock while opening. A lock file beside the image would
// survive a crash, and could not be told from a live one across containers.
import { spawnSync } from 'node:child_process'
import { VmError } from '../../base/errors.ts'

const BSD = { SHLOCK: 0x10, EXLOCK: 0x20, NONBLOCK: 0x4 }
const WINDOWS_EXLOCK = 0x10000000

/** What to add to the flags of `open`. */
export function lockFlags(exclusive: boolean): number {
  switch (process.platform) {
    case 'darwin':
    case 'freebsd':
    case 'openbsd':
      return (exclusive ? BSD.EXLOCK : BSD.SHLOCK) | BSD.NONBLOCK
    case 'win32':
      return exclusive ? WINDOWS_EXLOCK : 0
    default:
      return 0
  }
}

/**
 * Locks an open file, for this program alone or for readers; false if somebody else's lock is in the way.
 * Where there is no flock(1), files stay unlocked.
 */
export function lockFile(fd: number, exclusive: boolean): boolean {
  if (process.platform !== 'linux') return true
  const { error, status, stderr } = spawnSync('flock', ['-n', exclusive ? '-x' : '-s', '3'], {
    stdio: ['ignore', 'ignore', 'pipe', fd],
  })
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') return true
  if (error) throw error
  if (status === 0) return true
  if (status === 1 && !stderr.length) return false
  throw new VmError('file.io', `locking failed: ${stderr.toString().trim()}`, {
    hint: 'file.locking=off opens the image without a lock',
  })
}
