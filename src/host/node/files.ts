// Whole files by path.
import { constants, createReadStream, createWriteStream } from 'node:fs'
import { type FileHandle, lstat, open, readdir, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import type { HostFiles } from '../host.ts'
import { VmError } from '../../base/errors.ts'
import { systemError } from './errno.ts'
import { streamOf } from './streams.ts'

/** Runs a file operation; its failure becomes one short line. */
async function on<T>(path: string, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation()
  } catch (error) {
    throw systemError(error, path)
  }
}

/** As `on`, for an operation that may make the file: what is missing then is the directory. */
const creating = <T>(path: string, operation: () => Promise<T>): Promise<T> => on(path, () =>
  operation().catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ENOENT' ? new VmError('file.notFound', `${path}: no such directory`, { cause: error }) : error
  }))

/** Follows links where the file exists: a link stays one when what it points at is replaced. */
const targetOf = (path: string): Promise<string> => realpath(path).catch(() => path)

async function writeAll(path: string, handle: FileHandle, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of chunks) await on(path, () => handle.writeFile(chunk))
}

/** A device, a pipe or a directory: nothing that a new file could take the place of. */
async function writeInPlace(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const handle = await on(path, () => open(path, constants.O_WRONLY))
  try {
    await writeAll(path, handle, chunks)
  } finally {
    await handle.close()
  }
}

/** The new contents get their name when they are complete; until then the old file is untouched. */
async function replaceFile(path: string, mode: number | undefined, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const target = await targetOf(path), temporary = `${target}.new${process.pid}`
  const handle = await creating(path, () => open(temporary, 'w'))
  try {
    if (mode !== undefined) await on(path, () => handle.chmod(mode & 0o7777))
    await writeAll(path, handle, chunks)
    await on(path, () => handle.sync())
    await handle.close()
    await on(path, () => rename(temporary, target))
  } catch (error) {
    await handle.close()
    await rm(temporary, { force: true })
    throw error
  }
}

export const nodeFiles: HostFiles = {
  read: path => on(path, async () => {
    const { buffer, byteOffset, length } = await readFile(path)
    return new Uint8Array(buffer, byteOffset, length)
  }),
  readStart: (path, length) => on(path, async () => {
    const handle = await open(path)
    try {
      const bytes = new Uint8Array(length)
      const { bytesRead } = await handle.read(bytes, 0, length, 0)
      return bytes.subarray(0, bytesRead)
    } finally {
      await handle.close()
    }
  }),
  async *readChunks(path) {
    try {
      for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) yield chunk as Uint8Array
    } catch (error) {
      throw systemError(error, path)
    }
  },
  async writeChunks(path, chunks) {
    const old = await stat(path).catch(() => undefined)
    await (old && !old.isFile() ? writeInPlace(path, chunks) : replaceFile(path, old?.mode, chunks))
  },
  async list(directory) {
    try {
      return await readdir(directory)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw systemError(error, directory)
    }
  },
  remove: path => on(path, async () => {
    const info = await lstat(path)
    if (!info.isFile() && !info.isSymbolicLink()) throw new VmError('file.io', `${path}: is no file`)
    await rm(path)
  }),
  async open(path, { append }) {
    const info = await stat(path).catch(() => undefined)
    const file = createWriteStream(path, { flags: append || info?.isFIFO() ? 'a' : 'w' })
    await creating(
      path,
      () => new Promise<void>((resolve, reject) => file.once('open', () => resolve()).once('error', reject)),
    )
    return streamOf({ label: `file:${path}`, output: file, explain: error => systemError(error, path) })
  },
}
