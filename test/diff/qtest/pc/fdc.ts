// The floppy controller with two drives, against QEMU's pc: commands, seeks, transfers by DMA, resets.
import type { FloppyBackend } from '../../../../src/devices/block/fdc.ts'
import { pcWith, withProperties } from '../machines.ts'
import { portIn, portOut, random, type Random, type Timeless } from '../script.ts'
import type { Target } from '../targets.ts'
import { memoryDisk } from './ide.ts'

const BYTES = [1440 * 1024, 720 * 1024] as const, SECTORS = [18, 9] as const, RATES = [0, 2] as const
const CONTENTS = BYTES.map((n, i) => {
  const r = random(200 + i)
  return Uint8Array.from({ length: n }, () => r.word() >>> 9)
})
const DOR = 0x3f2, MSR = 0x3f4, DATA = 0x3f5, DIR = 0x3f7, BUFFER = 0x8000
const RUNNING = 0x0c

const send = (...bytes: readonly number[]): Timeless[] => bytes.map(b => portOut(DATA, b))
const answer = (n: number): Timeless[] => [portIn(MSR), ...Array<Timeless>(n).fill(portIn(DATA)), portIn(MSR)]
const senseInterrupt = (): Timeless[] => [...send(8), ...answer(2)]

function seek(r: Random): Timeless[] {
  const unit = r.below(2)
  return [...r.chance(40) ? send(7, unit) : send(0xf, r.below(2) << 2 | unit, r.below(80)), portIn(MSR),
    ...senseInterrupt(), portOut(DOR, RUNNING | unit), portIn(DIR)]
}

/** To the track of the transfer, then the transfer: most of them with the right address. */
function transfer(r: Random): Timeless[] {
  const unit = r.below(2), track = r.below(80), head = r.below(2), sectors = SECTORS[unit]!, first = 1 + r.below(sectors)
  const multi = r.chance(40) ? 0x80 : 0, last = r.chance(80) ? sectors : Math.min(sectors, first + r.below(4))
  const there = last - first + 1 + (multi && head === 0 ? last : 0)
  const count = r.chance(85) ? 1 + r.below(Math.min(there, 8)) : there, writes = r.chance(40)
  const bytes = 512 * count, at = BUFFER + r.below(64)
  return [
    portOut(DIR, r.chance(90) ? RATES[unit]! : r.below(4)),
    ...send(0xf, head << 2 | unit, track), ...senseInterrupt(),
    { op: 'fill', at: BUFFER, bytes: Uint8Array.from({ length: 64 }, () => r.word()) },
    portOut(0x0a, 6), portOut(0x0c, 0), portOut(0x0b, writes ? 0x4a : 0x46),
    portOut(0x04, at & 0xff), portOut(0x04, at >> 8), portOut(0x81, 0), portOut(0x05, (bytes - 1) & 0xff), portOut(0x05, (bytes - 1) >> 8),
    portOut(0x0a, 2),
    ...send((writes ? 0x45 : 0x46) | multi, head << 2 | unit, track, head, first, 2, last, 0x1b, 0xff),
    ...answer(7), { op: 'dump', at: BUFFER, bytes: Math.min(30_000, bytes + 128) },
  ]
}

function other(r: Random): Timeless[] {
  switch (r.below(8)) {
    case 0: return [...send(0x10), ...answer(1)] // VERSION
    case 1: return [...send(4, r.below(2) << 2 | r.below(2)), ...answer(1)] // SENSE DRIVE STATUS
    case 2: return [...send(0x13, 0, r.pick([0x20, 0x30, 0x10, 0x1f]), r.below(80)), portIn(MSR)] // CONFIGURE
    case 3: return [...send(r.pick([0x14, 0x94])), ...answer(1)] // LOCK
    case 4: return [...send(3, r.below(256), r.below(128) << 1), portIn(MSR)] // SPECIFY, with DMA
    case 5: return [...send(r.pick([0x00, 0x01, 0x1f, 0x1b, 0x15])), ...answer(1)]
    case 6: return senseInterrupt()
    default: return [portIn(DOR), portIn(0x3f3), portIn(MSR)]
  }
}

function reset(r: Random): Timeless[] {
  const unit = r.below(2)
  return [portOut(DOR, 8 | unit), portIn(MSR), portOut(DOR, RUNNING | unit), portIn(MSR),
    ...Array.from({ length: r.pick([4, 4, 4, 2]) }, senseInterrupt).flat(), portIn(DIR)]
}

