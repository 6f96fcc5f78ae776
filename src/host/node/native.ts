// Calls of Linux through the package koffi, which is optional: without it the program has everything but what needs them.
// Fixed prototypes of variadic functions: they are declared once, and cost less per call (130 ns against 180).
import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { getSystemErrorName } from 'node:util'
import type { HostNative, NativeMissing } from '../host.ts'

/** What is used of koffi. */
type Koffi = {
  load(library: null): { func(name: string, result: string, parameters: readonly string[]): (...args: never[]) => number }
  errno(): number
  address(of: unknown): bigint
}

// asm-generic/fcntl.h, asm-generic/mman.h, bits/sigaction.h; the same on x86-64, arm64 and riscv64.
const O_RDWR = 2, O_CLOEXEC = 0x80000
const PROT_READ_WRITE = 3, MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_FIXED = 0x10, MAP_ANONYMOUS = 0x20, MAP_NORESERVE = 0x4000
const SA_RESTART = 0x10000000, SIGACTION_BYTES = 152
/** A real-time signal that neither Node nor the C library uses. */
const SIGNAL = 40

let made: HostNative | NativeMissing | undefined
export const nodeNative = (): HostNative | NativeMissing => (made ??= make())

function make(): HostNative | NativeMissing {
  if (process.platform !== 'linux') return { missing: 'system', reason: `not on ${process.platform}: it needs Linux` }
  const koffi = load()
  return 'missing' in koffi ? koffi : bind(koffi)
}

function load(): Koffi | NativeMissing {
  try {
    return createRequire(import.meta.url)('koffi') as Koffi
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === 'MODULE_NOT_FOUND' ? 'is not installed' : `does not load here (${message.split('\n')[0]})`
    return { missing: 'package', reason: `the optional package koffi ${why}` }
  }
}

function bind(koffi: Koffi): HostNative {
  const libc = koffi.load(null)
  const call = <F extends (...args: never[]) => unknown>(name: string, result: string, ...parameters: string[]) =>
    libc.func(name, result, parameters) as unknown as F
  const open = call<(path: string, flags: number) => number>('open', 'int', 'str', 'int')
  const close = call<(fd: number) => number>('close', 'int', 'int')
  const ioctl = call<(fd: number, request: number, argument: number) => number>('ioctl', 'int', 'int', 'ulong', 'uintptr_t')
  const ioctlWith = call<(fd: number, request: number, structure: Uint8Array) => number>('ioctl', 'int', 'int', 'ulong', 'void *')
  const mmap = call<(at: number, length: number, protection: number, flags: number, fd: number, offset: number) => number | bigint>(
    'mmap', 'intptr_t', 'uintptr_t', 'size_t', 'int', 'int', 'int', 'intptr_t')
  const gettid = call<() => number>('gettid', 'int')
  const tgkill = call<(process: number, thread: number, signal: number) => number>('tgkill', 'int', 'int', 'int', 'int')
  const dlsym = call<(library: null, name: string) => unknown>('dlsym', 'void *', 'void *', 'str')
  const sigaction = call<(signal: number, action: Uint8Array, old: null) => number>('sigaction', 'int', 'int', 'void *', 'void *')
  const failing = (result: number): number => (result === -1 ? -koffi.errno() : result)
  const map = (address: number, length: number, flags: number, fd: number, offset: number): number =>
    Number(mmap(address, length, PROT_READ_WRITE, flags | MAP_FIXED, fd, offset)) === address ? 0 : -koffi.errno()
  return {
    processor: process.arch,
    open: path => failing(open(path, O_RDWR | O_CLOEXEC)),
    close: fd => failing(close(fd)),
    ioctl: (fd, request, argument = 0) => failing(ioctl(fd, request, argument)),
    ioctlWith: (fd, request, structure) => failing(ioctlWith(fd, request, structure)),
    mapOver: (address, length, fd, offset) => map(address, length, MAP_SHARED, fd, offset),
    unmapOver: (address, length) => map(address, length, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
    addressOf: memory => Number(koffi.address(memory)),
    threadId: () => gettid(),
    interrupt: threadId => failing(tgkill(process.pid, threadId, SIGNAL)),
    interruptible() {
      // The handler is a function without effects: the signal is only there to end a system call.
      const action = new Uint8Array(SIGACTION_BYTES), view = new DataView(action.buffer)
      view.setBigUint64(0, koffi.address(dlsym(null, 'abs')), true)
      view.setInt32(136, SA_RESTART, true)
      const failed = failing(sigaction(SIGNAL, action, null))
      if (failed < 0) throw new Error(`sigaction: ${getSystemErrorName(failed)}`)
    },
    access,
    errorName: negative => getSystemErrorName(negative),
  }
}

function access(path: string): ReturnType<HostNative['access']> {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) return undefined
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    return { mayOpen: true }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error
    const open = (stat.mode & 0o060) === 0o060
    return { mayOpen: false, ...(open && { group: groupName(stat.gid) }) }
  }
}

function groupName(gid: number): string {
  try {
    const line = readFileSync('/etc/group', 'utf8').split('\n').find(each => each.split(':')[2] === String(gid))
    return line?.split(':')[0] ?? String(gid)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === undefined) throw error
    return String(gid)
  }
}
