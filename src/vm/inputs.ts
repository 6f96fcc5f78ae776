// Keys and motion for the guest's keyboards and mice.
import type { System } from '../device/board.ts'
import { inputOf, type PointerMotion } from '../device/input.ts'
import { keyNames, keyOfNumber } from '../devices/input/scancodes.ts'
import type { InputControl } from './control.ts'

export function inputsOf(system: System): InputControl {
  const devices = system.instances.flatMap(instance => {
    const facet = inputOf(instance.device)
    return facet ? [{ instance, facet }] : []
  })
  const pointers = devices.filter(d => d.facet.move)
  let buttons = 0
  return {
    keys: devices.some(d => d.facet.key) ? keyNames : [],
    pointers: pointers.map(({ instance, facet }) => ({ device: instance.id, name: facet.pointerName ?? instance.device.name })),
    key(name, down) {
      const taken = devices.map(({ instance, facet }) => facet.key !== undefined && instance.call((s, io) => facet.key!(s, io, name, down)))
      return taken.includes(true)
    },
    nameOf: keyOfNumber,
    move(motion: PointerMotion) {
      ({ buttons } = motion)
      for (const { instance, facet } of pointers.slice(0, 1)) instance.call((s, io) => facet.move!(s, io, motion))
      return pointers.length > 0
    },
    get buttons() { return buttons },
  }
}
