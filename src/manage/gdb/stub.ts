// gdb's remote serial protocol, after the manual "Debugging with GDB", appendix "Remote Serial Protocol".
// Threads are processors, numbered from 1; all stop and run together (all-stop mode). Not here: non-stop
// mode, several processes, file transfer, tracepoints, range stepping.
import type { BreakpointKind, DebugStop, MachineControl } from '../../vm/control.ts'
import { fromHex, latin1, toHex } from './packet.ts'

const SIGNAL = { INT: 2, QUIT: 3, TRAP: 5 }
const PACKET_SIZE = 0x4000
const breakpointKinds: readonly BreakpointKind[] = ['software', 'hardware', 'write', 'read', 'access']
/** EFAULT and EINVAL, as gdb expects error numbers. */
const BAD_ADDRESS = 'E0e', BAD_REQUEST = 'E16'

export type StubContext = {
  readonly machine: MachineControl
  /** Sends a packet that answers nothing (a stop reply, console text). */
  send(data: string): void
  /** A line for the monitor; what it prints. */
  monitor(line: string, cpu: number): Promise<string>
  quit(): void
  noAcknowledgements(): void
}

export type Stub = {
  /** The answer; undefined where it comes later as a stop reply. */
  packet(data: string): Promise<string | undefined>
  interrupt(): void
  /** The connection is gone. */
  close(): Promise<void>
}

