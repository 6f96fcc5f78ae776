// A machine: memory, devices, processors and back ends put together, and the control interface over them. This thread is
// the I/O thread too: it owns back ends and timers, and never blocks.
import { closeMachine, createMachine as createKvm, type KvmMachine } from '../accel/kvm/device.ts'
import { KvmStats } from '../accel/kvm/stats.ts'
import { blaming, VmError } from '../base/errors.ts'
import type { AddressRange, LogClass } from '../base/log.ts'
import { soon } from '../base/soon.ts'
import { emitTrace } from '../base/trace.ts'
import type { Host, HostNative } from '../host/host.ts'
import { type Cpu, ExitRequest, vcpuCore } from '../isa/isa.ts'
import { layoutOf } from '../state/layout.ts'
import { archSupport } from './arch.ts'
import { type BootOrder, bootOrderOf, pressPowerButton } from './front-panel.ts'
import { type BootImages, bootImages } from './boot-images.ts'
import { Bell } from './bell.ts'
import { bindMachine, type Bound, Control, type MachineShape, measure } from './binding.ts'
import type { Arch, MachineConfig } from './config.ts'
import type {
  Catalogue, CharEnd, MachineControl, MachineEvent, MachineEvents, MachineInfo, PciInfo, RunState, ShutdownCause,
} from './control.ts'
import { type AccelChoice, chooseAccel, probeAccelerators } from './choose.ts'
import { debugStop, debugTarget } from './debug.ts'
import { describe } from './describe.ts'
import { type Media, mediaOf } from './media.ts'
import { MachineLog } from './machine-log.ts'
import { inputsOf } from './inputs.ts'
import { pciFunctions } from './pci.ts'
import { architectureOf, catalogue, guestBytesOf, type MachinePlan, planMachine } from './plan/plan.ts'
import { kvmRunner, type RunActions, type Runner, slicedRunner, threadedRunner } from './runner.ts'
import { screensOf } from './screens.ts'
import { restoreMachine, snapshotMachine } from './snapshot.ts'
import { vmTraces } from './trace.ts'

export { catalogue, probeAccelerators }
export type { Catalogue }

const PAGE_64K = 65536
/** How long output of character devices gathers. */
const LAZY_MS = 2
/** How often timers are looked at while processors run. */
const TICK_NS = 2e6
const HALTED = layoutOf(vcpuCore).offsets.halted

export async function createMachine(config: MachineConfig, host: Host): Promise<MachineControl> {
  const arch = await architectureOf(config, host), accel = chooseAccel(config, host, arch), planned = await planMachine(config, host)
  const kvm = accel.kvm && await orDispose(planned, () => makeKvm(arch, accel.kvm!.native)), plan = kvm ? narrowed(planned, kvm) : planned
  const ramAt = measure(plan.spec, kvm !== undefined), pages = Math.ceil((ramAt + guestBytesOf(plan.spec)) / PAGE_64K)
  const shape: MachineShape = {
    spec: plan.spec, boot: plan.boot, ramAt, wallClockOffsetMs: plan.wallClockOffsetMs, shape: { min: pages, max: pages, shared: accel.threads },
    ...(kvm && { kvm: { system: kvm.system, fd: kvm.fd, ...accel.kvm!.measured } }),
  }
  const memory = allocate(pages, accel.threads, plan.spec.ramBytes)
  return new Machine(config, host, plan, shape, memory, accel, kvm).open()
}

function makeKvm(arch: Arch, native: HostNative): KvmMachine {
  const machine = createKvm(native)
  try {
    archSupport(arch).kvm!.arch.prepare(machine)
    return machine
  } catch (error) {
    closeMachine(machine)
    throw error
  }
}

/** The plan with processors as the kernel has them. */
function narrowed(plan: MachinePlan, machine: KvmMachine): MachinePlan {
  const { arch, cpu } = plan.spec
  return { ...plan, spec: { ...plan.spec, cpu: archSupport(arch).kvm!.narrow(machine, cpu).cpu } }
}

async function orDispose<T>(plan: MachinePlan, make: () => T): Promise<T> {
  try {
    return make()
  } catch (error) {
    await plan.dispose()
    throw error
  }
}

