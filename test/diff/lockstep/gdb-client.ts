// The client's half of gdb's remote protocol, over a Unix socket: packets may be sent together, and are answered in order.
import { createConnection, type Socket } from 'node:net'

export type GdbClient = {
  /** Sends packets at once; their answers. */
  ask(...packets: readonly string[]): Promise<string[]>
  close(): void
}

const CONNECT_MS = 20_000

export async function connectGdb(path: string): Promise<GdbClient> {
  const socket = await connect(path)
  const answers: string[] = []
  let text = '', failure: Error | undefined, wake = () => {}
  socket.setEncoding('latin1')
  socket.on('data', (piece: string) => {
    text += piece
    let end: number
    while ((end = text.indexOf('#')) >= 0 && text.length >= end + 3) {
      answers.push(expand(text.slice(text.indexOf('$') + 1, end)))
      text = text.slice(end + 3)
    }
    wake()
  })
  const over = (error?: Error) => {
    failure = error ?? new Error('the other side ended')
    wake()
  }
  socket.on('error', over)
  socket.on('close', () => over())

  const client: GdbClient = {
    async ask(...packets) {
      answers.length = 0
      socket.write(packets.map(framed).join(''), 'latin1')
      while (answers.length < packets.length) {
        if (failure) throw failure
        await new Promise<void>(resolve => { wake = resolve })
      }
      return answers.splice(0, packets.length)
    },
    close: () => socket.destroy(),
  }
  await client.ask('QStartNoAckMode')
  return client
}

function framed(packet: string): string {
  let sum = 0
  for (let i = 0; i < packet.length; i++) sum = (sum + packet.charCodeAt(i)) & 0xff
  return `$${packet}#${sum.toString(16).padStart(2, '0')}`
}

/** Run-length encoding: `x*N` is x and N - 29 more of it. Escapes: `}` and a character with bit 5 turned. */
const expand = (packet: string): string =>
  packet.replace(/(.)\*(.)/gs, (_, c: string, n: string) => c.repeat(n.charCodeAt(0) - 28))
    .replace(/\}(.)/gs, (_, c: string) => String.fromCharCode(c.charCodeAt(0) ^ 0x20))

async function connect(path: string): Promise<Socket> {
  for (const start = Date.now(); ;) {
    try {
      return await new Promise<Socket>((resolve, reject) => {
        const s = createConnection(path)
        s.once('connect', () => resolve(s))
        s.once('error', reject)
      })
    } catch (error) {
      if (Date.now() - start > CONNECT_MS) throw error
      await new Promise(resolve => setTimeout(resolve, 20)) // who listens there is still starting
    }
  }
}
