// What a machine has at its front: the power button, and what firmware is told to start from.
import type { System } from '../device/board.ts'
import { VmError } from '../base/errors.ts'
import { badBootOrder, bootBytes } from '../machines/pc-cmos.ts'
import type { BoardSpec } from './plan/plan.ts'

/** False: there is none. */
export function pressPowerButton(system: System): boolean {
  const found = system.instances.find(i => i.device.facets?.powerButton)
  found?.call(found.device.facets!.powerButton)
  return found !== undefined
}

export type BootOrder = {
  set(order: string): void
  /** Puts it where firmware looks for it, after the devices were reset. */
  apply(system: System): void
}

/** `-boot once=` holds for the first start. */
export function bootOrderOf(spec: BoardSpec): BootOrder {
  if (spec.machine !== 'pc') return {
    set() { throw new VmError('cli.usage', 'no function defined to set boot device list for this architecture') },
    apply() {},
  }
  let order = spec.bootOrder, once = spec.bootOnce
  return {
    set(wanted) {
      const bad = badBootOrder(wanted)
      if (bad !== undefined) throw new VmError('cli.usage', bad, { hint: 'a floppy, c disk, d CD, n network' })
      order = wanted
      once = undefined
    },
    apply(system) {
      const rtc = system.instance('rtc'), bytes = bootBytes(once ?? order)
      rtc.call(s => rtc.device.facets!.cmos(s, bytes))
      once = undefined
    },
  }
}
