// What an operation needs to know besides its operands, and where it leaves its exceptions.

/** Rounding-direction attributes of IEEE 754-2019 section 4.3; the values are those of RISC-V's `frm`. */
export const ROUND = {
  /** To nearest, ties to even. */
  RNE: 0,
  /** Towards zero. */
  RTZ: 1,
  /** Down, towards negative infinity. */
  RDN: 2,
  /** Up, towards positive infinity. */
  RUP: 3,
  /** To nearest, ties away from zero. */
  RMM: 4,
} as const
export type Rounding = typeof ROUND[keyof typeof ROUND]

/** Exceptions; the first five are where RISC-V's `fflags` has them. */
export const FLAG = {
  /** Inexact. */
  NX: 0x01,
  /** Underflow: the result is tiny and inexact. */
  UF: 0x02,
  /** Overflow. */
  OF: 0x04,
  /** Division of a finite number by zero. */
  DZ: 0x08,
  /** Invalid operation. */
  NV: 0x10,
  /** A subnormal operand was used; only policies with `denormalFlag` raise it (x86: DE). */
  DE: 0x20,
} as const

/** minNum, maxNum: 754-2008. minimumNumber, minimum and their maxima: 754-2019. x86: MINSD, MAXSD. */
export type MinMax = 'minNum' | 'minimumNumber' | 'minimum' | 'x86'

/** Where architectures differ about what IEEE 754 leaves open. */
export interface FloatPolicy {
  readonly name: FloatPolicyName
  /** Sign of the NaN that an invalid operation makes. */
  readonly defaultNanSign: 0 | 1
  /**
   * What a NaN operand makes of the result. none: the default NaN. first: the first operand that is a NaN,
   * made quiet. x87: quiet before signaling, then the larger significand, then the positive one.
   */
  readonly propagate: 'none' | 'first' | 'x87'
  /** fma of infinity, zero and a quiet NaN is invalid. */
  readonly fmaInvalidDespiteNan: boolean
  /**
   * What a NaN or a number out of range becomes as an integer. saturate: the nearest integer, and the largest
   * for a NaN. indefinite: 100…0 if signed, else all ones.
   */
  readonly toInt: 'saturate' | 'indefinite'
  /** What `min` and `max` mean when they are not told. */
  readonly minMax: MinMax
  /** DE exists. */
  readonly denormalFlag: boolean
  /** roundToInt raises it (FRNDINT) or does not (ROUNDSD). */
  readonly roundToIntDenormalFlag: boolean
  /** convert to a shorter format raises it (CVTSD2SS) or does not (FST). */
  readonly narrowingDenormalFlag: boolean
}

export type FloatPolicyName =
  | 'canonical' | 'x86' | 'x87'
  | 'arm' | 'loongarch' | 'mips' | 'ppc' | 's390x' | 'sparc' // not implemented

const policies: { readonly [name in FloatPolicyName]?: FloatPolicy } = {
  /** RISC-V: unprivileged manual, "NaN Generation and Propagation". */
  canonical: {
    name: 'canonical',
    defaultNanSign: 0,
    propagate: 'none',
    fmaInvalidDespiteNan: true,
    toInt: 'saturate',
    minMax: 'minimumNumber',
    denormalFlag: false,
    roundToIntDenormalFlag: false,
    narrowingDenormalFlag: false,
  },
  /** SSE and AVX: SDM volume 1, table 4-7 "Rules for Handling NaNs". */
  x86: {
    name: 'x86',
    defaultNanSign: 1,
    propagate: 'first',
    fmaInvalidDespiteNan: false,
    toInt: 'indefinite',
    minMax: 'x86',
    denormalFlag: true,
    roundToIntDenormalFlag: false,
    narrowingDenormalFlag: true,
  },
  /** SDM volume 1, table 4-7 and section 8.5 "x87 FPU Floating-Point Exception Conditions". */
  x87: {
    name: 'x87',
    defaultNanSign: 1,
    propagate: 'x87',
    fmaInvalidDespiteNan: false,
    toInt: 'indefinite',
    minMax: 'x86',
    denormalFlag: true,
    roundToIntDenormalFlag: true,
    narrowingDenormalFlag: false,
  },
}

export function floatPolicy(name: FloatPolicyName): FloatPolicy {
  const policy = policies[name]
  if (!policy) throw new Error(`not implemented: floating-point NaN policy '${name}'`)
  return policy
}

export interface FloatContext {
  rounding: Rounding
  /** Exceptions since somebody cleared them: FLAG bits, accumulated. */
  flags: number
  /** The last result that is inexact is greater in magnitude than what was rounded (x87 C1). */
  up: boolean
  /** Whether a result is tiny is decided before or after rounding to the format's precision. */
  tininess: 'before' | 'after'
  nan: FloatPolicy
  /** Bits that add, sub, mul, div and sqrt round to in the same range (x87 PC); 0: the format's own. */
  precision: number
  /** Subnormal operands count as zeros (x86 DAZ). */
  denormalsAreZero: boolean
  /** Tiny results become zeros, and raise UF and NX (x86 FTZ). */
  flushToZero: boolean
}

export function floatContext(
  policy: FloatPolicyName, settings: Partial<Omit<FloatContext, 'nan'>> = {},
): FloatContext {
  return {
    rounding: ROUND.RNE,
    flags: 0,
    up: false,
    tininess: 'after',
    nan: floatPolicy(policy),
    precision: 0,
    denormalsAreZero: false,
    flushToZero: false,
    ...settings,
  }
}
