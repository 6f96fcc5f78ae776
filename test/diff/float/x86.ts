// What the host processor executes: SSE, FMA with F16C, AVX-512 with FP16.

import * as sf from '../../../src/base/softfloat.ts'
import {
  FLAG, ROUND, UNORDERED, binary16, binary32, binary64, type FloatFormat,
} from '../../../src/base/softfloat.ts'
import {
  binary, conversion, fromInteger, fused, toInteger, unary, type Operation, type Target,
} from './target.ts'

/** IE, DE, ZE, OE, UE, PE: bits 0 to 5 of MXCSR and of the x87 status word. */
export function x86Flags(native: number): number {
  const inOrder = [FLAG.NV, FLAG.DE, FLAG.DZ, FLAG.OF, FLAG.UF, FLAG.NX]
  return inOrder.reduce((all, flag, i) => native >> i & 1 ? all | flag : all, 0)
}

/** RMM does not exist. */
export const x86Roundings = [ROUND.RNE, ROUND.RTZ, ROUND.RDN, ROUND.RUP]

/** CF, PF and ZF after COMISD. */
const comparison = (f: FloatFormat, signaling: boolean): Operation => ({
  operands: [f, f],
  width: 64,
  run(ctx, a, b) {
    const order = sf.compare(f, a, b, ctx, signaling)
    return order === UNORDERED ? 0x45n : order === 0 ? 0x40n : order < 0 ? 1n : 0n
  },
})

const sseFormat = (f: FloatFormat, s: string): Record<string, Operation> => ({
  [`add${s}`]: binary(f, sf.add),
  [`sub${s}`]: binary(f, sf.sub),
  [`mul${s}`]: binary(f, sf.mul),
  [`div${s}`]: binary(f, sf.div),
  [`min${s}`]: binary(f, sf.min),
  [`max${s}`]: binary(f, sf.max),
  [`sqrt${s}`]: unary(f, sf.sqrt),
  [`comi${s}`]: comparison(f, true),
  [`ucomi${s}`]: comparison(f, false),
  [`cvt${s}2si32`]: toInteger(f, 32, true),
  [`cvt${s}2si64`]: toInteger(f, 64, true),
  [`cvtt${s}2si32`]: toInteger(f, 32, true, ROUND.RTZ),
  [`cvtt${s}2si64`]: toInteger(f, 64, true, ROUND.RTZ),
  [`cvtsi2${s}32`]: fromInteger(f, 32, true),
  [`cvtsi2${s}64`]: fromInteger(f, 64, true),
  [`round${s}`]: unary(f, (g, a, ctx) => sf.roundToInt(g, a, ctx, true)),
  [`round${s} quiet`]: unary(f, (g, a, ctx) => sf.roundToInt(g, a, ctx, false)),
})

const host = {
  compiler: ['gcc', '-O1', '-march=x86-64-v3'],
  runner: [],
  arch: 'x64',
  roundings: x86Roundings,
  modes: [0, 1, 2, 3],
  context: (rounding: sf.Rounding, mode: number) =>
    sf.floatContext('x86', { rounding, denormalsAreZero: (mode & 1) !== 0, flushToZero: (mode & 2) !== 0 }),
  flags: x86Flags,
}

export const sse: Target = {
  ...host,
  name: 'sse',
  source: 'sse.c',
  cpuFlags: ['sse4_1'],
  operations: {
    ...sseFormat(binary32, 'ss'),
    ...sseFormat(binary64, 'sd'),
    cvtsd2ss: conversion(binary64, binary32),
    cvtss2sd: conversion(binary32, binary64),
  },
}

const fmaForms = (name: string, s: string, op: Operation): Record<string, Operation> =>
  ({ [`${name}132${s}`]: op, [`${name}213${s}`]: op, [`${name}231${s}`]: op })

const fmaFormat = (f: FloatFormat, s: string): Record<string, Operation> => ({
  ...fmaForms('vfmadd', s, fused(f, false, false)),
  ...fmaForms('vfmsub', s, fused(f, false, true)),
  ...fmaForms('vfnmadd', s, fused(f, true, false)),
  ...fmaForms('vfnmsub', s, fused(f, true, true)),
})

/** The operation in a context of which some settings do not count. */
const without = (op: Operation, settings: Partial<sf.FloatContext>): Operation =>
  ({ ...op, run: (ctx, a, b, c) => op.run(Object.assign(ctx, settings), a, b, c) })

export const avx: Target = {
  ...host,
  name: 'avx',
  source: 'avx.c',
  cpuFlags: ['fma', 'f16c'],
  operations: {
    ...fmaFormat(binary32, 'ss'),
    ...fmaFormat(binary64, 'sd'),
    // SDM: VCVTPS2PH ignores FTZ, VCVTPH2PS ignores DAZ and raises no DE.
    vcvtps2ph: without(conversion(binary32, binary16), { flushToZero: false }),
    vcvtph2ps: {
      ...without(conversion(binary16, binary32), { denormalsAreZero: false }),
      ignoredFlags: FLAG.DE,
    },
  },
}

const unsigned = (f: FloatFormat, s: string): Record<string, Operation> => ({
  [`vcvt${s}2usi32`]: toInteger(f, 32, false),
  [`vcvt${s}2usi64`]: toInteger(f, 64, false),
  [`vcvtusi2${s}32`]: fromInteger(f, 32, false),
  [`vcvtusi2${s}64`]: fromInteger(f, 64, false),
})

export const avx512: Target = {
  ...host,
  name: 'avx512',
  source: 'avx512.c',
  compiler: ['gcc', '-O1'],
  cpuFlags: ['avx512f', 'avx512_fp16'],
  // Half-precision instructions ignore DAZ and FTZ.
  modes: [0],
  operations: {
    vaddsh: binary(binary16, sf.add),
    vsubsh: binary(binary16, sf.sub),
    vmulsh: binary(binary16, sf.mul),
    vdivsh: binary(binary16, sf.div),
    vminsh: binary(binary16, sf.min),
    vmaxsh: binary(binary16, sf.max),
    vsqrtsh: binary(binary16, (f, _a, b, ctx) => sf.sqrt(f, b, ctx)),
    vfmadd231sh: fused(binary16, false, false),
    vcvtsd2sh: conversion(binary64, binary16),
    vcvtsh2sd: conversion(binary16, binary64),
    ...unsigned(binary32, 'ss'),
    ...unsigned(binary64, 'sd'),
    ...unsigned(binary16, 'sh'),
  },
}
