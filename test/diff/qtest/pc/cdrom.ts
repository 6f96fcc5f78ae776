// A CD-ROM drive on the first IDE channel, against QEMU's: packets with answers through the data register and by
// the bus master, the tray, sense data.
import { AFTER } from '../../../../src/devices/block/ata.ts'
import { ideController } from '../../../../src/machines/pc-cards.ts'
import { pcWith } from '../machines.ts'
import type { Ours } from '../ours.ts'
import { portIn, portOut, random, type Op, type Random, type Timeless } from '../script.ts'
import type { Target } from '../targets.ts'
import { abandon, BM, data, mapIde, memoryDisk, quiesceIde, RAM, reg, status } from './ide.ts'

const SECTORS = 700, SECTOR = 2048, CH = 0, CONTROL = 0x3f6
const words = random(300), CONTENTS = Uint8Array.from({ length: SECTORS * SECTOR }, () => words.word() >>> 9)

const be16 = (n: number) => [n >> 8, n & 0xff], be32 = (n: number) => [...be16(n >>> 16), ...be16(n & 0xffff)]
const COMMAND = { TEST: 0, SENSE: 3, INQUIRY: 0x12, START_STOP: 0x1b, PREVENT: 0x1e, MODE_SENSE: 0x5a }

type Asked = { readonly packet: readonly number[]; readonly answer: number }
const asks = (answer: number, ...packet: number[]): Asked => ({ packet, answer })

/** A question, and how long the answer to it is at most. */
function question(r: Random): Asked {
  const some = (most: number) => r.pick([most, 255, 2 * r.below(most / 2)]) & ~1
  const [kind, n] = [r.below(18), some(36)]
  switch (kind) {
    case 0: return asks(0, COMMAND.TEST)
    case 1: return asks(Math.min(18, n), COMMAND.SENSE, 0, 0, 0, n)
    case 2: return asks(Math.min(36, n), COMMAND.INQUIRY, 0, 0, 0, n)
    case 3: return asks(8, 0x25)
    case 4: return asks(20, 0x43, 2 * r.below(2), 0, 0, 0, 0, r.pick([0, 1, 0xaa, 2]), ...be16(n), 0)
    case 5: return asks(12, 0x43, 2 * r.below(2), 0, 0, 0, 0, r.below(2), 0, n, 0x40)
    case 6: return asks(48, 0x43, 2 * r.below(2), 0, 0, 0, 0, 0, 0, n, 0x80)
    case 7: return asks(30, COMMAND.MODE_SENSE, 0, r.pick([1, 0x0e, 0x2a, 0x2a, 5, 0xc1]), 0, 0, 0, 0, ...be16(n))
    case 8: return asks(20, 0x46, r.below(3), 0, 0, 0, 0, 0, ...be16(r.pick([20, 256, 8])))
    case 9: case 10: return asks(8, 0x4a, r.pick([0, 1, 1, 1]), 0, 0, r.pick([0x10, 0x10, 2]), 0, 0, ...be16(r.pick([8, 4, 64])))
    case 11: return asks(34, 0x51, 0, 0, 0, 0, 0, 0, ...be16(n))
    case 12: return asks(8, 0xbd, 0, 0, 0, 0, 0, 0, 0, 8)
    case 13: return asks(0, COMMAND.PREVENT, 0, 0, 0, r.pick([0, 0, 1]))
    case 14: return asks(0, COMMAND.START_STOP, 0, 0, 0, r.pick([0, 1, 2, 3, 3, 0x12]))
    case 15: return asks(0, 0x2b, 0, ...be32(r.below(SECTORS + 20)))
    case 16: return asks(0, r.pick([0xff, 0xbb, 0x1a, 0x04]))
    default: return reading(r)
  }
}

function reading(r: Random): Asked {
  const count = r.below(5), at = r.chance(10) ? SECTORS - r.below(6) : r.below(SECTORS - 10)
  const packet = r.pick([
    [0x28, 0, ...be32(at), 0, ...be16(count)], [0xa8, 0, ...be32(at), ...be32(count)],
    [0xbe, 0, ...be32(at), 0, ...be16(count), 0x10],
  ])
  return asks(count * SECTOR, ...packet)
}

const send = (packet: readonly number[], limit: number, feature: number): Timeless[] => {
  const bytes = [...packet, ...Array<number>(12).fill(0)].slice(0, 12)
  return [
    portOut(reg(CH, 1), feature), portOut(reg(CH, 4), limit & 0xff), portOut(reg(CH, 5), limit >> 8), portOut(reg(CH, 7), 0xa0),
    ...status(CH), ...[0, 2, 4, 6, 8, 10].map(i => portOut(reg(CH, 0), bytes[i]! | bytes[i + 1]! << 8, 2)), ...status(CH),
  ]
}

/** Pieces are read until all is told; then status. At most what our buffer holds comes in one piece. */
function pio(r: Random, { packet, answer }: Asked): Timeless[] {
  const limit = r.pick([2048, 4096, 8192, 2 + 2 * r.below(1000), 1025 + 2 * r.below(500)]), even = limit & ~1, out: Timeless[] = []
  for (let left = answer; left > 0; left -= even) out.push(...data(r, CH, Math.ceil(Math.min(left, even) / 2), false), ...status(CH))
  return [...send(packet, limit, 0), ...out]
}

