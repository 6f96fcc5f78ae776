// Which accelerator runs a machine, and why.
import { VmError } from '../base/errors.ts'
import { suggest } from '../base/nearest.ts'
import type { Host } from '../host/host.ts'
import { ALL_PASSES, parsePasses, type Passes, passNames } from '../ir/opt/passes.ts'
import { wasmFeatures } from '../wasm/features.ts'
import type { MachineConfig, PropertyValue } from './config.ts'
import { otherAccels } from './plan/known.ts'

export type AccelChoice = { readonly threads: boolean; readonly passes: Passes; readonly reason?: string }

/** The first accelerator of the list that works here. `jit` takes `thread=multi|single` and `opt=`, passes of the optimiser. */
export function chooseAccel(config: MachineConfig, host: Host): AccelChoice {
  const reasons: string[] = []
  const list = config.accels?.length ? config.accels : [{ name: 'jit' as const, properties: undefined }]
  const canThread = wasmFeatures().sharedMemory && host.threads !== undefined
  for (const [i, { name, properties }] of list.entries()) {
    if (name !== 'jit' && name !== 'tcg') {
      reasons.push(otherAccels.includes(name) ? `${name}: not implemented` : `${name}: no such accelerator`)
      continue
    }
    const where = `accels[${i}]`, odd = Object.keys(properties ?? {}).find(p => !PROPERTIES.includes(p))
    if (odd !== undefined) throw noSuchProperty(name, odd, where)
    const thread = properties?.thread
    if (thread !== undefined && thread !== 'multi' && thread !== 'single')
      throw new VmError('device.badProperty', `thread=${String(thread)}`, { where, hint: 'thread=multi or thread=single' })
    if (thread === 'multi' && !canThread) {
      reasons.push(`${name}: no shared memory here`)
      continue
    }
    const threads = thread !== 'single' && canThread
    const why = [...reasons, ...(thread === undefined && !canThread ? ['no shared memory here: one thread for everything'] : [])]
    return { threads, passes: passesOf(properties?.opt, where), ...(why.length > 0 && { reason: `${why.join('; ')}; using jit` }) }
  }
  throw new VmError('accel.unavailable', reasons.join('; '), { where: 'accels[0]', hint: '-accel jit' })
}

const PROPERTIES = ['thread', 'opt']
/** Of QEMU's recompiler. */
const MISSING = ['tb-size', 'one-insn-per-tb', 'split-wx']

function noSuchProperty(accel: string, property: string, where: string): VmError {
  if (MISSING.includes(property))
    return new VmError('device.badProperty', `not implemented: ${property}`, { where })
  return new VmError('device.badProperty', `accelerator '${accel}' has no property '${property}'`,
    { where, hint: suggest(property, PROPERTIES) })
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
