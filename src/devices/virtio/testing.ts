// A driver for tests: sets a device up through the MMIO transport and works its queues as a guest does.
import { bench, type Bench } from '../../device/testing.ts'
import type { AnyDevice } from '../../device/define.ts'
import { cpuWire } from '../../device/irq.ts'
import { F } from './ring.ts'

export const RAM = 0x8000_0000, RAM_BYTES = 1 << 20, SLOT = 0x1000_1000
const QUEUE_BYTES = 0x4000, DATA_BYTES = 0x2_0000

export type Buffer = {
  readonly bytes: number
  readonly write?: boolean
  readonly data?: ArrayLike<number>
  readonly at?: number
}
export type Done = { readonly id: number; readonly length: number }

/** Reads and writes of registers by offset. */
export type Registers = {
  get(offset: number, size?: number): number
  set(offset: number, value: number, size?: number): void
}

export function virtioBench(
  device: AnyDevice, properties: { [name: string]: unknown } = {},
): Bench & { regs: Registers } {
  const b = bench({
    name: 'virtio', memory: [{ kind: 'ram', name: 'ram', at: RAM, sizeBytes: RAM_BYTES, hostOffset: 0 }],
    devices: [{ device, id: 'dev', properties, at: { mmio: SLOT }, wires: { irq: cpuWire(0, 'irq') } }],
  })
  const m = b.system.memory
  return {
    ...b,
    regs: {
      get: (offset, size = 4) => m.read(SLOT + offset, size),
      set: (offset, value, size = 4) => m.write(SLOT + offset, size, value),
    },
  }
}

/** The initialisation sequence (section 3.1.1) up to and including DRIVER_OK. */
export function start(
  b: Bench & { regs: Registers }, want: (bit: number) => boolean, queues: number, size = 16,
): Ring[] {
  const { get, set } = b.regs
  set(0x70, 0)
  set(0x70, 3)
  let packed = false
  for (const word of [0, 1]) {
    set(0x14, word)
    set(0x24, word)
    const offered = get(0x10)
    let chosen = 0
    for (let bit = 0; bit < 32; bit++)
      if ((offered >>> bit) & 1 && (word * 32 + bit === F.VERSION_1 || want(word * 32 + bit)))
        chosen |= 1 << bit
    set(0x20, chosen >>> 0)
    if (word === 1) packed = ((chosen >>> (F.RING_PACKED - 32)) & 1) === 1
  }
  set(0x70, 11)
  const rings = Array.from({ length: queues }, (_, i) => ring(b, i, size, packed))
  for (const r of rings) r.enable()
  set(0x70, 15)
  return rings
}

export type Ring = {
  readonly desc: number
  readonly driver: number
  readonly device: number
  readonly size: number
  enable(): void
  /** Makes a buffer available; its id. */
  add(parts: readonly Buffer[], indirect?: boolean): number
  kick(): void
  /** Buffers that came back since. */
  used(): Done[]
  /** Contents of a part of the buffer that was added last. */
  part(index: number): Uint8Array
}

