// What the host processor's x87 executes.

import * as sf from '../../../src/base/softfloat.ts'
import { CLASS, FLAG, ROUND, UNORDERED, binary32, binary64, extended80 } from '../../../src/base/softfloat.ts'
import { binary, conversion, fromInteger, toInteger, unary, type Operation, type Target } from './target.ts'
import { x86Flags, x86Roundings } from './x86.ts'

const C0 = 0x100n, C2 = 0x400n, C3 = 0x4000n
const f = extended80
const precisions = [0, 53, 24]

/** C3, C2 and C0 after FCOM. */
const comparison = (signaling: boolean): Operation => ({
  operands: [f, f],
  width: 16,
  run(ctx, a, b) {
    const order = sf.compare(f, a, b, ctx, signaling)
    return order === UNORDERED ? C3 | C2 | C0 : order === 0 ? C3 : order < 0 ? C0 : 0n
  },
})

/** C3, C2 and C0 after FXAM. */
function examine(bits: bigint): bigint {
  switch (sf.classify(f, bits)) {
    case 0: return 0n
    case CLASS.SIGNALING_NAN: case CLASS.QUIET_NAN: return C0
    case CLASS.POSITIVE_INFINITY: case CLASS.NEGATIVE_INFINITY: return C2 | C0
    case CLASS.POSITIVE_ZERO: case CLASS.NEGATIVE_ZERO: return C3
    case CLASS.POSITIVE_SUBNORMAL: case CLASS.NEGATIVE_SUBNORMAL: return C3 | C2
    default: return C2
  }
}

/** The remainder takes several steps there, each of which may meet a subnormal number. */
const remainder = (quotient: 'nearest' | 'truncated'): Operation =>
  ({ ...binary(f, (g, a, b, ctx) => sf.rem(g, a, b, ctx, quotient)), ignoredFlags: FLAG.DE })

export const x87: Target = {
  name: 'x87',
  source: 'x87.c',
  compiler: ['gcc', '-O1'],
  runner: [],
  arch: 'x64',
  cpuFlags: ['fpu'],
  roundings: x86Roundings,
  modes: [0, 1, 2],
  operations: {
    fadd: binary(f, sf.add),
    fsub: binary(f, sf.sub),
    fmul: binary(f, sf.mul),
    fdiv: binary(f, sf.div),
    fsqrt: unary(f, sf.sqrt),
    frndint: unary(f, (g, a, ctx) => sf.roundToInt(g, a, ctx, true)),
    fprem: remainder('truncated'),
    fprem1: remainder('nearest'),
    fcom: comparison(true),
    fucom: comparison(false),
    fxam: { operands: [f], width: 16, run: (_ctx, a) => examine(a) },
    'fst m32': conversion(f, binary32),
    'fst m64': conversion(f, binary64),
    'fld m32': conversion(binary32, f),
    'fld m64': conversion(binary64, f),
    'fistp m16': toInteger(f, 16, true),
    'fistp m32': toInteger(f, 32, true),
    'fistp m64': toInteger(f, 64, true),
    'fisttp m64': toInteger(f, 64, true, ROUND.RTZ),
    'fild m16': fromInteger(f, 16, true),
    'fild m32': fromInteger(f, 32, true),
    'fild m64': fromInteger(f, 64, true),
  },
  context: (rounding, mode) => sf.floatContext('x87', { rounding, precision: precisions[mode]! }),
  flags: x86Flags,
}
