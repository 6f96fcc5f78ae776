// Every device there is: what `-device help` lists and the contract test runs over.
import type { AnyDevice } from '../device/define.ts'
import { isaFdc } from './block/fdc.ts'
import { piix3Ide } from './block/piix3-ide.ts'
import { isaSerial, ns16550 } from './char/ns16550.ts'
import { isaParallel } from './char/parallel.ts'
import { vga } from './display/vga.ts'
import { i8257 } from './dma/i8257.ts'
import { fwCfg, fwCfgIo } from './firmware/fw-cfg.ts'
import { i8042 } from './input/i8042.ts'
import { ioapic } from './irq/ioapic.ts'
import { i8259 } from './irq/i8259.ts'
import { sifivePlic } from './irq/sifive-plic.ts'
import { isaDebugcon, isaDebugExit, postPort } from './misc/debug-ports.ts'
import { pcspk } from './misc/pcspk.ts'
import { port92 } from './misc/port92.ts'
import { sifiveTest } from './misc/sifive-test.ts'
import { gpexPcihost, gpexRoot } from './pci/gpex.ts'
import { i440fx, i440fxPcihost } from './pci/i440fx.ts'
import { piix3 } from './pci/piix3.ts'
import { piix4Pm } from './pci/piix4-pm.ts'
import { aclint } from './timer/aclint.ts'
import { goldfishRtc } from './timer/goldfish-rtc.ts'
import { i8254 } from './timer/i8254.ts'
import { mc146818rtc } from './timer/mc146818rtc.ts'
import { virtioBlk } from './virtio/blk.ts'
import { virtioConsole } from './virtio/console.ts'
import { virtioMmio, virtioMmioEmpty } from './virtio/mmio.ts'
import { virtioNet } from './virtio/net.ts'
import { virtioPci } from './virtio/pci.ts'
import { virtioRng } from './virtio/rng.ts'

const kinds = [virtioBlk, virtioNet, virtioConsole, virtioRng]

export const virtioMmioDevices: readonly AnyDevice[] = [virtioMmioEmpty, ...kinds.map(virtioMmio)]
export const pciDevices: readonly AnyDevice[] = [...kinds.map(virtioPci), vga, piix3Ide]
export const allDevices: readonly AnyDevice[] = [
  isaFdc,
  ns16550,
  fwCfg,
  fwCfgIo,
  sifivePlic,
  sifiveTest,
  aclint,
  goldfishRtc,
  gpexPcihost,
  gpexRoot,
  i8259,
  i8254,
  pcspk,
  mc146818rtc,
  isaSerial,
  isaParallel,
  i8257,
  i8042,
  port92,
  isaDebugcon,
  isaDebugExit,
  postPort,
  ioapic,
  i440fxPcihost,
  i440fx,
  piix3,
  piix4Pm,
  ...virtioMmioDevices,
  ...pciDevices,
]
