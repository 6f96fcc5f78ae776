// Platform-level interrupt controller after "RISC-V Platform-Level Interrupt Controller Specification" 1.0.0,
// with its memory map, which is SiFive's. A source's gateway is level-triggered: it forwards a request when
// its line is high and none is in flight, and looks at the line again when the handler completes. Priorities
// and thresholds are WARL: bits above `num-priorities` are dropped.
// Not modelled: edge-triggered gateways.
import {
  array,
  defineDevice,
  inputs,
  numberProperty,
  outputs,
  u32,
  type Io,
  type PropertyValues,
  type StateOf,
} from '../../device/define.ts'
import { VmError } from '../../base/errors.ts'
import { guestError } from '../../base/log.ts'

const PENDING = 0x1000, ENABLE = 0x2000, ENABLE_STRIDE = 0x80, CONTEXT = 0x200000, CONTEXT_STRIDE = 0x1000
const THRESHOLD = 0, CLAIM = 4

const properties = {
  'num-sources': numberProperty(96, 'interrupt sources, counting source 0, which does not exist'),
  'num-contexts': numberProperty(2, 'targets: one per hart and privilege level'),
  'num-priorities': numberProperty(7, 'highest priority; a power of two less one'),
}
type P = PropertyValues<typeof properties>
const pins = { source: inputs('num-sources'), context: outputs('num-contexts') }
const wordsOf = (p: P) => Math.ceil(p['num-sources'] / 32)

// One bit per source in each of these, 32 to a word.
const stateOf = (p: P) => ({
  level: array(u32(), wordsOf(p)),
  pending: array(u32(), wordsOf(p)),
  /** Claimed and not yet completed: the gateway holds back. */
  claimed: array(u32(), wordsOf(p)),
  enable: array(u32(), wordsOf(p) * p['num-contexts']),
  priority: array(u32(), p['num-sources']),
  threshold: array(u32(), p['num-contexts']),
})
type S = StateOf<ReturnType<typeof stateOf>>
type IO = Io<typeof properties, typeof pins>

export const sifivePlic = defineDevice({
  name: 'riscv.sifive.plic',
  version: 1,
  description: 'platform-level interrupt controller',
  properties,
  state: stateOf,
  pins,
  regions: { mmio: { sizeBytes: 0x600000, valid: { min: 4, max: 4 } } },

  check(p) {
    if (p['num-sources'] < 2 || p['num-sources'] > 1024)
      throw new VmError('device.badProperty', `a PLIC has 2 to 1024 sources, not ${p['num-sources']}`)
    if (p['num-contexts'] < 1 || p['num-contexts'] > 1024)
      throw new VmError('device.badProperty', `a PLIC has 1 to 1024 contexts, not ${p['num-contexts']}`)
    const levels = p['num-priorities'] + 1
    if (levels < 2 || (levels & (levels - 1)) !== 0)
      throw new VmError(
        'device.badProperty',
        `${p['num-priorities']} priorities is not a power of two less one`,
      )
  },

  read(s, io, offset) {
    const words = wordsOf(io.props), contexts = io.props['num-contexts']
    if (offset < PENDING) return s.priority[offset >> 2] ?? reserved(io, offset)
    if (offset < ENABLE) return s.pending[(offset - PENDING) >> 2] ?? reserved(io, offset)
    if (offset < CONTEXT) {
      const at = offset - ENABLE, context = Math.floor(at / ENABLE_STRIDE), word = (at % ENABLE_STRIDE) >> 2
      return context < contexts && word < words ? s.enable[context * words + word]! : reserved(io, offset)
    }
    const context = Math.floor((offset - CONTEXT) / CONTEXT_STRIDE),
      register = (offset - CONTEXT) % CONTEXT_STRIDE
    if (context < contexts && register === THRESHOLD) return s.threshold[context]!
    if (context < contexts && register === CLAIM) return claim(s, context)
    return reserved(io, offset)
  },

  write(s, io, offset, value) {
    const words = wordsOf(io.props), contexts = io.props['num-contexts'], mask = io.props['num-priorities']
    if (offset < PENDING) {
      const source = offset >> 2
      if (source === 0 || source >= io.props['num-sources']) return void reserved(io, offset)
      s.priority[source] = value & mask
      return
    }
    if (offset < ENABLE) return guestError(io.id, 'pending bits are read-only')
    if (offset < CONTEXT) {
      const at = offset - ENABLE, context = Math.floor(at / ENABLE_STRIDE), word = (at % ENABLE_STRIDE) >> 2
      if (context >= contexts || word >= words) return void reserved(io, offset)
      s.enable[context * words + word] = value & sourcesIn(word, io.props['num-sources'])
      return
    }
    const context = Math.floor((offset - CONTEXT) / CONTEXT_STRIDE),
      register = (offset - CONTEXT) % CONTEXT_STRIDE
    if (context < contexts && register === THRESHOLD) s.threshold[context] = value & mask
    else if (context < contexts && register === CLAIM) complete(s, io, context, value)
    else reserved(io, offset)
  },

  input(s, _io, _pin, source, level) {
    if (source === 0) return
    const word = source >> 5, bit = 1 << (source & 31)
    if (!level) {
      s.level[word]! &= ~bit
      return
    }
    s.level[word]! |= bit
    forward(s, word, bit)
  },

  update(s, io) {
    // Asked after every access and mostly with nothing pending.
    let pending = 0
    for (let word = 0; word < s.pending.length; word++) pending |= s.pending[word]!
    if (pending === 0) {
      for (const line of io.context) line.set(false)
      return
    }
    for (let c = 0; c < io.context.length; c++) io.context[c]!.set(best(s, c, s.threshold[c]!) !== 0)
  },
})

