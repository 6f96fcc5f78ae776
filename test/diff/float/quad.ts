// binary128 as RISC-V's C library computes it.

import * as sf from '../../../src/base/softfloat.ts'
import { ROUND, binary128, binary32, binary64 } from '../../../src/base/softfloat.ts'
import { riscv } from './riscv.ts'
import { binary, conversion, fromInteger, fused, predicate, unary, type Target } from './target.ts'

const f = binary128

export const quad: Target = {
  ...riscv,
  name: 'quad',
  source: 'quad.c',
  libraries: ['-lm'],
  // The library knows no RMM.
  roundings: [ROUND.RNE, ROUND.RTZ, ROUND.RDN, ROUND.RUP],
  operations: {
    add: binary(f, sf.add),
    sub: binary(f, sf.sub),
    mul: binary(f, sf.mul),
    div: binary(f, sf.div),
    sqrt: unary(f, sf.sqrt),
    fma: fused(f, false, false),
    fmod: binary(f, (g, a, b, ctx) => sf.rem(g, a, b, ctx, 'truncated')),
    rint: unary(f, (g, a, ctx) => sf.roundToInt(g, a, ctx, true)),
    eq: predicate(f, sf.eq),
    lt: predicate(f, sf.lt),
    le: predicate(f, sf.le),
    'to binary32': conversion(f, binary32),
    'to binary64': conversion(f, binary64),
    // libgcc widens a NaN with its payload; RISC-V's FCVT.Q.S and FCVT.Q.D would return the canonical NaN.
    'from binary32': { ...conversion(binary32, f), anyNan: f },
    'from binary64': { ...conversion(binary64, f), anyNan: f },
    'from int32': fromInteger(f, 32, true),
    'from int64': fromInteger(f, 64, true),
    'from uint64': fromInteger(f, 64, false),
    'from int128': fromInteger(f, 128, true),
  },
}
