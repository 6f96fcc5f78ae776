// Which accelerator runs a machine, and why.
import { VmError } from '../base/errors.ts'
import { suggest } from '../base/nearest.ts'
import type { AccelObstacle, AccelStatus } from '../accel/probe.ts'
import { type KvmProbe, probeKvm } from '../accel/kvm/probe.ts'
import type { Host } from '../host/host.ts'
import { ALL_PASSES, parsePasses, type Passes, passNames } from '../ir/opt/passes.ts'
import { wasmFeatures } from '../wasm/features.ts'
import { archSupport } from './arch.ts'
import type { Arch, MachineConfig, PropertyBag, PropertyValue } from './config.ts'
import type { PropertyInfo } from './control.ts'
import { otherAccels } from './plan/known.ts'

export type AccelChoice = {
  readonly threads: boolean
  readonly passes: Passes
  /** Translated blocks hold one instruction. */
  readonly oneInsn: boolean
  /** A debugger's steps run compiled code. */
  readonly compiledSteps: boolean
  /** The kernel runs the processors; left out: the recompiler does. */
  readonly kvm?: KvmProbe & { readonly native: object }
  /** Why it is this one, and whether the user should be told so unasked. */
  readonly reason?: string
  readonly tell?: boolean
}

export const jitProperties: readonly PropertyInfo[] = [
  { name: 'thread', type: 'text', description: 'multi: a thread for each processor; single: one for everything' },
  { name: 'opt', type: 'text', description: 'passes of the optimiser: all, none, or names with + between them', initial: 'all' },
  { name: 'one-insn-per-tb', type: 'flag', description: 'translated blocks hold one instruction', initial: 'off' },
  { name: 'x-step', type: 'text', description: "compiled: a debugger's steps run compiled code (thread=single)" },
]
const known = jitProperties.map(p => p.name)
export const kvmProperties: readonly PropertyInfo[] = [
  { name: 'kernel-irqchip', type: 'text', description: 'who has the interrupt controllers: off, this program (on and split are not implemented)', initial: 'off' },
]
/** Without threads or an optimiser of ours. */
const PLAIN = { threads: true, passes: ALL_PASSES, oneInsn: false, compiledSteps: false } as const

/** What can be had here for guests of an architecture, best first. */
export function probeAccelerators(arch: Arch, host: Host): readonly AccelStatus[] {
  return [probeKvm(host, archSupport(arch).kvm?.arch).status, { name: 'jit', usable: true }]
}

/** Obstacles that the user may not know of, and can do something about. */
const TOLD: ReadonlySet<AccelObstacle | undefined> = new Set(['permission', 'busy', 'old'] as const)

/** The first accelerator of the list that works here, with its properties; without a list the best one. */
export function chooseAccel(config: MachineConfig, host: Host, arch: Arch): AccelChoice {
  const given = config.accels ?? [], asked = given.length > 0
  const canThread = wasmFeatures().sharedMemory && host.threads !== undefined, reasons: string[] = []
  let hint: string | undefined, tell = asked
  const list: readonly { readonly name: string; readonly properties?: PropertyBag }[] = asked ? given : [{ name: 'kvm' }, { name: 'jit' }]
  for (const [i, { name, properties }] of list.entries()) {
    const where = `accels[${i}]`
    if (name === 'jit' || name === 'tcg') {
      const choice = chooseJit(name, properties, canThread, where)
      if (typeof choice === 'object') return withReason(choice, [...reasons, ...(choice.reason !== undefined ? [choice.reason] : [])], tell || choice.reason !== undefined)
      reasons.push(choice)
    } else if (name === 'kvm') {
      checkKvm(properties, where)
      const probe = canThread ? probeKvm(host, archSupport(arch).kvm?.arch) : undefined, { obstacle, reason } = probe?.status ?? {}
      if (!asked && TOLD.has(obstacle)) tell = true
      if (probe?.native && (asked || obstacle === undefined))
        return { ...PLAIN, kvm: probe, ...(reason !== undefined ? { reason: `kvm: ${reason}`, tell: true } : reasons.length > 0 && { reason: `${reasons.join('; ')}; using kvm`, tell }) }
      hint ??= probe?.status.hint
      reasons.push(`kvm: ${reason ?? 'no shared memory here'}`)
    } else reasons.push(otherAccels.includes(name) ? `${name}: not implemented` : `${name}: no such accelerator`)
  }
  throw new VmError('accel.unavailable', reasons.join('; '), { where: 'accels[0]', hint: hint ?? '-accel jit' })
}