export function gdbStub(ctx: StubContext): Stub {
  const { machine } = ctx
  const { debug } = machine
  const { registers, annexes, pc, bigEndian } = debug.description
  let generalCpu = 0, runCpu: number | undefined
  let waiting = false // a stop reply is owed
  let lastStop = `S0${SIGNAL.TRAP}`, reportsSwbreak = false, reportsHwbreak = false

  const threadOf = (cpu: number): string => (cpu + 1).toString(16)
  /** -1 stands for all, undefined for no such thread. */
  const cpuOf = (thread: string): number | undefined => {
    const n = thread === '-1' ? -1 : parseInt(thread.replace(/^p[^.]*\./, ''), 16)
    if (n === -1 || n === 0) return -1
    return machine.cpus[n - 1] ? n - 1 : undefined
  }

  const encode = (value: bigint | undefined, bits: number): string => {
    if (value === undefined) return 'x'.repeat(bits / 4)
    const bytes = Uint8Array.from({ length: bits / 8 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn))
    return toHex(bigEndian ? bytes.reverse() : bytes)
  }
  const decode = (text: string): bigint | undefined => {
    const bytes = fromHex(text)
    return (bigEndian ? bytes : bytes?.reverse())?.reduce((v, b) => (v << 8n) | BigInt(b), 0n)
  }

  // ---- stopping ----

  async function stopReply(signal: number, cpu: number, why = ''): Promise<string> {
    generalCpu = cpu
    const spec = registers.find(r => r.number === pc)!
    const at = encode(await debug.readRegister(cpu, pc), spec.bits)
    return `T${signal.toString(16).padStart(2, '0')}${pc.toString(16).padStart(2, '0')}:${at};thread:${threadOf(cpu)};${why}`
  }
  function whyOf(e: DebugStop): string {
    if (e.reason === 'watchpoint') {
      const kind = e.watch === 'read' ? 'rwatch' : e.watch === 'access' ? 'awatch' : 'watch'
      return `${kind}:${(e.address ?? 0n).toString(16)};`
    }
    if (e.reason === 'breakpoint')
      return e.hardware ? (reportsHwbreak ? 'hwbreak:;' : '') : reportsSwbreak ? 'swbreak:;' : ''
    return ''
  }
  async function stopped(signal: number, cpu: number, why?: string): Promise<void> {
    if (!waiting) return
    waiting = false
    lastStop = await stopReply(signal, cpu, why)
    ctx.send(lastStop)
  }
  const unsubscribe = [
    machine.on('debug', e => void stopped(e.reason === 'pause' ? SIGNAL.INT : SIGNAL.TRAP, e.cpu, whyOf(e))),
    machine.on('stop', ({ state }) => {
      if (state !== 'debug' && state !== 'shutdown') void stopped(SIGNAL.INT, generalCpu)
    }),
    machine.on('shutdown', ({ exitCode }) => {
      if (!waiting) return
      waiting = false
      ctx.send(`W${exitCode.toString(16).padStart(2, '0')}`)
    }),
  ]

  // ---- running ----

  async function run(actions: ReadonlyMap<number, 'continue' | 'step'>): Promise<undefined> {
    waiting = true
    if ([...actions.values()].every(a => a === 'continue') && actions.size === machine.cpus.length)
      await machine.resume()
    else await debug.run(actions)
    return undefined
  }
  const everyone = (): Map<number, 'continue' | 'step'> =>
    new Map(machine.cpus.map(c => [c.index, 'continue']))

  async function resumeAt(address: string, action: 'continue' | 'step'): Promise<string | undefined> {
    const cpu = runCpu ?? generalCpu
    if (address !== '') {
      if (!/^[0-9a-f]+$/i.test(address)) return BAD_REQUEST
      await debug.writeRegister(cpu, pc, BigInt(`0x${address}`))
    }
    return run(action === 'continue' ? everyone() : new Map([[cpu, 'step']]))
  }

  /** `;s:1;c` – the first action that names a thread, or all, is that thread's. */
  function vCont(text: string): Promise<undefined> | string {
    const actions = new Map<number, 'continue' | 'step'>()
    for (const part of text.split(';').slice(1)) {
      const m = /^([cs]|[CS][0-9a-f]{2})(?::(.+))?$/i.exec(part)
      if (!m) return BAD_REQUEST
      const action = m[1]![0]!.toLowerCase() === 's' ? 'step' : 'continue'
      const cpu = m[2] === undefined ? -1 : cpuOf(m[2])
      if (cpu === undefined) return BAD_REQUEST
      for (const c of machine.cpus)
        if ((cpu === -1 || cpu === c.index) && !actions.has(c.index)) actions.set(c.index, action)
    }
    return actions.size ? run(actions) : BAD_REQUEST
  }

  // ---- registers and memory ----

  const general = registers.filter(r => r.core)

  async function readAll(): Promise<string> {
    let out = ''
    for (const r of general) out += encode(await debug.readRegister(generalCpu, r.number), r.bits)
    return out
  }
  async function writeAll(text: string): Promise<string> {
    let at = 0
    for (const r of general) {
      const value = decode(text.slice(at, at += r.bits / 4))
      if (value !== undefined) await debug.writeRegister(generalCpu, r.number, value)
    }
    return 'OK'
  }
  async function readOne(text: string): Promise<string> {
    const spec = registers.find(r => r.number === parseInt(text, 16))
    const value = spec && await debug.readRegister(generalCpu, spec.number)
    return value === undefined ? BAD_REQUEST : encode(value, spec!.bits)
  }
  async function writeOne(text: string): Promise<string> {
    const m = /^([0-9a-f]+)=([0-9a-f]+)$/i.exec(text)
    const value = m && decode(m[2]!)
    if (!m || value === undefined || value === null) return BAD_REQUEST
    return await debug.writeRegister(generalCpu, parseInt(m[1]!, 16), value) ? 'OK' : BAD_REQUEST
  }
  async function readMemory(text: string): Promise<string> {
    const m = /^([0-9a-f]+),([0-9a-f]+)$/i.exec(text)
    if (!m) return BAD_REQUEST
    const length = Math.min(parseInt(m[2]!, 16), PACKET_SIZE / 2 - 2)
    const bytes = await debug.readMemory(generalCpu, BigInt(`0x${m[1]}`), length)
    return bytes.length === 0 && length > 0 ? BAD_ADDRESS : toHex(bytes)
  }
  async function writeMemory(
    text: string,
    decodeData: (s: string) => Uint8Array | undefined,
  ): Promise<string> {
    const m = /^([0-9a-f]+),([0-9a-f]+):(.*)$/is.exec(text)
    const data = m && decodeData(m[3]!)
    if (!m || !data || data.length !== parseInt(m[2]!, 16)) return BAD_REQUEST
    return await debug.writeMemory(generalCpu, BigInt(`0x${m[1]}`), data) === data.length ? 'OK' : BAD_ADDRESS
  }
  async function breakpoint(set: boolean, text: string): Promise<string> {
    const m = /^([0-4]),([0-9a-f]+),([0-9a-f]+)/i.exec(text)
    if (!m) return ''
    const args = [breakpointKinds[Number(m[1])]!, BigInt(`0x${m[2]}`), parseInt(m[3]!, 16)] as const
    return await (set ? debug.setBreakpoint(...args) : debug.clearBreakpoint(...args)) ? 'OK' : ''
  }

  // ---- queries ----

  function supported(text: string): string {
    const theirs = text.split(/[:;]/)
    reportsSwbreak = theirs.includes('swbreak+')
    reportsHwbreak = theirs.includes('hwbreak+')
    return `PacketSize=${PACKET_SIZE.toString(16)};qXfer:features:read+;vContSupported+;QStartNoAckMode+;swbreak+;hwbreak+`
  }
  function features(text: string): string {
    const m = /^([^:]+):([0-9a-f]+),([0-9a-f]+)$/i.exec(text)
    const document = m && Object.hasOwn(annexes, m[1]!) ? annexes[m[1]!] : undefined
    if (!m || document === undefined) return 'E00'
    const bytes = String.fromCharCode(...new TextEncoder().encode(document))
    const from = parseInt(m[2]!, 16), length = Math.min(parseInt(m[3]!, 16), PACKET_SIZE / 2)
    return `${from + length < bytes.length ? 'm' : 'l'}${bytes.slice(from, from + length)}`
  }
  async function monitorCommand(hex: string): Promise<string> {
    const line = fromHex(hex)
    if (!line) return BAD_REQUEST
    const bytes = new TextEncoder().encode(await ctx.monitor(new TextDecoder().decode(line), generalCpu))
    for (let i = 0; i < bytes.length; i += PACKET_SIZE / 4)
      ctx.send(`O${toHex(bytes.subarray(i, i + PACKET_SIZE / 4))}`)
    return 'OK'
  }
  async function query(text: string): Promise<string> {
    const m = /^[A-Za-z]+/.exec(text)?.[0]
    const rest = text.slice((m?.length ?? 0) + 1)
    switch (m) {
      case 'Supported': return supported(rest)
      case 'Xfer': return rest.startsWith('features:read:') ? features(rest.slice(14)) : ''
      case 'fThreadInfo': return `m${machine.cpus.map(c => threadOf(c.index)).join(',')}`
      case 'sThreadInfo': return 'l'
      case 'C': return `QC${threadOf(generalCpu)}`
      case 'Attached': return '1'
      case 'Rcmd': return monitorCommand(rest)
      case 'ThreadExtraInfo': {
        const cpu = machine.cpus[cpuOf(rest) ?? -1]
        return cpu ? toHex(latin1(`CPU#${cpu.index} [${cpu.state}]`)) : BAD_REQUEST
      }
      default: return ''
    }
  }

  function selectThread(text: string): string {
    const cpu = cpuOf(text.slice(1))
    if (cpu === undefined) return BAD_REQUEST
    if (text[0] === 'g') generalCpu = cpu === -1 ? generalCpu : cpu
    else if (text[0] === 'c') runCpu = cpu === -1 ? undefined : cpu
    else return ''
    return 'OK'
  }

  async function detach(): Promise<void> {
    waiting = false
    await debug.clearBreakpoints()
    if (machine.state === 'paused' || machine.state === 'debug' || machine.state === 'prelaunch')
      await machine.resume()
  }

  return {
    async packet(data) {
      const rest = data.slice(1)
      switch (data[0]) {
        case '?':
          return (lastStop = await stopReply(
            machine.state === 'shutdown' ? SIGNAL.QUIT : SIGNAL.TRAP,
            generalCpu,
          ))
        case 'q':
          return query(rest)
        case 'Q':
          if (data !== 'QStartNoAckMode') return ''
          queueMicrotask(ctx.noAcknowledgements)
          return 'OK'
        case 'H': return selectThread(rest)
        case 'T': return (cpuOf(rest) ?? -1) >= 0 ? 'OK' : BAD_REQUEST
        case 'g': return readAll()
        case 'G': return writeAll(rest)
        case 'p': return readOne(rest)
        case 'P': return writeOne(rest)
        case 'm': return readMemory(rest)
        case 'M': return writeMemory(rest, fromHex)
        case 'X': return writeMemory(rest, latin1)
        case 'c': return resumeAt(rest, 'continue')
        case 's': return resumeAt(rest, 'step')
        case 'C': return resumeAt(rest.split(';')[1] ?? '', 'continue')
        case 'S': return resumeAt(rest.split(';')[1] ?? '', 'step')
        case 'v':
          if (data === 'vCont?') return 'vCont;c;C;s;S'
          if (data.startsWith('vCont;')) return vCont(rest.slice(4))
          if (data.startsWith('vKill')) {
            ctx.quit()
            return 'OK'
          }
          return ''
        case 'Z': return breakpoint(true, rest)
        case 'z': return breakpoint(false, rest)
        case 'D':
          await detach()
          return 'OK'
        case 'k':
          ctx.quit()
          return undefined
        default: return ''
      }
    },
    interrupt() {
      if (waiting) void machine.pause()
    },
    async close() {
      waiting = false
      for (const off of unsubscribe) off()
      await debug.clearBreakpoints()
    },
  }
}
