// F, D and Zfh, executed by QEMU's user mode.

import * as sf from '../../../src/base/softfloat.ts'
import { ROUND, binary16, binary32, binary64, type FloatFormat } from '../../../src/base/softfloat.ts'
import {
  binary, conversion, fromInteger, fused, predicate, toInteger, unary, type Operation, type Target,
} from './target.ts'

const format = (f: FloatFormat, suffix: string): Record<string, Operation> => ({
  [`fadd.${suffix}`]: binary(f, sf.add),
  [`fsub.${suffix}`]: binary(f, sf.sub),
  [`fmul.${suffix}`]: binary(f, sf.mul),
  [`fdiv.${suffix}`]: binary(f, sf.div),
  [`fmin.${suffix}`]: binary(f, sf.min),
  [`fmax.${suffix}`]: binary(f, sf.max),
  [`fsqrt.${suffix}`]: unary(f, sf.sqrt),
  [`fmadd.${suffix}`]: fused(f, false, false),
  [`fmsub.${suffix}`]: fused(f, false, true),
  [`fnmsub.${suffix}`]: fused(f, true, false),
  [`fnmadd.${suffix}`]: fused(f, true, true),
  [`feq.${suffix}`]: predicate(f, sf.eq),
  [`flt.${suffix}`]: predicate(f, sf.lt),
  [`fle.${suffix}`]: predicate(f, sf.le),
  [`fclass.${suffix}`]: { operands: [f], width: 64, run: (_ctx, a) => BigInt(sf.classify(f, a)) },
  [`fcvt.w.${suffix}`]: toInteger(f, 32, true),
  [`fcvt.wu.${suffix}`]: toInteger(f, 32, false),
  [`fcvt.l.${suffix}`]: toInteger(f, 64, true),
  [`fcvt.lu.${suffix}`]: toInteger(f, 64, false),
  [`fcvt.${suffix}.w`]: fromInteger(f, 32, true),
  [`fcvt.${suffix}.wu`]: fromInteger(f, 32, false),
  [`fcvt.${suffix}.l`]: fromInteger(f, 64, true),
  [`fcvt.${suffix}.lu`]: fromInteger(f, 64, false),
})

export const riscv: Target = {
  name: 'riscv',
  source: 'riscv.c',
  compiler: ['riscv64-linux-gnu-gcc', '-O1', '-static'],
  runner: ['qemu-riscv64', '-cpu', 'rv64,Zfh=true'],
  roundings: [ROUND.RNE, ROUND.RTZ, ROUND.RDN, ROUND.RUP, ROUND.RMM],
  modes: [0],
  operations: {
    ...format(binary16, 'h'),
    ...format(binary32, 's'),
    ...format(binary64, 'd'),
    'fcvt.s.d': conversion(binary64, binary32),
    'fcvt.d.s': conversion(binary32, binary64),
    'fcvt.h.s': conversion(binary32, binary16),
    'fcvt.s.h': conversion(binary16, binary32),
    'fcvt.h.d': conversion(binary64, binary16),
    'fcvt.d.h': conversion(binary16, binary64),
  },
  context: rounding => sf.floatContext('canonical', { rounding }),
  flags: native => native,
}
