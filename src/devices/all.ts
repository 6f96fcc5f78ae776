// Every device there is: what `-device help` lists and the contract test runs over.
import type { AnyDevice } from '../device/define.ts'
import { piix3Ide } from './block/piix3-ide.ts'
import { ns16550 } from './char/ns16550.ts'
import { vga } from './display/vga.ts'
import { fwCfg } from './firmware/fw-cfg.ts'
import { sifivePlic } from './irq/sifive-plic.ts'
import { sifiveTest } from './misc/sifive-test.ts'
import { gpexPcihost, gpexRoot } from './pci/gpex.ts'
import { aclint } from './timer/aclint.ts'
import { goldfishRtc } from './timer/goldfish-rtc.ts'
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
  ns16550,
  fwCfg,
  sifivePlic,
  sifiveTest,
  aclint,
  goldfishRtc,
  gpexPcihost,
  gpexRoot,
  ...virtioMmioDevices,
  ...pciDevices,
]
