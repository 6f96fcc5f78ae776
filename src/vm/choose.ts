// Which accelerator runs a machine, and why.
import { VmError } from '../base/errors.ts'
import { suggest } from '../base/nearest.ts'
import type { Host } from '../host/host.ts'
import { ALL_PASSES, parsePasses, type Passes, passNames } from '../ir/opt/passes.ts'
import { wasmFeatures } from '../wasm/features.ts'
import type { MachineConfig, PropertyValue } from './config.ts'
import type { PropertyInfo } from './control.ts'
import { otherAccels } from './plan/known.ts'

export type AccelChoice = {
  readonly threads: boolean
  readonly passes: Passes
  /** Translated blocks hold one instruction. */
  readonly oneInsn: boolean
  /** A debugger's steps run compiled code. */
  readonly compiledSteps: boolean
  readonly reason?: string
}

export const jitProperties: readonly PropertyInfo[] = [
  { name: 'thread', type: 'text', description: 'multi: a thread for each processor; single: one for everything' },
  { name: 'opt', type: 'text', description: 'passes of the optimiser: all, none, or names with + between them', initial: 'all' },
  { name: 'one-insn-per-tb', type: 'flag', description: 'translated blocks hold one instruction', initial: 'off' },
  { name: 'x-step', type: 'text', description: "compiled: a debugger's steps run compiled code (thread=single)" },
]
const known = jitProperties.map(p => p.name)

/** The first accelerator of the list that works here. `jit` takes jitProperties. */
export function chooseAccel(config: MachineConfig, host: Host): AccelChoice {
  const reasons: string[] = []
  const list = config.accels?.length ? config.accels : [{ name: 'jit' as const, properties: undefined }]
  const canThread = wasmFeatures().sharedMemory && host.threads !== undefined
  for (const [i, { name, properties }] of list.entries()) {
    if (name !== 'jit' && name !== 'tcg') {
      reasons.push(otherAccels.includes(name) ? `${name}: not implemented` : `${name}: no such accelerator`)
      continue
    }
    const where = `accels[${i}]`, odd = Object.keys(properties ?? {}).find(p => !known.includes(p))
    if (odd !== undefined) throw noSuchProperty(name, odd, where)
    const thread = properties?.thread
    if (thread !== undefined && thread !== 'multi' && thread !== 'single')
      throw new VmError('device.badProperty', `thread=${String(thread)}`, { where, hint: 'thread=multi or thread=single' })
    const one = properties?.['one-insn-per-tb'] ?? 'off'
    if (one !== 'on' && one !== 'off' && typeof one !== 'boolean')
      throw new VmError('device.badProperty', `one-insn-per-tb=${String(one)} is not on or off`, { where })
    if (thread === 'multi' && !canThread) {
      reasons.push(`${name}: no shared memory here`)
      continue
    }
    const threads = thread !== 'single' && canThread, step = properties?.['x-step']
    if (step !== undefined && (step !== 'compiled' || threads))
      throw new VmError('device.badProperty', `x-step=${String(step)}`, { where, hint: 'thread=single,x-step=compiled' })
    const why = [...reasons, ...(thread === undefined && !canThread ? ['no shared memory here: one thread for everything'] : [])]
    return {
      threads, passes: passesOf(properties?.opt, where), oneInsn: one === 'on' || one === true, compiledSteps: step !== undefined,
      ...(why.length > 0 && { reason: `${why.join('; ')}; using jit` }),
    }
  }
  throw new VmError('accel.unavailable', reasons.join('; '), { where: 'accels[0]', hint: '-accel jit' })
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
