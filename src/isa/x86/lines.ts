// The inputs of a processor by the names that boards use. Any thread.
import { unimplemented } from '../../base/log.ts'
import type { Views } from '../../state/views.ts'
import { cpuLayout, Line } from './cpu.ts'

/** `intr` is the pin of the interrupt controller; `nmi` and `init` count on their rising edge; `a20` is high while bit 20 of addresses is let
 * through. */
export function setLine(views: Views, at: number, line: string, level: boolean): void {
  const word = (at + cpuLayout.offsets.lines) >>> 2
  const set = (bit: number, on: boolean) => void (on ? Atomics.or(views.i32, word, bit) : Atomics.and(views.i32, word, ~bit))
  switch (line) {
    case 'intr': return set(Line.INTR, level)
    case 'a20': return set(Line.A20M, !level)
    case 'nmi': return level ? set(Line.NMI, true) : undefined
    case 'init': return level ? set(Line.INIT, true) : undefined
    case 'smram': return // not seen without system management mode
    case 'smi': return level ? unimplemented('cpu', () => 'SMI: there is no system management mode') : undefined
    default: throw new Error(`a processor has no line '${line}'`)
  }
}
