// The machines that scripts run on: QEMU's, and ours of the same name, each with a way to tell QEMU's time.
import type { Board } from '../../../src/device/board.ts'
import { pcBoard, type PcOptions } from '../../../src/machines/pc.ts'
import { VIRT, virtBoard } from '../../../src/machines/virt-riscv.ts'
import type { Ours } from './ours.ts'
import type { Timeless } from './script.ts'

export const RAM_BYTES = 1 << 20

export type Machine = {
  /** QEMU's name of the machine, and the program that has it. */
  readonly name: string
  readonly program: string
  readonly args: readonly string[]
  /** A firmware image; none when left out. */
  readonly bios?: Uint8Array
  board(): Board
  /** Done on both sides first: puts the processor into an endless loop, switches on what tells the time. */
  readonly setup: readonly Timeless[]
  /** What is read to learn QEMU's time, and the guest time that the answers mean. */
  readonly time: readonly Timeless[]
  nowNs(answers: readonly string[], on: Ours): number
}

const JUMP_TO_SELF = { riscv: [0x6f, 0, 0, 0], x86: [0xeb, 0xfe] }

const virt: Machine = {
  name: 'virt',
  program: 'qemu-system-riscv64',
  args: [],
  board: () => virtBoard({ harts: 1, ramBytes: RAM_BYTES, ramHostOffset: 0 }),
  setup: [{ op: 'fill', at: VIRT.DRAM, bytes: Uint8Array.from(JUMP_TO_SELF.riscv) }],
  time: [0, 4].map(half => ({ op: 'read', at: VIRT.RTC + half, size: 4 })),
  // The real-time clock shows nanoseconds.
  nowNs([low, high], on) {
    const time = (BigInt(high!) << 32n) | BigInt(low!)
    return Number(BigInt.asIntN(64, time - on.system.instance('rtc').state.offsetNs))
  },
}

const BIOS_BYTES = 1 << 16, RESET_VECTOR = BIOS_BYTES - 16
const bios = new Uint8Array(BIOS_BYTES).fill(0xf4)
bios.set(JUMP_TO_SELF.x86, RESET_VECTOR)

/** The PC with more devices. */
export const pcWith = (more: Pick<PcOptions, 'pci' | 'isa'>): Board => pcBoard({
  cpus: 1, ramBytes: 2 * RAM_BYTES, ramHostOffset: 0, bios: { hostOffset: 2 * RAM_BYTES, sizeBytes: BIOS_BYTES }, ...more,
})

const HPET = { CONFIG: 0xfed00010, COUNTER: 0xfed000f0, TICK_NS: 10 }

const pc: Machine = {
  name: 'pc',
  program: 'qemu-system-x86_64',
  args: ['-vga', 'none', '-net', 'none'],
  bios,
  board: () => pcWith({}),
  // The event timer, which our machine has not, counts from there.
  setup: [{ op: 'write', at: HPET.CONFIG, size: 4, value: 1n }],
  time: [{ op: 'read', at: HPET.COUNTER, size: 8 }],
  nowNs: ([ticks]) => Number(ticks) * HPET.TICK_NS + HPET.TICK_NS / 2,
}

/** The board with properties of one device replaced. */
export const withProperties = (b: Board, id: string, properties: { readonly [name: string]: unknown }): Board => ({
  ...b,
  devices: b.devices.map(d => (d.id === id ? { ...d, properties: { ...d.properties, ...properties } } : d)),
})

export const machines = { virt, pc }
export const machineOf = (target: { readonly machine?: keyof typeof machines }): Machine =>
  machines[target.machine ?? 'virt']
