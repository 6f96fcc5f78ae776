// The `pc` machine: an Intel 440FX host bridge and a PIIX3 with the devices of a PC, at the addresses and with
// the interrupt numbers of QEMU's machine of that name, so that the same firmware and kernels boot.
import type { Board, BoardDevice, BoardMemory } from '../device/board.ts'
import { cpuWire, wire } from '../device/irq.ts'
import { i8259 } from '../devices/irq/i8259.ts'
import { pcspk } from '../devices/misc/pcspk.ts'
import { i8254 } from '../devices/timer/i8254.ts'
import { mc146818rtc } from '../devices/timer/mc146818rtc.ts'
import { pcCmos, type CmosOptions } from './pc-cmos.ts'

export const IO_SPACE = 'io'

export type PcOptions = {
  readonly cpus: number
  readonly ramBytes: number
  /** Where guest RAM begins in the one memory. */
  readonly ramHostOffset: number
  /** Floppy drives and boot order, for the CMOS memory; other bytes of it (disk geometry). */
  readonly boot?: Pick<CmosOptions, 'floppies' | 'bootOrder'>
  readonly cmos?: { readonly [index: number]: number }
  /** The firmware image, of at most 16 MiB, a multiple of 64 KiB. */
  readonly bios: { readonly hostOffset: number; readonly sizeBytes: number }
}

const port = (at: number) => ({ space: IO_SPACE, at })

/** RAM begins again at 4 GiB when there is as much as `LIMIT`: what is above `SPLIT` is there. */
const LIMIT = 0xe000_0000, SPLIT = 0xc000_0000
export const ramSplit = (ramBytes: number): { readonly below4G: number; readonly above4G: number } => {
  const below4G = ramBytes >= LIMIT ? SPLIT : ramBytes
  return { below4G, above4G: ramBytes - below4G }
}

/** An interrupt of the ISA bus. */
const isa = (n: number) => wire('pic', 'ir', n)

/** The board list of a configuration. Every thread makes its own from the same options. */
export function pcBoard(o: PcOptions): Board {
  const { below4G: ramBelow4G, above4G: ramAbove4G } = ramSplit(o.ramBytes)
  const devices: BoardDevice[] = [
    {
      device: i8259, id: 'pic', at: { master: port(0x20), slave: port(0xa0), elcr: port(0x4d0) },
      wires: { int: cpuWire(0, 'intr') },
    },
    { device: i8254, id: 'pit', at: { ports: port(0x40) }, wires: { irq: isa(0) } },
    { device: pcspk, id: 'pcspk', at: { port: port(0x61) }, peers: { pit: 'pit' } },
    {
      device: mc146818rtc, id: 'rtc', at: { ports: port(0x70) }, wires: { irq: isa(8) },
      properties: { cmos: { ...pcCmos({ cpus: o.cpus, ramBelow4G, ramAbove4G, ...o.boot }), ...o.cmos } },
    },
  ]
  return { name: 'pc', floating: 0xff, memory: memoryOf(o), devices }
}

function memoryOf(o: PcOptions): BoardMemory[] {
  return [
    { kind: 'space', name: IO_SPACE, sizeBytes: 0x1_0000, aborts: true, views: [] },
    { kind: 'ram', name: 'ram', at: 0, sizeBytes: o.ramBytes, hostOffset: o.ramHostOffset },
  ]
}