function dma(r: Random, { packet, answer }: Asked): Timeless[] {
  const at = RAM + 0x1000, buffer = RAM + 0x2_0000, bytes = Math.max(2, answer)
  const table = new Uint8Array(Uint32Array.of(buffer, 0x8000_0000 | bytes).buffer)
  return [
    { op: 'fill', at, bytes: table }, { op: 'fill', at: buffer, bytes: Uint8Array.from({ length: 64 }, () => r.word()) },
    portOut(BM + 4, at, 4), portOut(BM + 2, 0x66), ...send(packet, 0, 1), portOut(BM, 9), portIn(BM + 2), ...status(CH),
    { op: 'dump', at: buffer, bytes: bytes + 16 }, portOut(BM, 0), portOut(BM + 2, 6), ...abandon(CH),
  ]
}

const OTHER = [0x08, 0x20, 0xec, 0xc8, 0x00, 0x91, 0x90, 0xc6, 0xe7, 0xf8, 0x40, 0x10, 0x70, 0x30, 0xca]
const unitOf = (on: Ours) => on.system.instance('ide').state.unit[0]

export const cdrom: Target = {
  machine: 'pc',
  qemu: {
    watch: { type: 'ioapic', pins: 'in', only: [14] },
    files: { disc: CONTENTS },
    args: ['-drive', 'file=%DIR/disc,format=raw,if=none,id=d0,media=cdrom,readonly=on',
      '-device', 'ide-cd,drive=d0,bus=ide.0,unit=0,serial=SN0,model=MODEL 0,ver=F1'],
  },
  ours: {
    board: () => pcWith({ pci: [ideController([
      { kind: 'cdrom', media: { sizeBytes: CONTENTS.length, readOnly: true }, serial: 'SN0', model: 'MODEL 0', firmware: 'F1' },
    ])] }),
    prepare: b => b.system.attach('ide', { units: [memoryDisk(CONTENTS)] }),
    high(b) {
      b.system.serve()
      return b.system.instance('ide').io.irq[0].level ? [14] : []
    },
  },
  async prepare(on, qemu) {
    await mapIde(on, qemu)
    for (const o of [...abandon(CH), portOut(reg(CH, 7), 0xa1), ...Array<Timeless>(128).fill(portIn(reg(CH, 0), 4))]) {
      await qemu.apply(o)
      on.apply(o)
    }
  },
  next(r) {
    const kind = r.below(100)
    if (kind < 8) return [portOut(reg(CH, 7), 0xa1), ...data(r, CH, 256, false), ...status(CH)]
    if (kind < 14) return [portOut(reg(CH, 7), r.pick(OTHER)), ...status(CH), ...abandon(CH)]
    if (kind < 18) return [portOut(reg(CH, 1), 3), portOut(reg(CH, 2), r.pick([0, 8, 0x22, 0x45, 0x80])), portOut(reg(CH, 7), 0xef), ...status(CH)]
    const asked = question(r)
    return r.chance(30) && asked.answer > 0 ? dma(r, asked) : pio(r, asked)
  },
  quiesce: quiesceIde(0xfe),
  explained: [
    {
      reason: 'a byte count of 0 ends in an error with an interrupt; QEMU raises none',
      avoid: (o, on) => o.op === 'out' && o.at === reg(CH, 0) && unitOf(on).after === AFTER.PACKET
        && !unitOf(on).dma && unitOf(on).byteLimit === 0,
    },
    {
      reason: 'four bytes of two sectors are read like any others; QEMU reads zeros',
      avoid(o, on) {
        const u = unitOf(on), at = u.discAt - (u.end - u.at)
        return o.op === 'in' && o.at === reg(CH, 0) && o.size === 4 && u.after === AFTER.REPLY && u.fromDisc === 1
          && at % SECTOR > SECTOR - 4
      },
    },
    {
      reason: 'audio ports are mute; QEMU tells what its buffer held before',
      mask: (o, on) => answering(o, on, COMMAND.MODE_SENSE) && unitOf(on).buffer[8] === 0x0e && unitOf(on).at > 8 ? -1 : 0,
    },
    {
      reason: 'a reset leaves the tray open; QEMU closes it',
      avoid: (o, on) => o.op === 'out' && o.at === CONTROL && (o.value & 4) !== 0 && unitOf(on).tray === 1,
    },
    {
      reason: 'the bus master stays active when its table describes more than the answer; QEMU\'s is idle after a packet',
      mask: o => (o.op === 'in' && o.at === BM + 2 ? 1 : 0),
    },
    {
      reason: 'INQUIRY names the maker',
      mask: (o, on) => answering(o, on, COMMAND.INQUIRY) && unitOf(on).at > 8 - 4 && unitOf(on).at < 32 ? -1 : 0,
    },
    {
      reason: 'sense data is that of the command before; QEMU keeps an error\'s through commands that succeed',
      mask: (o, on) => answering(o, on, COMMAND.SENSE) && unitOf(on).senseKey === 0 ? -1 : 0,
    },
  ],
}
/** The data register is read while it tells the answer to a packet. */
function answering(o: Op, on: Ours, operation: number): boolean {
  const u = unitOf(on)
  return o.op === 'in' && o.at === reg(CH, 0) && u.after === AFTER.REPLY && u.operation === operation
}
