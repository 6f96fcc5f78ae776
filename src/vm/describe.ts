// Text for the monitor's `info`.
import { mtree, qtree } from '../device/qtree.ts'
import type { ControllerFacet } from '../device/irq.ts'
import { type CpuTopic, vcpuCore } from '../isa/isa.ts'
import { registerText } from '../isa/registers.ts'
import { TLB_BYTES } from '../mem/tlb.ts'
import { type Permission, tlbEntries } from '../mem/tlb-entries.ts'
import { inspectState } from '../state/inspect.ts'
import { layoutOf } from '../state/layout.ts'
import { Control } from './binding.ts'
import type { Topic } from './control.ts'
import type { Machine } from './machine.ts'
import { statLines } from './stats.ts'

type Options = { cpu?: number; all?: boolean; filter?: string }

const TLB_NOW = layoutOf(vcpuCore).offsets.tlb

const hex = (n: bigint | number, digits: number) => n.toString(16).padStart(digits, '0')

/** Undefined: this machine has nothing of the kind. */
export function describe(m: Machine, topic: Topic, o: Options): string | undefined {
  const { system, arch, views } = m.bound, cpu = o.cpu ?? 0
  switch (topic) {
    case 'registers':
      return (o.all ? m.cpuObjects.map((_, i) => i) : [cpu]).map(i => processorText(m, 'registers', i) ?? registerText(i, m.cpuObjects[i]!.debug)).join('\n')
    case 'lapic': case 'mtrr':
      return processorText(m, topic, cpu)
    case 'mtree':
      return mtree(system.memory.ranges)
    case 'qtree':
      return qtree(system)
    case 'mem':
      return arch.describeMemory(views, m.bound.cpus[cpu]!.state, pa => system.memory.ramAt(pa))
    case 'tlb':
      return arch.describeTranslations(views, m.bound.cpus[cpu]!.state, pa => system.memory.ramAt(pa))
    case 'softtlb':
      return m.bound.kvm ? undefined : softwareTlb(m, cpu)
    case 'irq':
      return [...counts(m), ...m.bound.cpus.map((c, i) =>
        `CPU#${i}\n${processorText(m, 'irq', i) ?? arch.describeInterrupts?.(views, c.state)}`)].join('\n')
    case 'pic':
      return controllers(m).flatMap(c => c.lines).join('\n') || states(m, name => name.includes('plic') || name.includes('clint'))
    case 'ioapic':
      return controllers(m).filter(c => c.name === 'ioapic').flatMap(c => c.lines).join('\n') || undefined
    case 'lines':
      return lines(m)
    case 'virtio':
      return states(m, name => name.startsWith('virtio'))
    case 'jit':
      return m.bound.kvm ? undefined : m.bound.controls.map((c, i) =>
        [`CPU#${i}`, ...statLines(m.bound.views, c + Control.STATS)].join('\n')).join('\n')
    case 'roms':
      return m.images.extents.map(i =>
        `addr=${hex(i.pa, 16)} size=0x${hex(i.sizeBytes, 6)} name="${i.name}"`).join('\n') || undefined
    case 'accel':
      return m.info.accelReason ?? m.info.accel
    default:
      return undefined
  }
}

const processorText = (m: Machine, topic: CpuTopic, cpu: number) => m.cpuObjects[cpu]!.describe?.(topic, cpu)

/** Interrupt controllers that have a text of their own. */
const controllers = (m: Machine) => m.bound.system.instances.flatMap(i => {
  const facet = i.device.facets?.controller as ControllerFacet | undefined
  return facet ? [{ name: i.device.name, lines: facet.describe(i.state), counts: Array.from(facet.counts(i.state)) }] : []
}).sort((a, b) => (a.name < b.name ? -1 : 1))

/** How often each input of each controller rose. */
const counts = (m: Machine): string[] => controllers(m).flatMap(c => [
  `IRQ statistics for ${c.name}:`, ...c.counts.flatMap((n, irq) => (n ? [`${String(irq).padStart(2)}: ${n}`] : [])),
])

/** The state of devices by kind, each field a line. */
function states(m: Machine, wanted: (name: string) => boolean): string | undefined {
  const { system } = m.bound, found = system.instances.filter(i => wanted(i.device.name))
  const lines = found.flatMap(i => [
    `${i.id}: ${i.device.name}`, ...inspectState(i.plan.layout, system.views, i.stateAt).map(l => `  ${l}`),
  ])
  return lines.join('\n') || undefined
}

/** What generated code of processor `cpu` reaches without asking again. */
function softwareTlb(m: Machine, cpu: number): string {
  const { system, views, arch } = m.bound, { tlb, state } = m.bound.cpus[cpu]!
  const current = views.u32[(state + TLB_NOW) >>> 2]!
  const shown = (letter: string, p: Permission) => (p === 'none' ? ' -' : p === 'slow' ? `s${letter}` : ` ${letter}`)
  const lines = ['bank mode vaddr            paddr            access (s: not directly; *: the table in use)']
  for (const e of tlbEntries(views, tlb, arch.isa.mmuModes)) {
    const pa = e.read === 'direct' || e.write === 'direct' ? system.memory.physicalOf(e.host) : -1
    const here = current === tlb + (e.bank * arch.isa.mmuModes + e.mode) * TLB_BYTES ? '*' : ' '
    const where = pa < 0 ? '-'.repeat(16) : hex(pa, 16)
    lines.push(`${String(e.bank).padStart(4)} ${String(e.mode).padStart(4)}${here}${hex(e.va, 16)} ${where} ` +
      `${shown('r', e.read)}${shown('w', e.write)}`)
  }
  return lines.length > 1 ? lines.join('\n') : 'The software TLB is empty.'
}

/** Pins that are high now. */
function lines(m: Machine): string {
  const high = m.bound.system.instances.flatMap(i =>
    i.plan.outputs.flatMap((pin, k) => (i.levels[k] ? [`${i.id}: ${pin.name}[${pin.index}] is high`] : [])))
  return high.join('\n') || 'All lines are low.'
}
