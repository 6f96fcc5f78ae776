// What the emulator asks of the program it runs in. host/node and host/browser implement it; everything else knows a host
// only through these types. A part that a host cannot offer is absent, and whoever needs it says so to the user.

export type Host = {
  readonly name: 'node' | 'browser'
  readonly files: HostFiles
  readonly images?: HostImages
  readonly net?: HostNet
  /** The terminal, or whatever is behind standard input and output. */
  readonly stdio?: HostStdio
  readonly pty?: HostPty
  readonly process?: HostProcess
  readonly threads?: HostThreads
  /** The operating system's own calls, where they can be had; otherwise why not. Loads what it needs at the first call. */
  native?(): HostNative | NativeMissing
  /** Monotonic time in nanoseconds, the same on all threads. */
  nowNs(): number
}

/** Threads of ours, by the name of what they run (an entry point of the package). */
export type HostThreads = {
  /** Starts `entry` with plain data; the ports among it are handed over. */
  spawn(entry: ThreadEntry, data: unknown, ports: readonly ThreadPort[]): HostThread
  /** Two connected ends, to be handed to threads. */
  channel(): readonly [ThreadPort, ThreadPort]
}
export type ThreadEntry = 'cpu' | 'compile' | 'kvm'
export type HostThread = {
  /** The thread failed: what it threw. */
  onError(listener: (error: unknown) => void): void
  terminate(): Promise<void>
  /** Settles when it has ended, by itself or otherwise. */
  readonly ended: Promise<void>
}
/** One end of a channel between threads. */
export type ThreadPort = {
  post(message: unknown): void
  /** A message that has arrived, without waiting. */
  take(): unknown
  /** Calls back for each message, from this thread's event loop. */
  listen(listener: (message: unknown) => void): void
}

/** Whole files; addresses are paths, or URLs in a browser. Errors are VmError('file.*'), with the path in the message. */
export type HostFiles = {
  read(path: string): Promise<Uint8Array>
  /** The first `length` bytes, fewer if the file is shorter. */
  readStart(path: string, length: number): Promise<Uint8Array>
  readChunks(path: string): AsyncIterable<Uint8Array>
  /** Replaces the file at once, when the last chunk is written; a device or a pipe is written to. */
  writeChunks(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void>
  /** Names in a directory; none if there is no such directory. */
  list(directory: string): Promise<readonly string[]>
  /** Files only: never a directory, a device or a pipe. */
  remove(path: string): Promise<void>
  /** A file that is written to as things happen (a log, a serial port's output). */
  open(path: string, options: { append: boolean }): Promise<ByteStream>
}

/** Disk images: files with random access, for the I/O thread. Calls are complete when they return. */
export type HostImages = {
  /** `lock`: while it is open nobody else writes it, nor, if it is opened for writing, opens it with a lock at all;
   * otherwise VmError('block.inUse'). */
  open(path: string, options: { readonly writable: boolean; readonly lock: boolean }): ImageFile
  /** An empty file without a name, gone when it is closed or the program ends. */
  temporary(): ImageFile
}
/** Failures of an open file are thrown as the host makes them. */
export type ImageFile = {
  sizeBytes(): number
  /** Fills the parts one after the other; the number of bytes, fewer only at the end of the file. */
  read(offset: number, into: readonly Uint8Array[]): number
  write(offset: number, from: readonly Uint8Array[]): void
  /** What was written survives a power failure. */
  sync(): Promise<void>
  truncate(sizeBytes: number): void
  /** Gives back the space of a range, which then reads as zeros. False, and nothing done: not possible here. */
  punch(offset: number, length: number): Promise<boolean>
  close(): void
}

/** A two-way stream of bytes, driven by events on the thread that made it. */
export type ByteStream = {
  /** What the user would call it: `stdio`, `unix:/tmp/x`, `tcp:127.0.0.1:1234`. */
  readonly label: string
  /** Sends. False: the receiver is slow; send no more until `drain`. (These bytes are on their way all the same.) */
  write(bytes: Uint8Array): boolean
  /** Flow control of what arrives. */
  hold(held: boolean): void
  /** Sends what is left and ends the stream. */
  close(): Promise<void>
  listen(to: StreamListeners): void
}
export type StreamListeners = {
  data?(bytes: Uint8Array): void
  drain?(): void
  /** Nothing more will arrive. What is sent may still be read by somebody. */
  end?(): void
  /** The stream is gone, both ways. `error` is absent after an orderly end. */
  close?(error?: Error): void
}

export type NetAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }

export type HostNet = {
  listen(at: NetAddress, onConnection: (stream: ByteStream) => void): Promise<{ label: string; port?: number; close(): Promise<void> }>
  connect(to: NetAddress): Promise<ByteStream>
}

export type HostStdio = {
  readonly inputIsTty: boolean
  readonly outputIsTty: boolean
  /** One stream; a second call is an error of the caller. In raw mode every key arrives at once, without echo; the terminal's
   * mode is put back on every way out of the program. `signals` leaves Ctrl-C and Ctrl-Z to the terminal. */
  open(options: { raw: boolean; signals: boolean }): ByteStream
  /** Puts the terminal back (also done by itself when the program ends). */
  restore(): void
  columns(): number
}

export type HostPty = {
  /** A new pseudo terminal; `path` is what the other program opens. */
  open(): Promise<{ stream: ByteStream; path: string }>
}

export type HostProcess = {
  readonly pid: number
  writeError(line: string): void
  writeOutput(text: string): void
  onSignal(name: 'SIGINT' | 'SIGTERM' | 'SIGHUP', listener: () => void): () => void
  /** What nobody has caught, on this thread: a bug of ours. */
  onUncaught(listener: (error: unknown) => void): void
  /** Called when the program ends, in whatever orderly way: what must be done then, at once. The result ends that. */
  onExit(listener: () => void): () => void
  /** Ends the program when pending output is written. */
  exit(status: number): void
}

/** Calls of Linux that JavaScript has none for. Each that fails answers a negative error number (`-errno`), as the kernel does. */
export type HostNative = {
  readonly missing?: undefined
  /** The processor that programs are for, by Node's name: `x64`, `arm64`. */
  readonly processor: string
  /** Opens for reading and writing; not inherited by other programs. */
  open(path: string): number
  close(fd: number): number
  /** With a plain number, or an address, as its argument. */
  ioctl(fd: number, request: number, argument?: number): number
  /** With a structure, which the call reads or fills. */
  ioctlWith(fd: number, request: number, structure: Uint8Array): number
  /** Maps `length` bytes of `fd` over what is at `address` now, shared, for reading and writing. 0 or an error. */
  mapOver(address: number, length: number, fd: number, offset: number): number
  /** Gives `address` memory of its own again, all zero. 0 or an error. */
  unmapOver(address: number, length: number): number
  /** Where the bytes of a WebAssembly.Memory lie. They must outlive whatever is told the address. */
  addressOf(memory: Uint8Array): number
  /** The number of the thread that asks. */
  threadId(): number
  /** Interrupts the system call that a thread of this program is in. For threads that may be so interrupted: `interruptible`. */
  interrupt(threadId: number): number
  /** From now on `interrupt` has no other effect than that. Once for the whole program. */
  interruptible(): void
  /** Who may open a file: undefined if there is none. `group`: whose members may, by name where it has one. */
  access(path: string): { readonly mayOpen: boolean; readonly group?: string } | undefined
  /** `ENOMEM` of -12. */
  errorName(negative: number): string
}
export type NativeMissing = {
  readonly missing: 'system' | 'package'
  /** In words, for a user. */
  readonly reason: string
}