/** The gateway: a request goes to the core when the line is high and none is in flight. */
function forward(s: S, word: number, bit: number): void {
  if (s.level[word]! & bit & ~s.claimed[word]!) s.pending[word]! |= bit
}

/**
 * The pending, enabled source of highest priority above `over`, the lowest number among equals; 0 if none.
 */
function best(s: S, context: number, over: number): number {
  const words = s.pending.length
  let found = 0, highest = over
  for (let word = 0; word < words; word++) {
    let bits = s.pending[word]! & s.enable[context * words + word]!
    while (bits !== 0) {
      const source = word * 32 + (31 - Math.clz32(bits & -bits))
      bits &= bits - 1
      if (s.priority[source]! > highest) {
        highest = s.priority[source]!
        found = source
      }
    }
  }
  return found
}

/** A claim doesn't look at the threshold ("Interrupt Claim Process"). */
function claim(s: S, context: number): number {
  const source = best(s, context, 0)
  if (source !== 0) {
    s.pending[source >> 5]! &= ~(1 << (source & 31))
    s.claimed[source >> 5]! |= 1 << (source & 31)
  }
  return source
}

/** A completion of a source that isn't enabled for the context is ignored ("Interrupt Completion"). */
function complete(s: S, io: IO, context: number, source: number): void {
  const word = source >>> 5, bit = 1 << (source & 31)
  if (word >= s.pending.length || !(s.enable[context * s.pending.length + word]! & bit))
    return guestError(
      io.id,
      () => `completion of interrupt ${source}, which context ${context} has not enabled`,
    )
  s.claimed[word]! &= ~bit
  forward(s, word, bit)
}

/** Source 0 and those past the last don't exist: their bits are hard-wired to 0. */
function sourcesIn(word: number, sources: number): number {
  const left = sources - word * 32
  const mask = left >= 32 ? 0xffffffff : (1 << left) - 1
  return word === 0 ? mask & ~1 : mask
}

function reserved(io: IO, offset: number): number {
  guestError(io.id, () => `no register at 0x${offset.toString(16)}`)
  return 0
}