/** `-machine dumpdtb=FILE`: writes the device tree; false if that was not asked for. */
export async function dumpDeviceTree(config: MachineConfig, host: Host): Promise<boolean> {
  if (config.machine?.properties?.dumpdtb === undefined) return false
  const { dumpDtb, dispose } = await planMachine(config, host)
  await dispose()
  if (!dumpDtb) return false
  async function* chunks(): AsyncIterable<Uint8Array> { yield dumpDtb!.bytes }
  await blaming('machine', () => host.files.writeChunks(dumpDtb.path, chunks()))
  return true
}

function allocate(pages: number, shared: boolean, ramBytes: number): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared })
  } catch (cause) {
    throw new VmError('memory.tooBig', `the host has no room for ${ramBytes >>> 20} MiB of guest memory`, {
      cause, where: 'memoryBytes', hint: 'give the guest less with -m',
    })
  }
}

class Machine implements MachineControl {
  readonly info: MachineInfo
  state: RunState = 'prelaunch'
  readonly bound: Bound
  readonly plan: MachinePlan
  readonly images: BootImages
  readonly accel: AccelChoice
  readonly cpuObjects: readonly Cpu[]
  readonly chars: readonly CharEnd[]
  readonly cpus: MachineControl['cpus']
  readonly debug: MachineControl['debug']
  readonly media: Media
  readonly nets: MachineControl['nets']
  readonly catalogue: Catalogue
  readonly screens: MachineControl['screens']
  readonly input: MachineControl['input']
  private readonly config: MachineConfig
  private readonly runner: Runner
  private readonly log: MachineLog
  private readonly listeners = new Map<MachineEvent, Set<(e: never) => void>>()
  private readonly charListeners: (() => void)[] = []
  private readonly closers: (() => Promise<void>)[] = []
  private timer: ReturnType<typeof setTimeout> | undefined
  private closed = false
  private changing: Promise<void> | undefined
  /** A thread has failed: nothing will run again. */
  private dead = false
  private readonly bootOrder: BootOrder
  /** While a snapshot is made or restored, nothing of the host reaches devices. */
  private frozen = false

  constructor(
    config: MachineConfig, host: Host, plan: MachinePlan, shape: MachineShape, memory: WebAssembly.Memory,
    accel: AccelChoice, kvm: KvmMachine | undefined,
  ) {
    this.config = config
    this.plan = plan
    this.images = bootImages(config, plan)
    this.bootOrder = bootOrderOf(plan.spec)
    this.accel = accel
    this.bound = bindMachine(shape, memory, () => host.nowNs(), () => {})
    const { bound } = this
    this.cpuObjects = bound.cpus.map((c, hart) => bound.arch.makeCpu(c.state, {
      hart,
      ramAt: pa => bound.system.memory.ramAt(pa),
      casWord: () => false, // a debugger's look changes nothing
      casHalf: () => false,
      read: (pa, size) => bound.system.memory.read(pa, size),
      write() {},
      nowNs: () => bound.clock.nowNs(),
      flushTlb() {}, flushPage() {}, selectTlb() {}, flushCode() {},
      armTimer: ns => bound.setDeadline(hart, ns),
    }, bound.surroundings, shape))
    bound.system.memory.onWritten = (pa, sizeBytes) => this.written(pa, sizeBytes)
    this.info = {
      ...plan.info, accel: kvm ? 'kvm' : 'jit', ...(accel.reason !== undefined && { accelReason: accel.reason, accelTold: accel.tell === true }),
    }
    this.chars = plan.serials.map(s => this.charEnd(s.device, s.chardev))
    this.media = mediaOf(bound.system, host, plan.blocks, (device, id, open) => this.emit('tray', { device, id, open }))
    this.nets = plan.nets
    this.catalogue = catalogue(plan.info.arch)
    this.screens = screensOf(bound.system)
    this.input = inputsOf(bound.system)
    this.cpus = this.cpuObjects.map((cpu, index) => ({
      index,
      get state() {
        if (!Atomics.load(bound.views.i32, (bound.controls[index]! + Control.STATE) >>> 2)) return 'stopped' as const
        return bound.views.i32[(bound.cpus[index]!.state + HALTED) >>> 2] ? 'halted' as const : 'running' as const
      },
      get threadId() { return bound.views.i32[(bound.controls[index]! + Control.THREAD) >>> 2] || undefined },
      pc: () => cpu.debug.read(cpu.debug.pc) ?? 0n,
      ...(bound.kvm && { counters: () => new KvmStats(bound.views, bound.controls[index]! + Control.STATS).list() }),
    }))
    this.debug = debugTarget(this, () => this.runner.refresh())
    this.log = new MachineLog(bound, line => this.emit('log', line), () => this.runner.refresh())
    const options = {
      bound, shape, memory, host, passes: accel.passes, compiledSteps: accel.compiledSteps, blocked: () => this.log.held,
      failed: (error: unknown, cpu?: number) => this.failed(error, cpu),
    }
    this.runner = kvm ? kvmRunner({ ...options, machine: kvm, broken: (text, cpu) => this.broken(text, cpu) })
      : accel.threads ? threadedRunner(options) : slicedRunner(options)
  }

