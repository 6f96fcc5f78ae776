// x86 processors as the assembly knows them: what they need of the board, and how messages reach their local APICs.
import { acknowledgeInterrupt } from '../devices/irq/i8259.ts'
import { endOfInterrupt } from '../devices/irq/ioapic.ts'
import { x86Kvm } from '../accel/kvm/x86/arch.ts'
import { unsupported } from '../accel/kvm/x86/cpuid.ts'
import { x86KvmCpu } from '../accel/kvm/x86/processor.ts'
import { pulseLint1, sendMessage } from '../isa/x86/apic.ts'
import { makeCore, type X86Platform } from '../isa/x86/core.ts'
import { describeMemory, describeTranslations } from '../isa/x86/describe-paging.ts'
import { startDirect } from '../isa/x86/direct.ts'
import { setLine } from '../isa/x86/lines.ts'
import { modelOf } from '../isa/x86/models.ts'
import { cpuOf, makeCpu } from '../isa/x86/processor.ts'
import { x86 } from '../isa/x86/x86.ts'
import type { ArchSupport, CpuConfig, Surroundings } from './arch.ts'

/** Numbers from the host, taken some at a time. */
function randomBits(): () => number {
  const some = new Int32Array(64)
  let next = some.length
  return () => {
    if (next === some.length) {
      crypto.getRandomValues(some)
      next = 0
    }
    return some[next++]!
  }
}

const platformOf = ({ states, kick, request, system }: Surroundings, { spec, kvm }: CpuConfig): X86Platform => {
  const pic = system.instance('pic'), ioapic = system.instance('ioapic')
  return {
    states, kick,
    ...(spec.machine === 'pc' && { topology: spec.topology }),
    ...(kvm?.counterKhz !== undefined && { tscKhz: kvm.counterKhz }),
    reset: () => request('reset', 0),
    acknowledge: () => pic.call(acknowledgeInterrupt),
    eoi: vector => ioapic.call(endOfInterrupt(vector)),
    random: randomBits(),
    io: system.io,
  }
}

/** An interrupt message: destination and logical flag in the address, the rest in the data. Intel SDM volume 3, 11.11. */
const message: ArchSupport['message'] = ({ views, states, kick }, offset, data) =>
  sendMessage({ i32: views.i32, states, kick }, {
    destination: (offset >> 12) & 0xff, logical: (offset & 4) !== 0, mode: (data >> 8) & 7, vector: data & 0xff,
    level: (data & 0x8000) !== 0,
  })

/** Of the masks of memory types: what every model has at least. */
const PHYSICAL_BITS = 36

const support = (long: boolean): ArchSupport => ({
  isa: x86,
  makeCpu: (at, services, around, config) =>
    makeCpu(x86, around.views, at, services, platformOf(around, config), modelOf(config.spec.cpu, long)),
  setLine,
  message,
  nmi: ({ views, states, kick }) => pulseLint1({ i32: views.i32, states, kick }),
  describeMemory,
  describeTranslations,
  start(views, at, cpu, index, boot) {
    if (boot.kind === 'direct') {
      if (index > 0) return
      startDirect(views, at, boot.state, PHYSICAL_BITS)
      cpu.refresh()
    } else if (boot.kind !== 'firmware') throw new Error(`an x86 processor cannot begin with '${boot.kind}'`)
  },
  kvm: {
    arch: x86Kvm,
    narrow(machine, cpu) {
      const lacks = unsupported(machine, modelOf(cpu, long))
      return { lacks, cpu: [cpu, ...lacks.map(feature => `-${feature}`)].join(',') }
    },
    makeCpu(vcpu, stats, at, services, around, config) {
      const core = makeCore(around.views, at, services, platformOf(around, config), modelOf(config.spec.cpu, long))
      return x86KvmCpu(vcpu, core, cpuOf(x86, core), stats)
    },
  },
})

export const x86_64 = support(true), i386 = support(false)
