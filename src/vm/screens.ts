// The displays of a machine, as management sees them.
import type { System } from '../device/board.ts'
import { type DisplayFacet, drawOnce } from '../device/display.ts'
import type { ScreenEnd } from './control.ts'

/** Blinking parts are drawn as lit: a picture is of no particular moment. */
const LIT = { cursor: true, blink: true }

export const screensOf = (system: System): ScreenEnd[] =>
  system.instances.flatMap(instance => {
    const display = instance.device.facets?.display as DisplayFacet | undefined
    return display ? [{
      device: instance.id,
      picture: () => instance.call((s, io) => drawOnce(display.scan(s, io, LIT))),
      mode: () => instance.call((s, io) => {
        const { width, height } = display.scan(s, io, LIT)
        return { width, height }
      }),
      text: () => instance.call((s, io) => display.text(s, io)),
    }] : []
  })