  async open(): Promise<this> {
    try {
      for (const a of this.plan.attachments) {
        const backend = await a.open()
        if (a.device !== undefined) {
          this.bound.system.attach(a.device, backend)
          if ('units' in backend) this.media.attached(a.device, backend)
        }
        if (backend.close) this.closers.push(async () => backend.close!())
      }
    } catch (error) {
      await this.close()
      throw error
    }
    await this.powerOn()
    if (this.config.singlestep || this.accel.oneInsn) this.setOneInsn(true)
    void this.listenToBell()
    return this
  }

  /** Power-on state of everything. Processors stand still. */
  private async powerOn(): Promise<void> {
    const { bound, plan } = this
    this.cpuObjects.forEach((cpu, i) => {
      cpu.reset()
      bound.arch.start(bound.views, bound.cpus[i]!.state, cpu, i, plan.boot)
    })
    bound.system.reset() // after the processors, whose inputs it drives
    this.media.afterReset()
    bound.meetAgain()
    this.bootOrder.apply(bound.system)
    await this.images.load(({ pa, bytes }) => bound.system.memory.writeBytes(pa, bytes, true))
    if (plan.boot.kind === 'direct') for (const [port, size, value] of plan.boot.ports) bound.system.io.write(port, size, value)
    this.runner.refresh()
  }

  private written(pa: number, sizeBytes: number): void {
    const { bound } = this, host = bound.system.memory.ramAt(pa)
    if (host < 0) return
    for (let page = host & -4096; page < host + sizeBytes; page += 4096)
      if (bound.codePages.has(page)) bound.codePages.written(page, -1, () => {})
  }

  // The I/O thread's work.

  private async listenToBell(): Promise<void> {
    const { views, bell } = this.bound
    this.service()
    while (!this.closed) {
      const rung = Atomics.load(views.i32, bell)
      if (rung & Bell.URGENT) await new Promise<void>(resolve => soon(resolve))
      else if (views.shared) {
        const wait = Atomics.waitAsync(views.i32, bell, rung, rung ? LAZY_MS : Infinity)
        if (wait.async) await wait.value
      } else await new Promise<void>(resolve => {
        this.bound.waker.rung = resolve
        if (rung) setTimeout(resolve, LAZY_MS)
      })
      if (this.closed) return
      if (rung === Atomics.load(views.i32, bell) || Atomics.load(views.i32, bell) & Bell.URGENT) {
        Atomics.store(views.i32, bell, 0)
        this.service()
      }
    }
  }

  private service(): void {
    const { bound } = this
    this.log.take()
    if (this.frozen) return
    const request = bound.takeRequest()
    if (request.kind !== 'none') void this.obey(request.kind, request.exitCode).catch(error => this.failed(error))
    if (this.state === 'running' && bound.anyStopped()) void this.stop('debug').catch(error => this.failed(error))
    bound.system.serve()
    this.media.watch()
    bound.system.pollChars()
    for (const listener of this.charListeners) listener()
    this.runTimers()
  }

  /** Runs what is due and sleeps until the next deadline. */
  private runTimers(): void {
    const { bound } = this
    clearTimeout(this.timer)
    if (!bound.clock.running || this.closed) return
    for (;;) {
      bound.nextWake = Infinity // whoever arms a timer meanwhile rings
      bound.system.runTimers()
      const now = bound.clock.nowNs()
      let next = bound.system.timers.nextDeadline()
      bound.cpus.forEach((_, i) => {
        if (bound.expire(i, now)) {
          bound.poke(i, ExitRequest.INTERRUPT)
          bound.waker.woken()
        } else next = Math.min(next, bound.deadline(i))
      })
      if (next <= now) continue
      // Running processors arm timers all the time: a look now and then is cheaper than a call for each.
      if (this.busy()) next = Math.min(next, now + TICK_NS)
      bound.nextWake = next
      if (next < Infinity) {
        const timer = (this.timer = setTimeout(() => this.runTimers(), Math.min((next - now) / 1e6, 0x7fffffff)))
        timer.unref?.()
      }
      return
    }
  }