function ring(b: Bench & { regs: Registers }, index: number, size: number, packed: boolean): Ring {
  const m = b.system.memory, { set } = b.regs
  const desc = RAM + 0x1000 + index * QUEUE_BYTES, driver = desc + 0x1000, device = desc + 0x2000
  const dataBase = RAM + 0x8_0000 + index * DATA_BYTES
  let dataAt = dataBase, last: { at: number; bytes: number }[] = []
  let next = 0, wrap = 1, usedAt = 0, usedWrap = 1, freeId = 0
  const counts = new Map<number, number>()

  const place = (parts: readonly Buffer[]) => parts.map(p => {
    if (dataAt + p.bytes > dataBase + DATA_BYTES) dataAt = dataBase
    const at = p.at ?? dataAt
    if (p.at === undefined) dataAt += Math.ceil(p.bytes / 16) * 16
    if (p.data) m.writeBytes(at, Uint8Array.from(p.data))
    return { at, bytes: p.bytes, write: p.write ?? false }
  })
  const descriptor = (at: number, pa: number, bytes: number, a: number, z: number) => {
    m.writeWide(at, pa >>> 0, Math.floor(pa / 2 ** 32))
    m.write(at + 8, 4, bytes)
    m.write(at + 12, 2, a)
    m.write(at + 14, 2, z)
  }
  /** A table for an indirect descriptor. */
  function tableOf(parts: ReturnType<typeof place>): number {
    const table = dataAt
    dataAt += 16 * parts.length
    parts.forEach((p, i) => {
      const flags = (p.write ? 2 : 0) | (!packed && i < parts.length - 1 ? 1 : 0)
      if (packed) descriptor(table + 16 * i, p.at, p.bytes, 0, flags)
      else descriptor(table + 16 * i, p.at, p.bytes, flags, i + 1)
    })
    return table
  }

  return {
    desc, driver, device, size,
    enable() {
      set(0x30, index)
      set(0x38, size)
      for (const [reg, at] of [[0x80, desc], [0x90, driver], [0xa0, device]] as const) {
        set(reg, at >>> 0)
        set(reg + 4, Math.floor(at / 2 ** 32))
      }
      set(0x44, 1)
    },
    add(parts, indirect = false) {
      const placed = place(parts)
      last = placed
      const list = indirect ? [{ at: tableOf(placed), bytes: 16 * placed.length, write: false }] : placed
      const id = freeId
      if (packed) {
        freeId = (freeId + 1) % size
        counts.set(id, list.length)
        const first = next, firstWrap = wrap
        const flagsOf = (i: number) =>
          (indirect ? 4 : 0) | (list[i]!.write ? 2 : 0) | (i < list.length - 1 ? 1 : 0)
        const marks = (w: number) => (w ? 0x80 : 0x8000)
        list.forEach((p, i) => {
          if (i > 0) descriptor(desc + 16 * next, p.at, p.bytes, id, flagsOf(i) | marks(wrap))
          next = (next + 1) % size
          if (next === 0) wrap ^= 1
        })
        descriptor(desc + 16 * first, list[0]!.at, list[0]!.bytes, id, flagsOf(0) | marks(firstWrap))
        return id
      }
      list.forEach((p, i) => {
        const flags = (indirect ? 4 : 0) | (p.write ? 2 : 0) | (i < list.length - 1 ? 1 : 0)
        descriptor(desc + 16 * ((id + i) % size), p.at, p.bytes, flags, (id + i + 1) % size)
      })
      freeId = (freeId + list.length) % size
      m.write(driver + 4 + 2 * (next % size), 2, id)
      next = (next + 1) & 0xffff
      m.write(driver + 2, 2, next)
      return id
    },
    kick() { set(0x50, index) },
    used() {
      const out: Done[] = []
      if (packed)
        for (; ;) {
          const at = desc + 16 * usedAt, flags = m.read(at + 14, 2)
          if (((flags >>> 7) & 1) !== usedWrap || flags >>> 15 !== usedWrap) return out
          const id = m.read(at + 12, 2)
          out.push({ id, length: m.read(at + 8, 4) })
          usedAt += counts.get(id) ?? 1
          if (usedAt >= size) usedWrap ^= 1
          usedAt %= size
        }
      for (const idx = m.read(device + 2, 2); usedAt !== idx; usedAt = (usedAt + 1) & 0xffff) {
        const at = device + 4 + 8 * (usedAt % size)
        out.push({ id: m.read(at, 4), length: m.read(at + 4, 4) })
      }
      m.write(driver + 4 + 2 * size, 2, usedAt) // used_event: interrupt at the next
      return out
    },
    part(i) {
      const bytes = new Uint8Array(last[i]!.bytes)
      m.readBytes(last[i]!.at, bytes)
      return bytes
    },
  }
}