const withReason = (choice: AccelChoice, reasons: readonly string[], tell: boolean): AccelChoice => {
  const { reason: _, ...rest } = choice
  return { ...rest, ...(reasons.length > 0 && { reason: `${reasons.join('; ')}; using jit`, tell }) }
}

function checkKvm(properties: PropertyBag | undefined, where: string): void {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (KVM_MISSING.includes(name)) throw new VmError('device.badProperty', `not implemented: ${name}`, { where })
    if (!kvmProperties.some(p => p.name === name))
      throw new VmError('device.badProperty', `accelerator 'kvm' has no property '${name}'`, { where, hint: suggest(name, kvmProperties.map(p => p.name)) })
    if (value === 'off' || value === false) continue
    if (value === 'on' || value === 'split' || value === true)
      throw new VmError('device.badProperty', `not implemented: kernel-irqchip=${String(value)}`, { where, hint: 'kernel-irqchip=off' })
    throw new VmError('device.badProperty', `kernel-irqchip=${String(value)}`, { where, hint: 'kernel-irqchip=off' })
  }
}
const KVM_MISSING = ['kvm-shadow-mem', 'dirty-ring-size', 'notify-vmexit', 'notify-window', 'eager-split-size']

/** A string: why not. `jit` takes jitProperties. */
function chooseJit(name: string, properties: PropertyBag | undefined, canThread: boolean, where: string): AccelChoice | string {
  const odd = Object.keys(properties ?? {}).find(p => !known.includes(p))
  if (odd !== undefined) throw noSuchProperty(name, odd, where)
  const thread = properties?.thread
  if (thread !== undefined && thread !== 'multi' && thread !== 'single')
    throw new VmError('device.badProperty', `thread=${String(thread)}`, { where, hint: 'thread=multi or thread=single' })
  const one = properties?.['one-insn-per-tb'] ?? 'off'
  if (one !== 'on' && one !== 'off' && typeof one !== 'boolean')
    throw new VmError('device.badProperty', `one-insn-per-tb=${String(one)} is not on or off`, { where })
  if (thread === 'multi' && !canThread) return `${name}: no shared memory here`
  const threads = thread !== 'single' && canThread, step = properties?.['x-step']
  if (step !== undefined && (step !== 'compiled' || threads))
    throw new VmError('device.badProperty', `x-step=${String(step)}`, { where, hint: 'thread=single,x-step=compiled' })
  return {
    threads, passes: passesOf(properties?.opt, where), oneInsn: one === 'on' || one === true, compiledSteps: step !== undefined,
    ...(thread === undefined && !canThread && { reason: 'no shared memory here: one thread for everything' }),
  }
}

/** Of QEMU's recompiler. */
const MISSING = ['tb-size', 'split-wx']

function noSuchProperty(accel: string, property: string, where: string): VmError {
  if (MISSING.includes(property))
    return new VmError('device.badProperty', `not implemented: ${property}`, { where })
  return new VmError('device.badProperty', `accelerator '${accel}' has no property '${property}'`,
    { where, hint: suggest(property, known) })
}

function passesOf(text: PropertyValue | undefined, where: string): Passes {
  if (text === undefined) return ALL_PASSES
  const passes = parsePasses(String(text))
  if ('unknown' in passes)
    throw new VmError('device.badProperty', `opt: no pass '${passes.unknown}'`, {
      where, hint: `all, none, or some of ${passNames.join('+')}`,
    })
  return passes
}
