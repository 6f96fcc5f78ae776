// Text for the monitor's `info`.
import type { Topic } from './control.ts'
import type { Machine } from './machine.ts'

type Options = { cpu?: number; all?: boolean; filter?: string }

const hex = (n: bigint | number, digits: number) => n.toString(16).padStart(digits, '0')

export function describe(m: Machine, topic: Topic, o: Options): string | undefined {
  switch (topic) {
    case 'registers':
      return (o.all ? m.cpuObjects.map((_, i) => i) : [o.cpu ?? 0]).map(i => registers(m, i)).join('\n')
    case 'mtree':
      return m.bound.system.memory.ranges
        .map(r => `${hex(r.start, 16)}-${hex(r.end - 1, 16)} (${r.region.kind}): ${r.region.name}`).join('\n')
    case 'accel':
      return m.info.accelReason ?? m.info.accel
    default:
      return undefined
  }
}

function registers(m: Machine, cpu: number): string {
  const { debug } = m.cpuObjects[cpu]!
  const cells = debug.registers.filter(r => r.number < 65).map(r => `${r.name.padEnd(5)} ${hex(debug.read(r.number) ?? 0n, r.bits / 4)}`)
  const lines = [`CPU#${cpu}`]
  for (let i = 0; i < cells.length; i += 4) lines.push(cells.slice(i, i + 4).join('  '))
  return lines.join('\n')
}
