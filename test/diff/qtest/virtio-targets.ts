// Registers of virtio transports and PCI functions, against QEMU's. Queues are set up but not run: what
// devices do with them happens at no fixed time, and real guests test it.
import type { Board } from '../../../src/device/board.ts'
import type { Bench } from '../../../src/device/testing.ts'
import { virtioBlk } from '../../../src/devices/virtio/blk.ts'
import { virtioMmio } from '../../../src/devices/virtio/mmio.ts'
import { virtioNet } from '../../../src/devices/virtio/net.ts'
import { virtioPci } from '../../../src/devices/virtio/pci.ts'
import { virtioRng } from '../../../src/devices/virtio/rng.ts'
import { VIRT, virtBoard, type VirtOptions } from '../../../src/machines/virt-riscv.ts'
import { RAM_BYTES } from './machines.ts'
import type { Op, Random, Timeless } from './script.ts'
import type { Target } from './targets.ts'

type Size = 1 | 2 | 4 | 8
const read = (at: number, size: Size = 4): Timeless => ({ op: 'read', at, size })
const write = (at: number, value: number, size: Size = 4): Timeless =>
  ({ op: 'write', at, size, value: BigInt.asUintN(8 * size, BigInt(value)) })
const plicInputs = (b: Bench) => {
  const words: ArrayLike<number> = b.system.instance('plic').state.level
  return Array.from({ length: words.length * 32 }, (_, i) => i).filter(i => (words[i >> 5]! >>> (i & 31)) & 1)
}
const interesting = (r: Random) =>
  r.pick([0, 1, 2, 0xff, 0xffff, 0xffffffff, r.below(16), r.below(256), r.word()])

/** What QEMU's devices offer besides, left out. */
const NO_OFFLOADS = [
  'csum', 'guest_csum', 'gso', 'guest_tso4', 'guest_tso6', 'guest_ecn', 'guest_ufo', 'host_tso4', 'host_tso6',
  'host_ecn', 'host_ufo', 'ctrl_vlan', 'ctrl_guest_offloads', 'guest_announce', 'queue_reset',
]
  .map(name => `${name}=off`)
  .join(',')
const DISK_BYTES = 64 << 20
const DISK = ['-blockdev', `driver=null-co,node-name=disk,size=${DISK_BYTES},read-zeroes=on`]
const blkProperties = { media: { sizeBytes: DISK_BYTES, readOnly: false } }
const MAC = '52:54:00:12:34:56'

const board = (more: Partial<VirtOptions>) => () =>
  virtBoard({ harts: 1, ramBytes: RAM_BYTES, ramHostOffset: 0, ...more })

/** The last bytes of the disk's configuration are unused: QEMU ends before them. */
const UNUSED_END = {
  reason: 'the structure ends with three unused bytes',
  ignoreValue: (o: Op) =>
    o.op === 'read' && [BLK + 0x100, MODERN + 0x2000].some(at => o.at + o.size > at + 57 && o.at < at + 60),
}

// ---- virtio-mmio ----

const BLK = VIRT.VIRTIO + 7 * 0x1000, RNG = VIRT.VIRTIO + 6 * 0x1000, NET = VIRT.VIRTIO + 5 * 0x1000,
  EMPTY = VIRT.VIRTIO
const LEGACY_ONLY = [0x28, 0x3c, 0x40], MODERN_ONLY = [0x44, 0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4, 0xfc]
const SHARED = [0, 4, 8, 0xc, 0x10, 0x14, 0x20, 0x24, 0x30, 0x34, 0x38, 0x60, 0x64, 0x70]

function mmioOps(r: Random, legacy: boolean): Timeless[] {
  const base = r.pick([BLK, BLK, RNG, NET, EMPTY])
  const reg = base + r.pick([...SHARED, ...(legacy ? LEGACY_ONLY : MODERN_ONLY)])
  switch (r.below(10)) {
    case 0:
      return [read(base + 0x100 + r.below(64), 1)]
    case 1:
      return [read(base + 0x100 + 2 * r.below(32), 2), read(base + 0x100 + 4 * r.below(16))]
    case 2:
      return [write(base + 0x30, r.below(4)), read(base + 0x34)]
    case 3:
      return [write(base + 0x14, r.below(3)), read(base + 0x10)]
    case 4:
      return [read(reg, r.pick([1, 2, 4] as const))]
    case 5:
      return [write(base + 0x70, r.pick([0, 1, 3, 0xb])), read(base + 0x70)]
    case 6:
      return r.chance(30) && base === BLK
        ? [write(base + 0x120, r.below(2), 1), read(base + 0x120, 1)]
        : [read(reg)]
    case 7: {
      if (legacy && r.chance(50)) return [write(base + 0x40, VIRT.DRAM / 4096 + r.below(16)), read(base + 0x40)]
      if (legacy)
        return [
          write(base + 0x28, 4096), write(base + 0x40, VIRT.DRAM / 4096 + r.below(16)), read(base + 0x40),
        ]
      const ready = r.chance(50) ? [write(base + 0x44, 1), read(base + 0x44), write(base + 0x44, 0)] : []
      return [write(base + 0x30, 0), write(base + 0x38, r.pick([8, 16, 128])), ...ready]
    }
    case 8:
      return [write(reg, interesting(r))].filter(
        o => ![0x40, 0x44, 0x70, 0x38, 0x28, 0x3c].includes(o.op === 'write' ? o.at - base : 0),
      )
    default:
      return [read(reg)]
  }
}

