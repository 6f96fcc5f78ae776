// Whole files by path.
import { createReadStream, createWriteStream } from 'node:fs'
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import type { HostFiles } from '../host.ts'
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
    const temporary = `${path}.new${process.pid}`
    const handle = await on(path, () => open(temporary, 'w'))
    try {
      for await (const chunk of chunks) await on(path, () => handle.writeFile(chunk))
      await on(path, () => handle.sync())
      await handle.close()
      await on(path, () => rename(temporary, path))
    } catch (error) {
      await handle.close()
      await rm(temporary, { force: true })
      throw error
    }
  },
  async list(directory) {
    try {
      return await readdir(directory)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw systemError(error, directory)
    }
  },
  remove: path => on(path, () => rm(path)),
  async open(path, { append }) {
    const info = await stat(path).catch(() => undefined)
    const file = createWriteStream(path, { flags: append || info?.isFIFO() ? 'a' : 'w' })
    await on(
      path,
      () => new Promise<void>((resolve, reject) => file.once('open', () => resolve()).once('error', reject)),
    )
    return streamOf({ label: `file:${path}`, output: file })
  },
}
