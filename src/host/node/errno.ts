// Node's system errors as the user's: one short reason, without the call that failed.
import { VmError, type VmErrorCode } from '../../base/errors.ts'

const reasons: { readonly [code: string]: { code: VmErrorCode; text: string } } = {
  ENOENT: { code: 'file.notFound', text: 'no such file' },
  ENOTDIR: { code: 'file.notFound', text: 'no such file' },
  EACCES: { code: 'file.denied', text: 'permission denied' },
  EPERM: { code: 'file.denied', text: 'not permitted' },
  EROFS: { code: 'file.denied', text: 'the file system is read-only' },
  EISDIR: { code: 'file.io', text: 'is a directory' },
  ENOSPC: { code: 'file.io', text: 'no space left' },
  EMFILE: { code: 'file.io', text: 'too many open files' },
  EADDRINUSE: { code: 'char.io', text: 'address in use' },
  EADDRNOTAVAIL: { code: 'char.io', text: 'not an address of this host' },
  ECONNREFUSED: { code: 'char.io', text: 'connection refused' },
  ECONNRESET: { code: 'char.io', text: 'connection reset' },
  ENOTFOUND: { code: 'char.io', text: 'no such host' },
  ETIMEDOUT: { code: 'char.io', text: 'no answer' },
}

/** `what`: the path or address as the user wrote it. */
export function systemError(error: unknown, what: string, fallback: VmErrorCode = 'file.io'): VmError {
  if (error instanceof VmError) return error
  const { code, message } = error as NodeJS.ErrnoException
  const known = code === undefined ? undefined : reasons[code]
  return new VmError(known?.code ?? fallback, `${what}: ${known?.text ?? message}`, { cause: error })
}