  private busy(): boolean {
    const { bound } = this
    return bound.cpus.some(c => !bound.views.i32[(c.state + HALTED) >>> 2])
  }

  private async obey(kind: 'shutdown' | 'reset' | 'panic', exitCode: number): Promise<void> {
    if (kind === 'reset' && !this.config.noReboot) return this.restart(true)
    await this.stop(kind === 'panic' ? 'guest-panicked' : 'shutdown')
    const cause: ShutdownCause = kind === 'reset' ? 'guest-reset' : kind === 'panic' ? 'guest-panic' : 'guest-shutdown'
    this.emit('shutdown', { cause, exitCode })
  }

  private failed(error: unknown, cpu?: number): void {
    if (this.closed || this.state === 'internal-error') return // the first failure is told: others mostly follow from it
    this.log.takeAll()
    this.state = 'internal-error'
    this.dead = true
    this.bound.clock.stop()
    const message = error instanceof Error ? error.message : String(error)
    this.emit('error', { message, cause: error, ...cpu !== undefined && { cpu } })
  }

  private broken(message: string, cpu: number): void {
    if (this.state !== 'running') return
    void this.stop('internal-error').then(() => this.emit('broken', { message, cpu })).catch(error => this.failed(error))
  }

  // Control.

  async resume(): Promise<void> {
    return this.run()
  }

  /** One change of what the machine does at a time: the guest may reset it while a user stops it. Without another under way it
   * begins at once. */
  private async inTurn<T>(change: () => Promise<T>): Promise<T> {
    while (this.changing) await this.changing
    const result = change(), over: Promise<void> = result.then(() => {}, () => {}).then(() => { if (this.changing === over) this.changing = undefined })
    this.changing = over
    return result
  }

  /** Runs all processors, or those named. */
  run(actions?: RunActions): Promise<void> {
    return this.inTurn(() => this.runNow(actions))
  }
  private async runNow(actions?: RunActions): Promise<void> {
    if (this.state === 'running' || this.state === 'internal-error') return
    this.state = 'running'
    this.bound.clock.resume()
    if (vmTraces.runstate_set.enabled) emitTrace(vmTraces.runstate_set, 'running')
    this.runTimers()
    this.emit('resume', {})
    const stop = this.bound.takeStop() // one that stopped together with the one told of
    if (stop) {
      await this.stopped('debug')
      this.emit('debug', debugStop(stop.cpu, stop.hit))
    } else this.runner.resume(actions)
  }

  async pause(): Promise<void> {
    await this.stop('paused')
  }

  stop(state: RunState): Promise<void> {
    return this.inTurn(() => this.stopNow(state))
  }
  private async stopNow(state: RunState): Promise<void> {
    const was = this.state
    if (was === 'running') {
      this.state = state
      await this.standStill()
      const stop = state === 'debug' || state === 'paused' ? this.bound.takeStop() : undefined
      await this.stopped(stop ? 'debug' : state === 'debug' ? 'paused' : state)
      if (stop) this.emit('debug', debugStop(stop.cpu, stop.hit))
    } else if (was === 'internal-error') await this.runner.pause()
    else if (was === 'paused' || was === 'prelaunch' || was === 'debug') this.state = state
  }

  /** Brings all processors to a halt; the log has everything until then. */
  private standStill(): Promise<void> {
    return this.log.whileAll(() => this.runner.pause())
  }

  private async stopped(state: RunState): Promise<void> {
    this.state = state
    if (vmTraces.runstate_set.enabled) emitTrace(vmTraces.runstate_set, state)
    this.bound.clock.stop()
    clearTimeout(this.timer)
    this.emit('stop', { state })
  }

  async reset(): Promise<void> {
    await this.restart(false)
  }

  private restart(byGuest: boolean): Promise<void> {
    return this.inTurn(() => this.restartNow(byGuest))
  }
  private async restartNow(byGuest: boolean): Promise<void> {
    if (vmTraces.vm_reset.enabled) emitTrace(vmTraces.vm_reset, byGuest ? 'guest' : 'host')
    const running = this.state === 'running'
    if (running) {
      await this.standStill()
      this.bound.clock.stop()
    }
    await this.bound.system.drain()
    await this.powerOn()
    this.emit('reset', { byGuest })
    if (!running) {
      if (this.state === 'shutdown' || (this.state === 'internal-error' && !this.dead)) this.state = 'paused'
      return
    }
    this.bound.clock.resume()
    this.runTimers()
    this.runner.resume()
  }

