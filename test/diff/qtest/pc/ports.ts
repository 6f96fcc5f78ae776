// Devices on ports without much of a life of their own: DMA controllers, serial and parallel port, firmware
// configuration, debug ports, and ports that nobody has.
import { isaDebugcon, isaDebugExit } from '../../../../src/devices/misc/debug-ports.ts'
import { PC, port } from '../../../../src/machines/pc.ts'
import { portIn, portOut, type Op, type Random } from '../script.ts'
import { withProperties } from '../machines.ts'
import type { Target } from '../targets.ts'

const PAGES = [0x81, 0x82, 0x83, 0x87, 0x89, 0x8a, 0x8b, 0x8f]
export const dma: Target = {
  machine: 'pc',
  qemu: {},
  ours: { high: () => [] },
  next(r) {
    const second = r.chance(50), at = (reg: number) => (second ? 0xc0 + 2 * reg : reg)
    switch (r.below(8)) {
      case 0: return [portOut(at(r.pick([9, 10, 11, 12, 14, 15])), r.below(256))]
      case 1: return r.chance(20) ? [portOut(at(13), 0)] : [portOut(at(8), r.pick([0, 4]))]
      case 2: return [portOut(r.pick(PAGES), r.below(256))]
      case 3: return [portIn(r.pick(PAGES))]
      case 4: return [portIn(at(8))]
      case 5: case 6: { // both bytes: QEMU takes a word over with its upper one
        const reg = at(r.below(8))
        return [portOut(at(12), 0), portOut(reg, r.below(256)), portOut(reg, r.below(256))]
      }
      default: return [portIn(at(r.below(8))), portIn(at(r.below(8)))]
    }
  },
  explained: [],
}

const LPT = 0x378
export const parallel: Target = {
  machine: 'pc',
  qemu: { args: ['-parallel', 'null'], watch: { type: 'ioapic', pins: 'in', only: [7] } },
  ours: { high: b => (b.system.instance('parallel0').io.irq.level ? [7] : []) },
  next(r) {
    switch (r.below(6)) {
      case 0: return [portOut(LPT, r.below(256))]
      case 1: return [portOut(LPT + 2, r.below(256))]
      case 2: return [portOut(LPT + 2, 0x0d | (r.below(4) << 4)), portOut(LPT + 2, 0x0c | (r.below(4) << 4))] // strobe
      case 3: return [portIn(LPT + 2)]
      case 4: return [portIn(LPT + 2 * r.below(4), r.pick([1, 2] as const))]
      default: return [portIn(LPT + 1)]
    }
  },
  explained: [],
}

const COM = 0x3f8
export const serial: Target = {
  machine: 'pc',
  qemu: { watch: { type: 'ioapic', pins: 'in', only: [4] } },
  ours: { high: b => (b.system.instance('serial0').io.irq.level ? [4] : []) },
  next(r) {
    const reg = r.below(8)
    if (r.chance(2)) return [{ op: 'step', count: 1 + r.below(100) }]
    if (r.chance(45)) return [portIn(COM + reg, r.pick([1, 1, 1, 2, 4] as const))]
    const value = [r.below(256), r.below(16), r.pick([0, 1, 3, 7, 0x41, 0x81, 0xc1, 0xc7]), r.pick([3, 0x83, 0x1f]),
      r.pick([0, 8, 0x0b, 0x10, 0x1b])][reg] ?? r.below(256)
    return [portOut(COM + reg, value)]
  },
  explained: [
    {
      reason: 'with a divisor of 0, or before a rate was ever set, a character has no defined length',
      avoid(o, on) {
        const s = on.system.instance('serial0').state
        return o.op === 'step' && s.rx.length > 0
      },
    },
  ],
}

const SELECTOR = 0x510, DMA = 0x514, DESCRIPTOR = 0x1000, TARGET = 0x2000
const NAME = 'opt/test', FILE = new TextEncoder().encode('0123456789abcdef')
export const fwCfg: Target = {
  machine: 'pc',
  qemu: { args: ['-fw_cfg', `name=${NAME},string=${new TextDecoder().decode(FILE)}`] },
  ours: { high: () => [], board: b => withProperties(b, 'fw-cfg', { files: { [NAME]: FILE } }) },
  next(r) {
    const key = r.pick([0, 1, 0, 0x4000, 0xffff, 0x3f])
    switch (r.below(4)) {
      case 0: return [portOut(SELECTOR, key, 2)]
      case 1: return [portIn(SELECTOR + 1), portIn(SELECTOR + 1)]
      case 2: return r.chance(20) ? [portIn(DMA, 4), portIn(DMA + 4, 4)] : []
      default: return transfer(r, key)
    }
  },
  explained: [],
}

function transfer(r: Random, key: number): Op[] {
  const bytes = new Uint8Array(16), view = new DataView(bytes.buffer)
  view.setUint32(0, (key << 16) | (r.chance(60) ? 8 : 0) | r.pick([2, 2, 4, 0, 16]))
  view.setUint32(4, r.pick([0, 1, 4, 9, 64]))
  view.setUint32(12, r.chance(90) ? TARGET + r.below(16) : 0x900_0000)
  const swapped = new DataView(new ArrayBuffer(4))
  swapped.setUint32(0, DESCRIPTOR)
  return [
    { op: 'fill', at: TARGET, bytes: new Uint8Array(128).fill(0xa5) }, { op: 'fill', at: DESCRIPTOR, bytes },
    portOut(DMA + 4, swapped.getUint32(0, true), 4),
    { op: 'dump', at: DESCRIPTOR, bytes: 16 }, { op: 'dump', at: TARGET, bytes: 128 },
  ]
}

/** Ports that no device of either has. */
const NOBODYS = [0x15, 0x2e, 0x68, 0x78, 0xe0, 0x200, 0x300, 0x4000, 0xfff0, 0xfffc]
export const misc: Target = {
  machine: 'pc',
  qemu: {
    args: ['-chardev', 'null,id=none', '-device', 'isa-debugcon,iobase=0xe9,chardev=none', '-device', 'isa-debug-exit'],
  },
  ours: {
    high: () => [],
    board: b => ({
      ...b,
      devices: [
        ...b.devices, { device: isaDebugcon, id: 'debugcon', at: { port: port(PC.DEBUGCON) } },
        { device: isaDebugExit, id: 'debug-exit', at: { port: port(PC.DEBUG_EXIT) } },
      ],
    }),
  },
  next(r) {
    const size = r.pick([1, 2, 4] as const)
    switch (r.below(5)) {
      case 0: return [portIn(r.pick(NOBODYS), size)]
      case 1: return [portOut(r.pick(NOBODYS), r.word(), size)]
      case 2: return [portOut(PC.DEBUGCON, r.below(256)), portIn(PC.DEBUGCON)]
      case 3: return [portIn(PC.DEBUG_EXIT, r.pick([1, 2] as const))]
      default: return [portOut(0x80, r.below(256)), portIn(0x80)]
    }
  },
  explained: [],
}
