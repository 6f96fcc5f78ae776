// TCP and Unix sockets.
import { rm, stat } from 'node:fs/promises'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { VmError } from '../../base/errors.ts'
import type { HostNet, NetAddress } from '../host.ts'
import { systemError } from './errno.ts'
import { duplexStream } from './streams.ts'

const labelOf = (a: NetAddress): string => (a.kind === 'unix' ? `unix:${a.path}` : `tcp:${a.host}:${a.port}`)
const optionsOf = (a: NetAddress) =>
  a.kind === 'unix' ? { path: a.path } : { host: a.host || undefined, port: a.port }

function dial(to: NetAddress): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(optionsOf(to) as { path: string })
    socket.once('error', reject).once('connect', () => {
      socket.off('error', reject)
      resolve(socket)
    })
  })
}

/** A socket file that nobody listens on is left over from an earlier run. */
async function makeRoom(path: string): Promise<void> {
  const info = await stat(path).catch(() => undefined)
  if (!info) {
    // libuv takes a missing directory for a lack of permission.
    await stat(dirname(path)).catch(cause => {
      throw cause.code === 'ENOENT' ? new VmError('file.notFound', `unix:${path}: no such directory`, { cause })
        : systemError(cause, `unix:${path}`, 'char.io')
    })
    return
  }
  if (!info.isSocket()) throw new VmError('char.io', `unix:${path}: the file exists and is no socket`)
  const answered = await dial({ kind: 'unix', path }).then(s => { s.destroy(); return true }, () => false)
  if (answered) throw new VmError('char.io', `unix:${path}: somebody listens there already`)
  await rm(path)
}

/** Of sockaddr_un's path, with the zero at its end: 108 on Linux, 104 on BSD and macOS. */
const PATH_BYTES = process.platform === 'linux' ? 108 : 104

function checkPath(at: NetAddress): void {
  if (at.kind !== 'unix') return
  const bytes = Buffer.byteLength(at.path)
  if (bytes >= PATH_BYTES)
    throw new VmError('char.io', `the path of a socket has at most ${PATH_BYTES - 1} bytes, this one ${bytes}`,
      { hint: 'a directory with a shorter name, or a relative path' })
}

export const nodeNet: HostNet = {
  async listen(at, onConnection) {
    checkPath(at)
    if (at.kind === 'unix') await makeRoom(at.path)
    const server = createServer(socket => {
      socket.setNoDelay(true)
      onConnection(duplexStream(labelOf(at), socket))
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', error => reject(systemError(error, labelOf(at), 'char.io')))
      server.listen(optionsOf(at), resolve)
    })
    server.on('error', () => {}) // a failed accept (too many files): the next one may succeed
    const port = at.kind === 'tcp' ? (server.address() as AddressInfo).port : undefined
    return {
      label: at.kind === 'tcp' ? labelOf({ ...at, port: port! }) : labelOf(at),
      ...(port !== undefined && { port }),
      close: () => new Promise<void>(resolve => server.close(() => resolve())),
    }
  },
  async connect(to) {
    checkPath(to)
    try {
      const socket = await dial(to)
      socket.setNoDelay(true)
      return duplexStream(labelOf(to), socket)
    } catch (error) {
      throw systemError(error, labelOf(to), 'char.io')
    }
  },
}
