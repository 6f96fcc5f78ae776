// The contract of src/device/contract.ts for every device. `CONTRACT_SEEDS=100 node --test
// src/devices/contract.test.ts` runs more seeds.
import { test } from 'node:test'
import type { BoardDevice } from '../device/board.ts'
import { contract, type Stage } from '../device/contract.ts'
import type { AnyDevice } from '../device/define.ts'
import { cpuWire } from '../device/irq.ts'
import { plugPci } from '../device/pci-bus.ts'
import { propertiesOf } from '../device/properties.ts'
import { countOf, planDevice } from '../device/instance.ts'
import { allDevices } from './all.ts'
import { gpexPcihost } from './pci/gpex.ts'

const RAM = { at: 0x8000_0000, sizeBytes: 1 << 20 }, FIRST = 0x1000_0000
const SEEDS = Number(process.env.CONTRACT_SEEDS ?? 2), OPERATIONS = 400
/** Where BARs may come to lie, as random writes to them decide. */
const BAR_SPACES = [{ at: 0x4000_0000, sizeBytes: 0x4000_0000 }, { at: 0x300_0000, sizeBytes: 0x1_0000 }]
/** Properties without which a device is nothing much. */
const PROPERTIES: { readonly [device: string]: { readonly [name: string]: unknown } } = {
  fw_cfg: { files: { 'opt/test': new Uint8Array(100).fill(7) } },
  'piix3-ide': {
    drives: [{ media: { sizeBytes: 1 << 20, readOnly: false } }, { kind: 'cdrom', media: { sizeBytes: 1 << 20, readOnly: true } }],
  },
  VGA: { vgamem_mb: 1, rom: Uint8Array.of(0x55, 0xaa, 1) },
  'riscv.aclint': { 'num-harts': 2 },
  'riscv.sifive.plic': { 'num-contexts': 4 },
}

function stageFor(device: AnyDevice): Stage {
  const id = 'dut', properties = PROPERTIES[device.name] ?? {}
  const memory = [
    { kind: 'ram', name: 'ram', ...RAM, hostOffset: 0 },
    {
      kind: 'space',
      name: 'pci-mem',
      sizeBytes: 2 ** 53,
      aborts: true,
      views: [{ ...BAR_SPACES[0]!, offset: BAR_SPACES[0]!.at }],
    },
    {
      kind: 'space',
      name: 'pci-io',
      sizeBytes: 0x1_0000,
      aborts: true,
      views: [{ ...BAR_SPACES[1]!, offset: 0 }],
    },
  ] as const
  const plan = planDevice(id, device, propertiesOf(device, properties, id))
  const at: { [region: string]: number } = {}, targets: { at: number; sizeBytes: number }[] = []
  let next = FIRST
  const bars = device.facets?.pci?.identity(plan.props).bars ?? {}
  for (const [region, spec] of Object.entries(device.regions) as [string, { sizeBytes: number | string }][]) {
    if (region in bars || (spec as { memory?: boolean }).memory) continue
    const sizeBytes = countOf(spec.sizeBytes, plan.props)
    at[region] = next
    targets.push({ at: next, sizeBytes })
    next += Math.ceil(sizeBytes / 4096) * 4096 + 4096
  }
  if (device.facets?.pci) {
    const intx = [0, 1, 2, 3].map(i => cpuWire(0, `int${i}`)) as [any, any, any, any]
    const devices: BoardDevice[] = [
      { device: gpexPcihost, id: 'pcie.0', at: { ecam: 0x3000_0000 } },
      ...plugPci({ bus: 'pcie.0', memory: 'pci-mem', io: 'pci-io', intx }, [
        { device, id, properties: { ...properties, addr: '01.0' } },
      ]).map(d => ({ ...d, at: { ...d.at, ...at } })),
    ]
    const config = { at: 0x3000_8000, sizeBytes: 4096 }
    return {
      board: { name: 'contract', memory, devices },
      id,
      ram: RAM,
      targets: [config, config, ...BAR_SPACES, ...targets],
    }
  }
  const wires: { [pin: string]: ReturnType<typeof cpuWire>[] } = {}
  for (const { name, index } of plan.outputs) (wires[name] ??= []).push(cpuWire(0, `${name}${index}`))
  return {
    board: { name: 'contract', memory, devices: [{ device, id, properties, at, wires }] },
    id,
    ram: RAM,
    targets,
  }
}

for (const device of allDevices)
  for (const [promise, check] of Object.entries(contract))
    test(`${device.name}: ${promise}`, () => {
      const stage = stageFor(device)
      for (let seed = 1; seed <= SEEDS; seed++) check(stage, seed, OPERATIONS)
    })
