// gdb on a character device: the machine stops when gdb comes, and packets are answered one after the other.
import { VmError } from '../../base/errors.ts'
import type { CharDevice, FrontEnd } from '../char/device.ts'
import type { Management } from '../management.ts'
import { contextOf, runLine } from '../monitor/monitor.ts'
import { packetOf, packetParser } from './packet.ts'
import { gdbStub, type Stub } from './stub.ts'

/** The result ends it: the device is free again. */
export function openGdb(device: CharDevice, management: Management): () => void {
  const { machine } = management
  let stub: Stub | undefined, parser: ReturnType<typeof packetParser> | undefined
  let busy: Promise<void> = Promise.resolve(), last: Uint8Array | undefined

  const raw = (text: string): void => void link.write(Uint8Array.from(text, c => c.charCodeAt(0)))
  const send = (data: string): void => {
    last = packetOf(data)
    link.write(last)
  }

  const user: FrontEnd = {
    label: 'gdb',
    open() {
      busy = busy.then(() => machine.pause())
      const mine = stub = gdbStub({
        machine, send,
        monitor: (line, cpu) => runLine(line, contextOf(management, cpu)),
        quit: () => management.quit('host-ui'),
        noAcknowledgements() { if (parser) parser.acknowledgements = false },
      })
      parser = packetParser({
        packet: data => {
          busy = busy.then(async () => {
            const answer = await mine.packet(data).catch((error: Error) => {
              if (!(error instanceof VmError)) report(error)
              return 'E01'
            })
            if (answer !== undefined && stub === mine) send(answer)
          })
        },
        interrupt: () => { busy = busy.then(() => mine.interrupt()) },
        again: () => { if (last) link.write(last) },
        acknowledge: good => raw(good ? '+' : '-'),
      })
    },
    data: bytes => parser?.feed(bytes),
    close() {
      const left = stub
      stub = parser = undefined
      busy = busy.then(() => left?.close())
    },
  }
  const link = device.attach(user)
  /** A bug of ours must not take the machine along, but be seen. */
  const report = (error: Error): void => management.host.process?.writeError(error.stack ?? error.message)
  return () => {
    user.close!()
    link.detach()
  }
}
