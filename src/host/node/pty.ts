// A new pseudo terminal. Node has no call that makes one; util-linux's script(1), which every Linux has,
// does: it runs a child on the new terminal, and copies between that and its own standard input and output.
// The child puts the terminal into raw mode, says its name and keeps it open.
import { spawn } from 'node:child_process'
import { VmError } from '../../base/errors.ts'
import type { HostPty } from '../host.ts'
import { streamOf } from './streams.ts'

const HOLD = 'stty raw -echo; tty; exec sleep 2147483647'

export const nodePty: HostPty = {
  async open() {
    const child = spawn('script', ['-q', '-f', '-e', '-c', HOLD, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    const stop = () => void child.kill()
    process.on('exit', stop)
    const path = await new Promise<string>((resolve, reject) => {
      const fail = (why: string) =>
        reject(new VmError('host.unsupported', `pty: ${why}`, { hint: 'a socket works everywhere' }))
      child.once('error', () => fail('needs the program script (util-linux)'))
      child.once('exit', () => fail('no terminal could be made'))
      let text = ''
      child.stdout.on('data', function listen(bytes: Buffer) {
        text += bytes.toString('latin1')
        const m = /^(.*\/dev\/\S+)\r?\n/.exec(text)
        if (!m) return
        child.stdout.off('data', listen)
        child.stdout.pause()
        resolve(m[1]!)
      })
    })
    child.removeAllListeners('exit')
    const stream = streamOf({
      label: `pty:${path}`, input: child.stdout, output: child.stdin,
      closed: () => {
        process.off('exit', stop)
        stop()
      },
    })
    return { stream, path }
  },
}
