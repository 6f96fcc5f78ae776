// The devices of a PC, against QEMU's.
import type { Target } from './targets.ts'
import { pic } from './pc/pic.ts'
import { pit } from './pc/pit.ts'
import { rtc } from './pc/rtc.ts'

export const pcTargets: { readonly [device: string]: Target } = {
  pic, pit, cmos: rtc,
}
