// Devices and memory as text: what `info qtree` and `info mtree` print.
import type { FlatRange } from '../mem/regions.ts'
import { inspectState } from '../state/inspect.ts'
import type { System } from './board.ts'
import type { Instance } from './instance.ts'

/** Every device with its properties, pins and state, children of a bus under it. */
export function qtree(system: System, options: { state?: boolean } = {}): string {
  const parents = new Map(system.board.devices.map(d => [d.id, d.bus]))
  const lines: string[] = [`machine: ${system.board.name}`]
  const show = (i: Instance, indent: string) => {
    lines.push(`${indent}dev: ${i.device.name}, id "${i.id}"`)
    const inner = `${indent}  `
    for (const [name, value] of Object.entries(i.props))
      lines.push(`${inner}${name} = ${propertyText(value)}`)
    for (const [region, at] of Object.entries(system.board.devices.find(d => d.id === i.id)!.at ?? {}))
      lines.push(
        `${inner}region ${region}: ${typeof at === 'number' ? hex(at) : windowText(system, i.id, region)}`,
      )
    i.plan.outputs.forEach((o, k) => {
      if (i.levels[k]) lines.push(`${inner}pin ${o.name}[${o.index}] is high`)
    })
    if (options.state !== false)
      for (const line of inspectState(i.plan.layout, system.views, i.stateAt)) lines.push(`${inner}${line}`)
    for (const child of system.instances) if (parents.get(child.id) === i.id) show(child, inner)
  }
  for (const i of system.instances) if (parents.get(i.id) === undefined) show(i, '  ')
  return lines.join('\n')
}

/** The flat view, a range a line. */
export function mtree(ranges: readonly FlatRange[]): string {
  return ranges.map(r => {
    const kind = r.region.kind === 'mmio' ? 'i/o' : r.region.rom ? 'rom' : 'ram'
    const offset = r.offset ? ` @${wide(r.offset)}` : ''
    return `  ${wide(r.start)}-${wide(r.end - 1)} ${kind}: ${r.region.name}${offset}`
  }).join('\n')
}

function windowText(system: System, id: string, region: string): string {
  const at = system.windowSlots.find(w => w.id === id && w.region === region)?.window.at()
  return at === undefined ? 'not mapped' : hex(at)
}

function propertyText(value: unknown): string {
  if (typeof value === 'string') return `"${value}"`
  if (typeof value === 'object' && value !== null) return '<data>'
  return String(value)
}

const hex = (n: number) => `0x${n.toString(16)}`
const wide = (n: number) => n.toString(16).padStart(16, '0')
