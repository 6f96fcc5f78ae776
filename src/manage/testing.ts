// A machine for tests of management: real run states, events, memory, breakpoints and stepping; a processor
// that only counts. Each instruction adds 4 to pc (wrapping within 256 bytes from RAM's start), and 1 to t0
// and to the processor's own word in RAM.
import { VmError } from '../base/errors.ts'
import type { Host, HostFiles } from '../host/host.ts'
import type {
  BreakpointKind,
  Catalogue,
  CharEnd,
  CpuControl,
  DebugRegister,
  DebugStop,
  MachineControl,
  MachineEvent,
  MachineEvents,
  Picture,
  RunAction,
  RunState,
} from '../vm/control.ts'
import { SNAPSHOT_MAGIC } from '../vm/control.ts'

export const RAM = 0x8000_0000, RAM_BYTES = 0x1_0000, LOOP_BYTES = 0x100, COUNTERS = RAM + 0x1000
const T0 = 5, PC = 32
/** What the processor claims to execute: gdb steps by looking at the code. `addi zero, zero, 0`, and `jal
 * zero, -252` at the end. */
const NOP = 0x0000_0013, JUMP_BACK = 0xf05f_f06f

const registers: readonly DebugRegister[] = [
  ...[
    'zero',
    'ra',
    'sp',
    'gp',
    'tp',
    't0',
    't1',
    't2',
    'fp',
    's1',
    'a0',
    'a1',
    'a2',
    'a3',
    'a4',
    'a5',
    'a6',
    'a7',
    's2',
    's3',
    's4',
    's5',
    's6',
    's7',
    's8',
    's9',
    's10',
    's11',
    't3',
    't4',
    't5',
    't6',
    'pc',
  ].map((name, number) => ({ name, number, bits: 64, core: true })),
  { name: 'mscratch', number: 65 + 0x340, bits: 64, core: false },
]
const annexes = {
  'target.xml':
    '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target><architecture>riscv:rv64</architecture>' +
    '<xi:include href="cpu.xml"/><xi:include href="csr.xml"/></target>',
  'cpu.xml': `<?xml version="1.0"?><!DOCTYPE feature SYSTEM "gdb-target.dtd"><feature name="org.gnu.gdb.riscv.cpu">${registers
    .filter(r => r.core)
    .map(r => `<reg name="${r.name}" bitsize="64" type="int" regnum="${r.number}"/>`)
    .join('')}</feature>`,
  'csr.xml':
    '<?xml version="1.0"?><!DOCTYPE feature SYSTEM "gdb-target.dtd"><feature name="org.gnu.gdb.riscv.csr">' +
    `<reg name="mscratch" bitsize="64" type="int" regnum="${65 + 0x340}"/></feature>`,
}

/** What its display shows: red, green; blue, white. */
export const PICTURE: Picture = {
  width: 2, height: 2, pixels: Uint32Array.of(0xff0000ff, 0xff00ff00, 0xffff0000, 0xffffffff),
}

export type FakeMachine = MachineControl & {
  /** What management did, in order. */
  readonly calls: string[]
  readonly serial: FakeSerial
  emit<E extends MachineEvent>(event: E, e: MachineEvents[E]): void
  readonly memory: Uint8Array
}
export type FakeSerial = CharEnd & {
  /** The guest prints. */
  print(text: string): void
  /** What the guest has read. */
  readonly received: string
  /** Bytes the guest has room for. */
  room: number
  readonly connected: boolean
}

export function fakeSerial(device = 'serial0', chardev: string | undefined = 'serial0'): FakeSerial {
  let out: number[] = [], received = '', connected = false, room = Infinity
  let changed = () => {}
  return {
    device, chardev,
    take: () => Uint8Array.from(out.splice(0)),
    give(input) {
      const n = Math.min(room, input.length)
      received += new TextDecoder('latin1').decode(input.subarray(0, n))
      room -= n
      return n
    },
    connect(is) { connected = is },
    onChange(listener) { changed = listener },
    print(text) {
      out.push(...new TextEncoder().encode(text))
      changed()
    },
    get received() { return received },
    get room() { return room },
    set room(n) {
      room = n
      changed()
    },
    get connected() { return connected },
  }
}

