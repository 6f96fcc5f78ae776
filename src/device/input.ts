// What a keyboard or pointing device offers to whoever has events for it (a window, a VNC client, the monitor's
// `sendkey`): functions in its facet `input`, to be called under its lock.
//
//   const { device, call } = system.instance('i8042')
//   call((s, io) => inputOf(device)!.key!(s, io, 'ret', true))
import type { AnyDevice } from './define.ts'

/** Left, right and middle button are 1, 2, 4; side and extra 8, 16. */
export type PointerMotion = {
  readonly dx: number
  /** Downwards, as on a screen. */
  readonly dy: number
  /** Wheel steps, away from the user. */
  readonly dz: number
  readonly buttons: number
}
export type InputFacet = {
  /** What users call the pointing device. */
  readonly pointerName?: string
  /** `key` is a name of QEMU's (`a`, `shift_r`, `kp_enter`); false if the device has no such key. */
  key?(s: any, io: any, key: string, down: boolean): boolean
  move?(s: any, io: any, motion: PointerMotion): void
}
export const inputOf = (device: AnyDevice): InputFacet | undefined => device.facets?.input
