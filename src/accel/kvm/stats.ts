// What a processor has done, counted on its thread in shared memory. Names are those of the kernel's own statistics where it has such.
import type { Views } from '../../state/views.ts'
import { Exit } from './abi.ts'

const counters = [
  ['exits', 'times that the guest was left'],
  ['io_exits', 'for a port'],
  ['mmio_exits', "for a device's memory"],
  ['halt_exits', 'for a halt'],
  ['irq_window_exits', 'because an interrupt could be taken'],
  ['msr_exits', 'for a model-specific register'],
  ['debug_exits', 'for a debugger'],
  ['signal_exits', 'because somebody wanted something of the processor'],
  ['irq_injections', 'interrupts that were given to it'],
  ['state_moves', 'times that all registers were taken from the kernel'],
] as const
export type KvmCounter = (typeof counters)[number][0]
export const KVM_STATS_BYTES = 8 * counters.length

const numbers = Object.fromEntries(counters.map(([name], i) => [name, i])) as { readonly [N in KvmCounter]: number }
const byExit = new Map<number, KvmCounter>([[Exit.IO, 'io_exits'], [Exit.MMIO, 'mmio_exits'], [Exit.HLT, 'halt_exits'],
  [Exit.IRQ_WINDOW, 'irq_window_exits'], [Exit.RDMSR, 'msr_exits'], [Exit.WRMSR, 'msr_exits'], [Exit.DEBUG, 'debug_exits'], [Exit.INTR, 'signal_exits']])

export class KvmStats {
  private readonly f64: Float64Array
  private readonly at: number

  constructor({ f64 }: Views, at: number) {
    this.f64 = f64
    this.at = at >>> 3
  }

  count(name: KvmCounter): void { this.f64[this.at + numbers[name]]!++ }
  /** An exit by its reason. */
  left(reason: number): void {
    this.count('exits')
    const name = byExit.get(reason)
    if (name !== undefined) this.count(name)
  }
  list(): readonly { readonly name: KvmCounter; readonly text: string; readonly value: number }[] {
    return counters.map(([name, text], i) => ({ name, text, value: this.f64[this.at + i]! }))
  }
}
