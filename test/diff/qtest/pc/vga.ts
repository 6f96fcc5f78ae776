// The standard VGA as `-device VGA` of QEMU's pc: ports, legacy memory, the extension, the frame buffer and BAR 2.
import { vgaCard } from '../../../../src/machines/pc-cards.ts'
import { pcWith } from '../machines.ts'
import type { Ours, OursSetup } from '../ours.ts'
import type { Qemu } from '../qemu.ts'
import { portIn, portOut, type Op, type Random, type Timeless } from '../script.ts'
import type { Target } from '../targets.ts'
import { select } from './chipset.ts'

const SLOT = 2 << 3
export const VRAM = 0xe000_0000
export const VRAM_MIB = 2
const ROM_AT = 0xfeb0_0000, ROM_REGISTER = 0x30
/** An image's first bytes say what it is; QEMU asks for no more. */
const ROM = Uint8Array.from({ length: 40_000 }, (_, i) => [0x55, 0xaa, 79][i] ?? (i * 7) >> (i & 3))
const MMIO = 0xfebf_0000, LEGACY = 0xa_0000

/** A PC with a VGA, on both sides. */
export const withVga = (vramMib: number): { qemu: Target['qemu']; ours: OursSetup } => ({
  qemu: { args: ['-device', `VGA,addr=2,edid=off,vgamem_mb=${vramMib},romfile=%DIR/rom`], files: { rom: ROM } },
  ours: { board: () => pcWith({ pci: [vgaCard({ vgamem_mb: vramMib, rom: ROM })] }), high: () => [] },
})

/** Maps both BARs, on both sides. */
export async function mapVga(on: Ours, qemu: Qemu): Promise<void> {
  for (const [register, value] of [[0x10, VRAM], [0x18, MMIO], [4, 7]] as const)
    for (const o of [select(SLOT, register), portOut(0xcfc, value, 4)]) {
      await qemu.apply(o)
      on.apply(o)
    }
}

type Size = 1 | 2 | 4
export const vbeOut = (index: number, value: number): Timeless[] =>
  [portOut(0x1ce, index, 2), portOut(0x1d0, value, 2)]
const read = (at: number, size: Size): Timeless => ({ op: 'read', at, size })
const write = (at: number, size: Size, value: number): Timeless =>
  ({ op: 'write', at, size, value: BigInt(size === 4 ? value >>> 0 : value & (size === 2 ? 0xffff : 0xff)) })

const byte = (r: Random) => r.pick([0, 1, 0xff, 0x80, r.below(16), r.below(256), r.below(256)])

/** Index and data of one of the indexed register files. */
function indexed(r: Random): Timeless[] {
  const file = r.pick(['sr', 'gr', 'gr', 'cr', 'ar', 'dac'] as const)
  switch (file) {
    case 'sr': return [portOut(0x3c4, r.below(9)), r.chance(60) ? portOut(0x3c5, byte(r)) : portIn(0x3c5)]
    case 'gr': return [portOut(0x3ce, r.below(18)), r.chance(70) ? portOut(0x3cf, byte(r)) : portIn(0x3cf)]
    case 'cr': {
      const port = r.chance(80) ? 0x3d4 : 0x3b4
      return [portOut(port, r.below(32)), r.chance(60) ? portOut(port + 1, byte(r)) : portIn(port + 1)]
    }
    case 'ar': return [...(r.chance(50) ? [portIn(0x3da)] : []), portOut(0x3c0, r.below(70)),
      r.chance(60) ? portOut(0x3c0, byte(r)) : portIn(0x3c1)]
    case 'dac': return r.chance(50)
      ? [portOut(0x3c8, r.below(256)), ...[1, 2, 3, 4].slice(r.below(4)).map(() => portOut(0x3c9, byte(r)))]
      : [portOut(0x3c7, r.below(256)), portIn(0x3c9), portIn(0x3c7)]
  }
}

function memory(r: Random): Timeless[] {
  const offset = r.pick([r.below(0x20000), r.below(64), 0x10000 + r.below(64), 0x18000 + r.below(64), 0xfffe + r.below(4)])
  const size = r.pick([1, 1, 1, 2, 4] as const), at = LEGACY + Math.min(offset, 0x1fffc)
  return [r.chance(60) ? write(at, size, r.word()) : read(at, size)]
}

/** The graphics controller at work: its registers, then reads and writes near each other, and what is there. */
function drawing(r: Random): Timeless[] {
  const gr = [byte(r), r.pick([0, 0, 15, byte(r)]), byte(r), r.pick([0, 0, byte(r)]), r.below(4),
    r.below(4) | r.pick([0, 0, 8, 0x10, 0x18]), r.pick([1, 5, 5, 9, 13]), r.pick([15, byte(r)]), r.pick([255, byte(r)])]
  const start = [0, 0, 0x10000, 0x18000][gr[6]! >> 2]! + r.below(0x8000 - 64)
  const ops: Timeless[] = [
    ...vbeOut(4, r.pick([0, 0, 0, 0x81])), ...vbeOut(5, r.below(VRAM_MIB * 16)),
    portOut(0x3c4, 2 | r.pick([15, byte(r)]) << 8, 2), portOut(0x3c4, 4 | r.pick([6, 6, 6, 0xe, 2]) << 8, 2),
    ...gr.map((value, i) => portOut(0x3ce, i | value << 8, 2)),
  ]
  for (let i = 0; i < 16; i++) {
    const size = r.pick([1, 1, 2, 4] as const), at = LEGACY + start + r.below(32)
    ops.push(r.chance(60) ? write(at, size, r.word()) : read(at, size))
  }
  return [...ops, { op: 'dump', at: VRAM + 4 * (start & 0xffff), bytes: 256 }]
}