export const fdc: Target = {
  machine: 'pc',
  qemu: {
    watch: { type: 'ioapic', pins: 'in', only: [6] },
    files: Object.fromEntries(CONTENTS.map((c, i) => [`floppy${i}`, c])),
    args: [0, 1].flatMap(i => ['-drive', `file=%DIR/floppy${i},format=raw,if=floppy,index=${i},cache=unsafe`]),
  },
  ours: {
    board: () => withProperties(pcWith({}), 'fdc', { drives: BYTES.map(sizeBytes => ({ type: 144, media: { sizeBytes, readOnly: false } })) }),
    prepare(b) {
      const backend: FloppyBackend = { units: CONTENTS.map(c => memoryDisk(c.slice())) }
      b.system.attach('fdc', backend)
    },
    high(b) {
      b.system.serve()
      return b.system.instance('fdc').io.irq.level ? [6] : []
    },
  },
  async prepare(on, qemu) {
    for (const o of [portOut(DOR, 8), portOut(DOR, RUNNING), ...Array.from({ length: 4 }, senseInterrupt).flat(), portOut(DIR, 0)]) {
      await qemu.apply(o)
      on.apply(o)
    }
  },
  next(r) {
    const kind = r.below(100)
    return kind < 45 ? transfer(r) : kind < 65 ? seek(r) : kind < 95 ? other(r) : reset(r)
  },
  async quiesce(o, on, qemu) {
    if (o.op !== 'out' || o.at !== DATA) return
    const ask = portIn(MSR), wanted = Number(on.apply(ask).value)
    for (let tries = 0; tries < 500 && Number((await qemu.apply(ask)).value) !== wanted; tries++);
  },
  explained: [
    {
      reason: 'the drive of the output register is the one that was written; QEMU adds that of the last command',
      mask: o => (o.op === 'in' && o.at === DOR ? 3 : 0),
    },
    {
      reason: 'section 6.2: a sector that is not there gives ND, one that cannot be read at this rate MA; QEMU\'s gives EN',
      mask: (o, on) => {
        const s = on.system.instance('fdc').state
        return o.op === 'in' && o.at === DATA && s.length === 7 && s.at === 1 && s.bytes[0] & 0x40 ? 0x85 : 0
      },
    },
    {
      reason: 'a reset leaves the heads where they are, and ends the request for an interrupt at once; in QEMU the heads go to track 0',
      avoid: (o, on) => {
        const s = on.system.instance('fdc').state
        return o.op === 'out' && o.at === DOR && !(o.value & 4) && (s.irq || s.drive[0].track || s.drive[1].track)
      },
    },
    {
      reason: 'section 5.2: the interrupt of a seek lasts until SENSE INTERRUPT STATUS; QEMU\'s until the end of any result',
      avoid: (o, on) => {
        const s = on.system.instance('fdc').state
        return o.op === 'out' && o.at === DATA && s.phase === 0 && s.at === 0 && s.irq && o.value !== 8
      },
    },
    {
      reason: 'section 6.2: after a reset each drive tells where its heads are; QEMU tells it of the selected one',
      mask: (o, on) => {
        const s = on.system.instance('fdc').state
        return o.op === 'in' && o.at === DATA && s.length === 2 && s.at === 1 && s.bytes[0] >= 0xc0 ? 0xff : 0
      },
    },
    {
      reason: 'section 6.1: ST0 has the head that was used, and no seek but that of SEEK; QEMU\'s is one sector further',
      mask: (o, on) => {
        const s = on.system.instance('fdc').state
        return o.op === 'in' && o.at === DATA && s.length === 7 && s.at === 0 ? 0x24 : 0
      },
    },
    {
      reason: 'section 5.1.1: another track\'s sector is not found; QEMU seeks to it',
      avoid: (o, on) => {
        const s = on.system.instance('fdc').state
        return o.op === 'out' && o.at === DATA && s.phase === 0 && s.at === 2 && [5, 6].includes(s.bytes[0] & 0x1f)
          && o.value !== s.drive[s.bytes[1] & 3].track
      },
    },
    {
      reason: 'section 2.1.5: while it is held in reset the controller is not ready; reading that ends the reset of QEMU\'s',
      avoid: (o, on) => o.op === 'in' && o.at === MSR && !(on.system.instance('fdc').state.output & 4),
    },
    {
      reason: 'the 82077AA selects one of four drives; QEMU\'s has two',
      avoid: (o, on) => {
        const s = on.system.instance('fdc').state
        return o.op === 'out' && ((o.at === DATA && s.phase === 0 && s.at === 1 && ![0x03, 0x12, 0x13].includes(s.bytes[0]) && (o.value & 2) !== 0) || (o.at === DOR && (o.value & 2) !== 0))
      },
    },
    {
      reason: 'commands of the 82078, which the 82077AA has not, and scan commands, which are not implemented',
      avoid: (o, on) => {
        const s = on.system.instance('fdc').state
        return o.op === 'out' && o.at === DATA && s.phase === 0 && s.at === 0
          && ([0x17, 0x18, 0x2e, 0x33, 0x4e, 0x8e, 0xcd, 0x8f, 0xcf].includes(o.value) || [0x11, 0x19, 0x1d].includes(o.value & 0x1f))
      },
    },
  ],
}
