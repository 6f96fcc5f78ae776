// What the F and D tables share: when a floating-point instruction may run, its rounding mode, and loads and
// stores.
//
// mstatus.FS off makes every one illegal. With FS on but clean, an instruction that writes an f register or
// fflags leaves to the helper that marks the state dirty, and is executed again in the mode that says so; in
// that mode nothing has to be kept track of.
import { FpEnv, op } from '../../ir/ops.ts'
import { hartLayout, Mode, System } from './cpu.ts'
import type { Emit } from './emit.ts'

const FS_OFF = 0, FS_CLEAN = 1
const DYNAMIC = 7, LAST_RM = 4
const { frm } = hartLayout.offsets

type Lift<O> = (g: Emit, o: O) => void

/** An instruction that only reads f registers. */
export const reads = <O>(lift: Lift<O>): Lift<O> => (g, o) => (g.fs === FS_OFF ? g.illegal() : lift(g, o))

/** An instruction that writes an f register or raises flags. */
export const writes = <O>(lift: Lift<O>): Lift<O> => (g, o) => {
  if (g.fs === FS_OFF) return g.illegal()
  if (g.fs === FS_CLEAN) return g.system(System.FS_DIRTY, g.word)
  lift(g, o)
}

/** The environment of an instruction that does not round: flags only. */
export const unrounded = (g: Emit) => FpEnv.RNE | (g.mode & Mode.INEXACT ? FpEnv.INEXACT_SET : 0)

/** An instruction with a rounding mode, handed over as `env`. */
type RoundingLift<O> = (g: Emit, o: O, env: number) => void
export const rounds = <O extends { readonly rm: number }>(lift: RoundingLift<O>): Lift<O> =>
  (g, o) => {
    const dynamic = o.rm === DYNAMIC && (g.mode & Mode.NEAREST) === 0
    if (g.fs === FS_OFF || (o.rm > LAST_RM && o.rm !== DYNAMIC)) return g.illegal()
    // frm holds any three bits that were written to it; a reserved value makes the instruction illegal.
    if (dynamic) g.leaveIf(g.gtU(g.field(frm, 'i'), g.i32(LAST_RM)), System.ILLEGAL, g.word)
    if (g.fs === FS_CLEAN) return g.system(System.FS_DIRTY, g.word)
    const rm = dynamic ? FpEnv.DYN : o.rm === DYNAMIC ? FpEnv.RNE : o.rm
    lift(g, o, unrounded(g) | rm)
  }

const W = 2, D = 3

export function flw(g: Emit, rd: number, rs1: number, disp: number): void {
  g.setF(rd, g.emit(op.nanbox, g.load(W, g.x(rs1), disp, 'f')))
}
/** The register's low half as it is, whether or not it is a boxed value. */
export function fsw(g: Emit, rs2: number, rs1: number, disp: number): void {
  g.store(W, g.x(rs1), g.emit(op['i64.reinterpret_f64'], g.f(rs2)), disp)
}
export function fld(g: Emit, rd: number, rs1: number, disp: number): void {
  g.setF(rd, g.load(D, g.x(rs1), disp, 'd'))
}
export function fsd(g: Emit, rs2: number, rs1: number, disp: number): void {
  g.store(D, g.x(rs1), g.f(rs2), disp)
}
