// Runs a script on our board, step by step, so that generators can look at the state that they steer.
import { bench, type Bench } from '../../../src/device/testing.ts'
import { deviceRamBytes, type Board } from '../../../src/device/board.ts'
import { RAM_BYTES, type Machine } from './machines.ts'
import type { Outcome } from './qemu.ts'
import type { Timeless } from './script.ts'

/** A script's operations but the passing of time, which follows QEMU's clock. */
export type Ours = Bench & { apply(o: Timeless): Outcome }
export type OursSetup = {
  /** The device whose inputs `line` drives; which pins are watched, in QEMU's numbering. */
  readonly lines?: string
  readonly high: (b: Bench) => number[]
  readonly board?: (b: Board) => Board
  /** Gives devices their back ends. */
  readonly prepare?: (b: Bench) => void
}

export function ours(machine: Machine, setup: OursSetup): Ours {
  const plain = machine.board(), board = setup.board?.(plain) ?? plain
  const sizeBytes = 8 * RAM_BYTES + 2 * deviceRamBytes(board)
  const b = bench(board, { buffer: new ArrayBuffer(sizeBytes), sizeBytes })
  setup.prepare?.(b)
  if (machine.bios) b.system.memory.writeBytes(2 ** 32 - machine.bios.length, machine.bios, true)
  for (const o of machine.setup) perform(b, setup, o, new Map())
  const lines = new Map<number, boolean>()
  return {
    ...b,
    apply(o) {
      const value = perform(b, setup, o, lines)
      return { value, high: setup.high(b) }
    },
  }
}

const hex = (n: number | bigint) => `0x${n.toString(16)}`

function perform(b: Bench, setup: OursSetup, o: Timeless, lines: Map<number, boolean>): string {
  const m = b.system.memory
  switch (o.op) {
    case 'read': {
      if (o.size !== 8) return hex(m.read(o.at, o.size))
      const pair = new Uint32Array(2)
      m.readWide(o.at, pair)
      return hex((BigInt(pair[1]!) << 32n) | BigInt(pair[0]!))
    }
    case 'write':
      if (o.size === 8) m.writeWide(o.at, Number(o.value & 0xffffffffn), Number(o.value >> 32n))
      else m.write(o.at, o.size, Number(o.value))
      return ''
    case 'in': return hex(b.system.io.read(o.at, o.size))
    case 'out':
      b.system.io.write(o.at, o.size, o.value)
      return ''
    case 'line':
      if ((lines.get(o.index) ?? false) !== o.level)
        b.system.instance(setup.lines!).driveInput(o.index, o.level)
      lines.set(o.index, o.level)
      return ''
    case 'fill':
      m.writeBytes(o.at, o.bytes)
      return ''
    case 'dump': {
      const bytes = new Uint8Array(o.bytes)
      m.readBytes(o.at, bytes)
      return hex(BigInt('0x' + Buffer.from(bytes).toString('hex')))
    }
  }
}