export function fakeMachine(
  options: { cpus?: number; powerButton?: boolean; serial?: FakeSerial } = {},
): FakeMachine {
  const calls: string[] = [],
    memory = new Uint8Array(RAM_BYTES),
    view = new DataView(memory.buffer)
  for (let at = 0; at < LOOP_BYTES - 4; at += 4) view.setUint32(at, NOP, true)
  view.setUint32(LOOP_BYTES - 4, JUMP_BACK, true)
  const listeners = new Map<MachineEvent, Set<(e: any) => void>>()
  const harts = Array.from({ length: options.cpus ?? 1 }, (_, index) => {
    const values = new Map<number, bigint>(registers.map(r => [r.number, 0n]))
    values.set(PC, BigInt(RAM))
    values.set(10, BigInt(index)) // a0, as firmware has it
    return values
  })
  const breakpoints = new Map<string, { kind: BreakpointKind; at: bigint; length: number }>()
  const serial = options.serial ?? fakeSerial()
  let state: RunState = 'prelaunch', timer: ReturnType<typeof setImmediate> | undefined, traced = false
  let plan: ReadonlyMap<number, RunAction> = new Map()

  const emit = <E extends MachineEvent>(event: E, e: MachineEvents[E]) => {
    for (const l of [...(listeners.get(event) ?? [])]) l(e)
  }
  function halt(to: RunState): void {
    clearImmediate(timer)
    if (state === to) return
    const ran = state === 'running'
    state = to
    if (ran) emit('stop', { state: to })
  }
  function hit(e: DebugStop): void {
    halt('debug')
    emit('debug', e)
  }
  const breakpointAt = (pc: bigint) =>
    [...breakpoints.values()].find(b => (b.kind === 'software' || b.kind === 'hardware') && b.at === pc)

  function step(cpu: number): DebugStop | undefined {
    const h = harts[cpu]!, word = COUNTERS + 4 * cpu
    const pc = BigInt(RAM) + (h.get(PC)! - BigInt(RAM) + 4n) % BigInt(LOOP_BYTES)
    h.set(PC, pc)
    h.set(T0, h.get(T0)! + 1n)
    view.setUint32(word - RAM, view.getUint32(word - RAM, true) + 1, true)
    const watch = [...breakpoints.values()].find(
      b =>
        (b.kind === 'write' || b.kind === 'access') &&
        b.at <= BigInt(word) + 3n &&
        BigInt(word) < b.at + BigInt(b.length),
    )
    if (watch)
      return { cpu, reason: 'watchpoint', watch: watch.kind as 'write' | 'access', address: BigInt(word) }
    const b = breakpointAt(pc)
    return b ? { cpu, reason: 'breakpoint', hardware: b.kind === 'hardware' } : undefined
  }
  function slice(): void {
    for (let i = 0; i < 50; i++)
      for (const [cpu, action] of plan) {
        const stop = step(cpu)
        if (stop) return hit(stop)
        if (action !== 'continue') return hit({ cpu, reason: 'step' })
      }
    timer = setImmediate(slice)
  }
  async function run(p: ReadonlyMap<number, RunAction>): Promise<void> {
    plan = p
    state = 'running'
    emit('resume', {})
    timer = setImmediate(slice)
  }
  const within = (at: bigint, length: number): number => {
    const offset = Number(at) - RAM
    return offset < 0 || offset >= RAM_BYTES ? 0 : Math.min(length, RAM_BYTES - offset)
  }
  const key = (kind: BreakpointKind, at: bigint, length: number) => `${kind} ${at} ${length}`
  const cpus: CpuControl[] = harts.map((h, index) => ({
    index, threadId: 1000 + index, pc: () => h.get(PC)!,
    get state() { return state === 'running' ? 'running' as const : 'stopped' as const },
  }))

  const machine: FakeMachine = {
    calls,
    serial,
    emit,
    memory,
    info: {
      arch: 'riscv64',
      name: 'test guest',
      machine: 'virt',
      cpuModel: 'rv64',
      accel: 'fake',
      memoryBytes: RAM_BYTES,
    },
    get state() {
      return state
    },
    async resume() {
      calls.push('resume')
      if (state !== 'running') await run(new Map(cpus.map(c => [c.index, 'continue' as const])))
    },
    async pause() {
      calls.push('pause')
      if (state === 'running') halt('paused')
    },
    async reset() {
      calls.push('reset')
      for (const h of harts) h.set(PC, BigInt(RAM))
      emit('reset', { byGuest: false })
    },
    async powerdown() {
      calls.push('powerdown')
      if (!options.powerButton) return false
      emit('powerdown', {})
      return true
    },
    nmi() {
      calls.push('nmi')
      return true
    },
    setBootOrder: order => void calls.push(`boot ${order}`),
    media: {
      async eject(name, force) { calls.push(`eject ${name}${force ? ' force' : ''}`) },
      async change(name, file, o) { calls.push(`change ${name} ${file} ${o.format ?? '-'} ${o.readOnly ?? '-'}${o.force ? ' force' : ''}`) },
    },
    input: {
      keys: ['a', 'ctrl', 'alt', 'delete', 'less'], pointers: [{ device: 'mouse0', name: 'mouse' }], buttons: 0,
      key(name, down) {
        calls.push(`${down ? '+' : '-'}${name}`)
        return true
      },
      nameOf: number => (number === 0x1e ? 'a' : undefined),
      move({ dx, dy, dz, buttons }) {
        calls.push(`move ${dx} ${dy} ${dz} ${buttons}`)
        return true
      },
    },
    async quit(cause, exitCode = 0) {
      calls.push(`quit ${cause}`)
      halt('shutdown')
      emit('shutdown', { cause, exitCode })
    },
    async close() {
      calls.push('close')
      clearImmediate(timer)
    },
    on(event, listener) {
      let set = listeners.get(event)
      if (!set) listeners.set(event, (set = new Set()))
      set.add(listener)
      return () => void set.delete(listener)
    },
    cpus,
    chars: [serial],
    blocks: [
      {
        device: 'virtio0',
        file: 'disk.qcow2',
        format: 'qcow2',
        readOnly: false,
        sizeBytes: 1 << 30,
        attachedTo: 'virtio-blk',
      },
    ],
    nets: [
      { device: 'net0', model: 'virtio-net-pci', mac: '52:54:00:12:34:56', backend: { id: 'n0', type: 'null' } },
      { device: 'net1', model: 'virtio-net-pci', mac: '52:54:00:12:34:57', backend: undefined },
    ],
    pci: () => [{
      bus: 0, slot: 3, function: 0, device: 'disk0', vendorId: 0x1af4, deviceId: 0x1001, subsystemVendorId: 0x1af4,
      subsystemId: 2, class: 0x100, interruptPin: 1, interruptLine: 33, bars: [
        { index: 0, space: 'io', sizeBytes: 128, wide: false, prefetchable: false, address: undefined },
        { index: 4, space: 'memory', sizeBytes: 0x4000, wide: true, prefetchable: true, address: 0x4_0000_0000 },
      ],
    }],
    catalogue: fakeCatalogue,
    screens: [{ device: 'video0', picture: () => PICTURE, mode: () => PICTURE, text: () => undefined }],
    readPhysical: (at, length) => memory.slice(at - RAM, at - RAM + within(BigInt(at), length)),
    writePhysical(at, data) {
      const n = within(BigInt(at), data.length)
      if (n) memory.set(data.subarray(0, n), at - RAM)
      return n
    },
    async *snapshot() { yield fakeSnapshot(memory) },
    async restore(chunks) {
      for await (const c of chunks) {
        if (c.length !== SNAPSHOT_MAGIC.length + RAM_BYTES)
          throw new VmError('snapshot.malformed', 'not a snapshot of this machine')
        memory.set(c.subarray(SNAPSHOT_MAGIC.length))
      }
    },
    describe: topic => (topic === 'mtree' ? `0000000080000000-000000008000ffff ram` : undefined),
    setLog(classes, filter) {
      const ranges = filter?.map(r => ` ${r.start.toString(16)}..${r.end.toString(16)}`) ?? []
      calls.push(`log ${classes.join(',')}${ranges.join('')}`)
    },
    holdLog: held => void calls.push(`holdLog ${held}`),
    setOneInsn: on => void calls.push(`oneInsn ${on}`),
    traceEvents: () => [{ name: 'uart_read', enabled: traced }, { name: 'plic_claim', enabled: false }],
    setTrace(pattern, on) {
      if (pattern !== 'uart_*') return 0
      traced = on
      return 1
    },
    debug: {
      description: { architecture: 'riscv:rv64', bigEndian: false, annexes, registers, pc: PC },
      readRegister: (cpu, number) => harts[cpu]!.get(number),
      writeRegister(cpu, number, value) {
        if (!harts[cpu]!.has(number)) return false
        if (number !== 0) harts[cpu]!.set(number, BigInt.asUintN(64, value))
        return true
      },
      readMemory: (_cpu, va, length) => memory.slice(Number(va) - RAM, Number(va) - RAM + within(va, length)),
      writeMemory(_cpu, va, data) {
        const n = within(va, data.length)
        if (n) memory.set(data.subarray(0, n), Number(va) - RAM)
        return n
      },
      translate: (_cpu, va) => (within(va, 1) ? va : undefined),
      setBreakpoint(kind, at, length) {
        if (kind === 'read') return false
        breakpoints.set(key(kind, at, length), { kind, at, length })
        return true
      },
      clearBreakpoint(kind, at, length) {
        breakpoints.delete(key(kind, at, length))
        return true
      },
      clearBreakpoints: () => breakpoints.clear(),
      run,
      disassemble: bytes => ({ text: bytes[0] === 0x13 ? 'nop' : '.word', length: 4 }),
    },
  }
  return machine
}

