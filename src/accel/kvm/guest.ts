// Who is in the guest, and how to get it out: a word for each processor, and the signal that ends its call. No kick is lost: whoever
// kicks has set the exit request before, which a processor reads after it has said that it enters; if it was between the two, the
// kernel reads `immediate_exit`.
import type { HostNative } from '../../host/host.ts'
import type { Views } from '../../state/views.ts'
import { Run } from './abi.ts'

export type GuestPlace = {
  /** Byte addresses: the word that says whether it is in the guest; its thread's number; its struct kvm_run. */
  readonly inGuest: number
  readonly thread: number
  readonly run: number
}

/** Makes a processor leave the guest if it is there. Any thread. */
export function kick(native: HostNative, { i32, u8 }: Views, p: GuestPlace): void {
  if (!Atomics.load(i32, p.inGuest >>> 2)) return
  u8[p.run + Run.IMMEDIATE_EXIT] = 1
  native.interrupt(i32[p.thread >>> 2]!)
}

/** Kicks processors until none of them is in the guest. Not for the main thread, which never sleeps. */
export function kickOut(native: HostNative, views: Views, places: readonly GuestPlace[]): void {
  for (const p of places)
    while (Atomics.load(views.i32, p.inGuest >>> 2)) {
      kick(native, views, p)
      Atomics.wait(views.i32, p.inGuest >>> 2, 1, 1)
    }
}
