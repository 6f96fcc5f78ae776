// The devices of a PC, against QEMU's.
import { cdrom } from './pc/cdrom.ts'
import { chipset, pm } from './pc/chipset.ts'
import { fdc } from './pc/fdc.ts'
import { i8042 } from './pc/i8042.ts'
import { ide } from './pc/ide.ts'
import { ioapic } from './pc/ioapic.ts'
import { pic } from './pc/pic.ts'
import { pit } from './pc/pit.ts'
import { dma, fwCfg, misc, parallel, serial } from './pc/ports.ts'
import { rtc } from './pc/rtc.ts'
import { vga } from './pc/vga.ts'
import type { Target } from './targets.ts'

export const pcTargets: { readonly [device: string]: Target } = {
  pic, pit, cmos: rtc, ioapic, chipset, pm, i8042, dma, serial, parallel, 'fw-cfg-io': fwCfg, 'pc-ports': misc, vga, ide, cdrom, fdc,
}