export const fakeCatalogue: Catalogue = {
  arch: 'riscv64', maxCpus: 2, elsewhere: () => false,
  machines: [{ name: 'virt', description: 'board', isDefault: true }],
  cpus: [{ name: 'rv64', description: 'generic' }],
  accels: [{ name: 'jit', description: 'recompiler' }],
  traceEvents: [{ name: 'uart_read', description: 'reg %d' }],
  netdevs: [{ name: 'null', description: 'nothing' }],
  devices: [{
    name: 'virtio-blk-pci', description: 'disk', bus: 'PCI', properties: [
      { name: 'drive', type: 'text', description: 'back end' },
      { name: 'num-queues', type: 'number', description: 'queues', initial: '1' },
      { name: 'packed', type: 'flag', description: 'rings', initial: 'off' },
    ],
  }],
}

/** What the fake machine saves: a snapshot's beginning, then its memory. */
export const fakeSnapshot = (memory: Uint8Array): Uint8Array =>
  Uint8Array.from([...new TextEncoder().encode(SNAPSHOT_MAGIC), ...memory])

/** Files in memory; everything else of a host is absent. */
export function memoryHost(
  files: Map<string, Uint8Array> = new Map(),
): Host & { readonly contents: Map<string, Uint8Array> } {
  const find = (path: string): Uint8Array => {
    const found = files.get(path)
    if (!found) throw new VmError('file.notFound', `${path}: no such file`)
    return found
  }
  const hostFiles: HostFiles = {
    read: async path => find(path),
    readStart: async (path, length) => find(path).slice(0, length),
    async *readChunks(path) { yield find(path) },
    async writeChunks(path, chunks) {
      const parts: number[] = []
      for await (const c of chunks) parts.push(...c)
      files.set(path, Uint8Array.from(parts))
    },
    list: async () => [...files.keys()],
    async remove(path) {
      find(path)
      files.delete(path)
    },
    async open(path) {
      const parts: number[] = []
      files.set(path, new Uint8Array())
      return {
        label: `file:${path}`,
        write(bytes) {
          parts.push(...bytes)
          files.set(path, Uint8Array.from(parts))
          return true
        },
        hold() {}, async close() {}, listen() {},
      }
    },
  }
  return { name: 'node', files: hostFiles, contents: files, nowNs: () => performance.now() * 1e6 }
}