/** Its register, and what is where it says; then it is off again. */
function expansionRom(r: Random): Timeless[] {
  const size = r.pick([1, 2, 4] as const), at = ROM_AT + (r.below(65536) & -size)
  return [
    select(SLOT, ROM_REGISTER), portOut(0xcfc, r.pick([0xffff_fffe, r.word() & ~1]), 4), portIn(0xcfc, 4),
    portOut(0xcfc, ROM_AT | 1, 4), portIn(0xcfc, 4), read(at, size), portOut(0xcfc, 0, 4),
  ]
}

function vbe(r: Random): Timeless[] {
  const index = r.pick([0, 1, 2, 3, 4, 4, 5, 6, 8, 9, 10, 11, 7])
  const value = [0xb0c0 + r.below(8), r.pick([320, 640, 801, 0, r.below(65536)]), r.pick([200, 480, 0, r.below(65536)]),
    r.pick([8, 15, 16, 24, 32, r.below(40)]), r.pick([0, 1, 0x81, 0x41, 0xe1, 3, 2, r.below(256)]), r.below(64),
    r.pick([640, 1024, r.below(65536)]), r.below(65536), r.pick([0, 8, r.below(65536)]), r.pick([0, 1, r.below(65536)]),
    r.below(65536), 0][index]!
  const access = r.chance(50) ? portOut(0x1cf + r.below(2), value, 2) : portIn(0x1cf + r.below(2), 2)
  return [portOut(0x1ce, index, 2), access]
}

function mmio(r: Random): Timeless[] {
  const size = r.pick([1, 2, 4] as const)
  if (r.chance(10)) return [r.chance(50) ? read(MMIO + r.pick([0x600, 0x604, 0x608, 0x700]), 4)
    : write(MMIO + 0x604, 4, r.pick([0x1e1e1e1e, 0xbebebebe, 5]))]
  const base = r.chance(50) ? 0x500 + r.below(22) : 0x400 + r.below(32), at = MMIO + base - (base % size)
  return [r.chance(50) ? read(at, size) : write(at, size, r.pick([r.word(), r.below(1024), 0x81]))]
}

const isBitsPerPixel4 = (on: Ours) => {
  const s = on.system.instance('vga').state
  return (s.vbe[4] & 1) !== 0 && s.vbe[3] === 4
}
/** The port that an operation reaches, also through BAR 2; its first one. */
const touches = (o: Op, port: number): boolean => {
  if (o.op !== 'in' && o.op !== 'out' && o.op !== 'read' && o.op !== 'write') return false
  const at = o.op === 'in' || o.op === 'out' ? o.at : o.at >= MMIO + 0x400 && o.at < MMIO + 0x420 ? o.at - MMIO - 0x40 : -99
  return at <= port && port < at + o.size
}

const NO_PORTS = Array.from({ length: 16 }, (_, i) => 0x3d0 + i).filter(p => ![0x3d4, 0x3d5, 0x3da].includes(p))

export const vga: Target = {
  machine: 'pc',
  ...withVga(VRAM_MIB),
  async prepare(on, qemu) {
    await mapVga(on, qemu)
    for (const o of [portOut(0x3c2, 0x67)]) {
      await qemu.apply(o)
      on.apply(o)
    }
  },
  next(r) {
    const kind = r.below(100)
    if (kind < 2) return expansionRom(r)
    if (kind < 3) return [portOut(0x3c2, r.pick([0x67, 0x63, 0x66, r.below(256)]))]
    if (kind < 10) return [portIn(r.pick([0x3b0, 0x3c0]) + r.below(16), r.pick([1, 2]))]
    if (kind < 15) return [portOut(r.pick([0x3c4, 0x3ce, 0x3d4]), r.below(0x1000), 2)]
    if (kind < 35) return indexed(r)
    if (kind < 45) return drawing(r)
    if (kind < 75) return memory(r)
    if (kind < 85) return vbe(r)
    if (kind < 92) return mmio(r)
    if (kind < 95) return [{ op: 'dump', at: VRAM + r.pick([0, 0x1000 * r.below(VRAM_MIB * 256)]), bytes: 4096 }]
    const at = VRAM + 4 * r.below(r.pick([0x100, VRAM_MIB << 18]))
    return [r.chance(50) ? write(at, 4, r.word()) : read(at, 4)]
  },
  explained: [
    {
      reason: 'input status tells where the beam is, by the guest\'s clock; QEMU turns its bits over at each read',
      ignoreValue: o => touches(o, 0x3da) || touches(o, 0x3ba),
    },
    {
      reason: 'ports that are none read as ones in BAR 2 as elsewhere; as zeros in QEMU\'s',
      ignoreValue: o => o.op === 'read' && o.at > VRAM && NO_PORTS.some(port => touches(o, port)),
    },
    { reason: 'QEMU has no PEL mask', ignoreValue: o => touches(o, 0x3c6) },
    {
      reason: 'with four bits a pixel the sequencer\'s registers act; QEMU has others then, which nobody can set',
      avoid: (o, on) => isBitsPerPixel4(on) && (o.op === 'read' || o.op === 'write') && o.at < VRAM,
    },
  ],
}