/** `-global virtio-mmio.force-legacy=…`: of unused slots too. */
const transports = (legacy: boolean, b: Board): Board => ({
  ...b,
  devices: b.devices.map(d =>
    d.device.properties?.['force-legacy']
      ? { ...d, properties: { ...d.properties, 'force-legacy': legacy } }
      : d,
  ),
})

const mmio = (legacy: boolean): Target => ({
  qemu: {
    args: [
      ...DISK, '-device', 'virtio-blk-device,drive=disk,queue_reset=off', '-device',
      'virtio-rng-device,queue_reset=off', '-device', `virtio-net-device,${NO_OFFLOADS},mac=${MAC}`, '-nic',
      'none', ...(legacy ? [] : ['-global', 'virtio-mmio.force-legacy=false']),
    ],
    watch: { type: 'riscv.sifive.plic', pins: 'in' },
  },
  ours: {
    high: plicInputs,
    board: () => transports(legacy, board({
      virtio: [
        { device: virtioMmio(virtioBlk), id: 'blk', properties: blkProperties },
        { device: virtioMmio(virtioRng), id: 'rng' },
        { device: virtioMmio(virtioNet), id: 'net', properties: { mac: MAC } },
      ],
    })()),
  },
  next: r => mmioOps(r, legacy),
  explained: [
    UNUSED_END,
    {
      reason: 'feature words from the third on are zero; QEMU 7.2 shows the second',
      avoid: o => o.op === 'write' && (o.at & 0xfff) === 0x14 && o.value > 1n,
    },
    {
      reason: 'there is no such queue, so its size is 0; QEMU 7.2 stays at the queue before',
      avoid: o => o.op === 'write' && (o.at & 0xfff) === 0x30 && o.value >= 1024n,
    },
    {
      reason:
        'to legacy drivers QEMU offers SCSI commands, which are not modelled, and not ANY_LAYOUT',
      ignoreValue: o => legacy && o.op === 'read' && o.at === BLK + 0x10,
    },
  ],
})

// ---- PCI configuration space ----

const config = (slot: number, register: number) => VIRT.PCI_ECAM + slot * 0x8000 + register
const PCI_DEVICES = [
  '-device', 'virtio-blk-pci,drive=disk,queue_reset=off', '-device',
  'virtio-rng-pci,disable-legacy=on,queue_reset=off', '-device',
  `virtio-net-pci,${NO_OFFLOADS},mac=${MAC},romfile=`,
]
const pciBoard = board({
  pci: [
    { device: virtioPci(virtioBlk), id: 'blk', properties: blkProperties },
    { device: virtioPci(virtioRng), id: 'rng', properties: { 'disable-legacy': 'on' } },
    { device: virtioPci(virtioNet), id: 'net', properties: { mac: MAC } },
  ],
})
/**
 * Behind the last capability QEMU lets the guest keep what it likes; by the specification these registers
 * read as zero.
 */
const beyond = (o: Op) => {
  if (o.op !== 'read' || o.at < VIRT.PCI_ECAM || o.at >= VIRT.PCI_MMIO) return false
  const slot = Math.floor((o.at - VIRT.PCI_ECAM) / 0x8000), register = o.at & 0xfff
  return register < 0x100 && register + o.size > (slot === 0 ? 0x40 : 0xa4)
}

