// The board of `-M pc` from its plan.
import { propertiesOf } from '../../device/properties.ts'
import type { Board, BoardDevice } from '../../device/board.ts'
import type { PciPlugged } from '../../device/pci-bus.ts'
import { vga } from '../../devices/display/vga.ts'
import { ideController, vgaCard } from '../../machines/pc-cards.ts'
import { apicIdOf } from '../../isa/x86/topology.ts'
import { pcBoard, type PcOptions, port, type Topology } from '../../machines/pc.ts'
import { deviceOf, type DeviceSpec, type PcSpec, romsOf } from './board.ts'

/** The controller on the board. */
export const IDE_ID = 'ide', FLOPPY_ID = 'fdc'

export const apicIdsOf = (topology: Topology, cpus: number): number[] => Array.from({ length: cpus }, (_, n) => apicIdOf(topology, n))

export const pcBoardOf = (spec: PcSpec): Board => pcBoard(pcOptionsOf(spec))

export function pcOptionsOf(spec: PcSpec): PcOptions {
  return {
    cpus: spec.harts, ramBytes: spec.ramBytes, ramHostOffset: spec.ramHostOffset, bios: romsOf(spec)[0]!,
    boot: { bootOrder: spec.bootOrder }, smbios: spec.smbios, topology: spec.topology, apicIds: apicIdsOf(spec.topology, spec.harts), serials: spec.serials, parallels: spec.parallels,
    pci: [ideController(spec.ide), ...spec.devices.map(d => plug(d))],
    isa: spec.isa.map(onPorts), floppies: spec.floppies,
    fwCfgFiles: spec.fwCfgFiles, fwCfgItems: spec.fwCfgItems,
  }
}

function onPorts(d: DeviceSpec): BoardDevice {
  const entry = deviceOf(d), { iobase } = propertiesOf(entry.device, d.properties, d.id) as { iobase: number }
  return { ...entry, at: { port: port(iobase) } }
}

function plug(d: DeviceSpec): PciPlugged {
  const plugged = deviceOf(d)
  return plugged.device === vga ? { ...vgaCard(plugged.properties), id: d.id } : plugged
}