  async powerdown(): Promise<boolean> {
    this.emit('powerdown', {})
    return pressPowerButton(this.bound.system)
  }

  nmi(): boolean {
    const { arch, surroundings } = this.bound
    arch.nmi?.(surroundings)
    return arch.nmi !== undefined
  }

  setBootOrder(order: string): void {
    this.bootOrder.set(order)
  }

  async quit(cause: ShutdownCause, exitCode = 0): Promise<void> {
    await this.stop('shutdown')
    this.emit('shutdown', { cause, exitCode })
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    clearTimeout(this.timer)
    this.bound.ring()
    await this.runner.end()
    this.log.takeAll()
    await this.bound.system.drain()
    for (const close of this.closers) await close()
    await this.plan.dispose()
  }

  get blocks(): MachineControl['blocks'] {
    return this.media.blocks
  }

  on<E extends MachineEvent>(event: E, listener: (e: MachineEvents[E]) => void): () => void {
    let set = this.listeners.get(event)
    if (!set) this.listeners.set(event, (set = new Set()))
    set.add(listener as never)
    return () => void set.delete(listener as never)
  }

  emit<E extends MachineEvent>(event: E, e: MachineEvents[E]): void {
    for (const listener of this.listeners.get(event) ?? []) listener(e as never)
  }

  private charEnd(device: string, chardev: string | undefined): CharEnd {
    const chr = this.bound.system.chr(device), instance = this.bound.system.instance(device)
    return {
      device, chardev,
      take: () => {
        const bytes = chr.take()
        if (bytes.length > 0 && !this.frozen) this.bound.system.pollChars()
        return bytes
      },
      give: input => {
        const n = chr.give(input)
        if (!this.frozen) this.bound.system.pollChars()
        return n
      },
      connect: connected => chr.connect(connected),
      ...(instance.sendBreak && { sendBreak: () => { if (!this.frozen) instance.sendBreak!() } }),
      onChange: listener => void this.charListeners.push(listener),
    }
  }

  pci(): readonly PciInfo[] {
    return pciFunctions(this.bound.system)
  }

  readPhysical(address: number, length: number): Uint8Array {
    const { memory } = this.bound.system
    const bytes = new Uint8Array(Math.min(length, memory.runAt(address)))
    if (bytes.length > 0) memory.readBytes(address, bytes)
    return bytes
  }

  writePhysical(address: number, data: Uint8Array): number {
    const { memory } = this.bound.system, n = Math.min(data.length, memory.runAt(address))
    if (n > 0) memory.writeBytes(address, data.subarray(0, n))
    return n
  }

  async *snapshot(): AsyncIterable<Uint8Array> {
    if (vmTraces.snapshot_save.enabled) emitTrace(vmTraces.snapshot_save)
    this.frozen = true
    try {
      yield* snapshotMachine(this)
    } finally {
      this.thaw()
    }
  }

  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    if (vmTraces.snapshot_load.enabled) emitTrace(vmTraces.snapshot_load)
    this.frozen = true
    try {
      await restoreMachine(this, chunks)
      if (this.state === 'shutdown' || this.state === 'guest-panicked') this.state = 'paused'
    } finally {
      // Also after a failure: memory may have changed.
      for (const cpu of this.cpuObjects) cpu.refresh()
      this.runner.refresh()
      this.thaw()
    }
  }

  private thaw(): void {
    this.frozen = false
    this.bound.ring()
  }

  describe(topic: Parameters<MachineControl['describe']>[0], options: Parameters<MachineControl['describe']>[1] = {}) {
    return describe(this, topic, options)
  }

  setLog(classes: readonly LogClass[], filter?: readonly AddressRange[]): void {
    this.log.set(classes, filter)
  }

  holdLog(held: boolean): void {
    this.log.hold(held)
  }

  setOneInsn(on: boolean): void {
    this.log.setOneInsn(on)
  }

  traceEvents(): readonly { name: string; enabled: boolean }[] {
    return this.log.events()
  }

  setTrace(pattern: string, enabled: boolean): number {
    return this.log.trace(pattern, enabled)
  }
}

export type { Machine }