const pci: Target = {
  qemu: { args: [...DISK, ...PCI_DEVICES], watch: { type: 'riscv.sifive.plic', pins: 'in' } },
  ours: { high: plicInputs, board: pciBoard },
  next(r) {
    const slot = r.pick([0, 1, 1, 2, 3, 4]), size = r.pick([1, 2, 4, 4] as const)
    const register = r.pick([r.below(0x104), r.below(0x40), 4, 0x10, 0x14, 0x20, 0x24, 0x3c, 0x98])
    const at = config(slot, register - (register % size))
    if (r.chance(10))
      return [
        write(config(slot, r.pick([0x10, 0x14, 0x18, 0x20, 0x24, 0x30])), 0xffffffff),
        read(config(slot, 0x10)), read(config(slot, 0x24)),
      ]
    return r.chance(50) ? [read(at, size)] : [write(at, interesting(r), size), read(at, size)]
  },
  explained: [
    { reason: 'reserved registers read as zero', ignoreValue: beyond },
    {
      reason: 'the configuration window is compared by the next target',
      avoid: o =>
        o.op !== 'step' &&
        'at' in o &&
        o.at >= VIRT.PCI_ECAM &&
        (o.at & 0xfff) >= 0x84 &&
        (o.at & 0xfff) < 0x98,
    },
  ],
}

// ---- virtio-pci regions ----

const PIO = VIRT.PCI_PIO + 0x1000, MSIX = VIRT.PCI_MMIO, MODERN = VIRT.PCI_MMIO + 0x10_0000
const PLACE: readonly Timeless[] = [
  write(config(1, 0x10), 0x1000),
  write(config(1, 0x14), MSIX),
  write(config(1, 0x20), MODERN),
  write(config(1, 0x24), 0),
  write(config(1, 0x04), 7, 2),
]
const COMMON: readonly (readonly [number, Size])[] = [
  [0, 4], [4, 4], [8, 4], [16, 2], [18, 2], [20, 1], [21, 1], [22, 2], [24, 2], [26, 2], [28, 2], [30, 2],
  [32, 4], [36, 4], [40, 4], [44, 4], [48, 4], [52, 4],
]
const LEGACY: readonly (readonly [number, Size])[] = [
  [0, 4], [4, 4], [8, 4], [12, 2], [14, 2], [18, 1], [19, 1], [20, 2], [22, 2], [20, 4], [24, 4],
]

const virtioPciTarget: Target = {
  qemu: { args: [...DISK, ...PCI_DEVICES], watch: { type: 'riscv.sifive.plic', pins: 'in' } },
  ours: { high: plicInputs, board: pciBoard },
  async prepare(on, qemu) {
    for (const o of PLACE) {
      await qemu.apply(o)
      on.apply(o)
    }
  },
  next(r) {
    const [reg, size] = r.pick(COMMON), [lreg, lsize] = r.pick(LEGACY)
    switch (r.below(12)) {
      case 0:
        return [
          write(MODERN + 22, r.below(3), 2), read(MODERN + 24, 2), read(MODERN + 30, 2),
          write(MODERN + 22, 0, 2),
        ]
      case 1:
        return [write(MODERN, r.below(3)), read(MODERN + 4)]
      case 2:
        return [write(MODERN + 20, r.pick([0, 1, 3, 0xb]), 1), read(MODERN + 20, 1)]
      case 3:
        return [write(MODERN + r.pick([16, 26]), r.below(4), 2), read(MODERN + 16, 2), read(MODERN + 26, 2)]
      case 4:
        return [read(MODERN + 0x2000 + 4 * r.below(18)), read(MODERN + 0x2000 + r.below(64), 1)]
      case 5:
        return [read(MSIX + 4 * r.below(8)), read(MSIX + 0x800)]
      case 6:
        return [write(MSIX + 4 * r.below(8), interesting(r)), read(MSIX + 4 * r.below(8))]
      case 7:
        return [write(config(1, 0x9a), r.pick([0, 0x8000, 0xc000]), 2)]
      case 8:
        return [read(PIO + lreg, lsize)]
      case 9:
        return [
          write(PIO + r.pick([20, 22]), r.below(3), 2), read(PIO + 12, 2), read(PIO + 20, 2),
          read(PIO + 22, 2),
        ]
      case 10: {
        const length = r.pick([1, 2, 4] as const), at = r.pick([0, 4, 18, 20, 22, 24])
        return [
          write(config(1, 0x88), 4, 1), write(config(1, 0x8c), at - (at % length)),
          write(config(1, 0x90), length), read(config(1, 0x94), length),
        ]
      }
      default: return [read(MODERN + reg, size)]
    }
  },
  explained: [
    UNUSED_END,
    {
      reason: 'the window leads where its bar says; QEMU 7.2 does not look at it',
      avoid: (o, on) =>
        o.op === 'read' && o.at === config(1, 0x94) && on.system.instance('blk').state.config[0x88] !== 4,
    },
    {
      reason: 'to legacy drivers QEMU offers bit 30, by which it knows early ones that accept everything',
      ignoreValue: o => o.op === 'read' && o.at === PIO,
    },
  ],
}

export const virtioTargets: { readonly [name: string]: Target } = {
  'virtio-mmio': mmio(false), 'virtio-mmio-legacy': mmio(true), 'pci-config': pci,
  'virtio-pci': virtioPciTarget,
}
