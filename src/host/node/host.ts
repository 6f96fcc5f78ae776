// Node as a host.
import type { Host, HostProcess } from '../host.ts'
import { nodeFiles } from './files.ts'
import { nodeImages } from './images.ts'
import { nodeNative } from './native.ts'
import { nodeNet } from './net.ts'
import { nodePty } from './pty.ts'
import { nodeStdio } from './terminal.ts'
import { nodeThreads, nowNs } from './threads.ts'

const nodeProcess: HostProcess = {
  pid: process.pid,
  writeError: line => void process.stderr.write(`${line}\n`),
  writeOutput: text => void process.stdout.write(text),
  onSignal(name, listener) {
    process.on(name, listener)
    return () => void process.off(name, listener)
  },
  onUncaught: listener => void process.on('uncaughtException', listener), // rejections arrive there too
  onExit(listener) {
    process.on('exit', listener)
    return () => void process.off('exit', listener)
  },
  exit(status) {
    nodeStdio.restore()
    process.exit(status)
  },
}

export const nodeHost: Host = {
  name: 'node', files: nodeFiles, images: nodeImages, net: nodeNet, stdio: nodeStdio, pty: nodePty, process: nodeProcess,
  threads: nodeThreads, native: nodeNative, nowNs,
}
