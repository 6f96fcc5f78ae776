// The core fields of one processor's state (isa.ts, vcpuCore), as the threads around generated code read and write them.
import { vcpuCore } from '../../isa/isa.ts'
import { layoutOf } from '../../state/layout.ts'
import type { Views } from '../../state/views.ts'

/** The offsets of the core fields are the same in every ISA's state, which begins with them. */
export const core = layoutOf(vcpuCore).offsets

export class CoreState {
  readonly i32: Int32Array
  /** Word index of the state, of the operands and of the result of runtime helpers. */
  readonly w: number
  readonly args: number
  readonly result: number
  private readonly u32: Uint32Array

  constructor(views: Views, at: number) {
    this.i32 = views.i32
    this.u32 = views.u32
    this.w = at >>> 2
    this.args = (at + core.args) >>> 2
    this.result = (at + core.result) >>> 2
  }

  get pcLo(): number { return this.u32[this.w + (core.pc >>> 2)]! }
  get pcHi(): number { return this.i32[this.w + (core.pc >>> 2) + 1]! }
  setPc(lo: number, hi: number): void {
    this.i32[this.w + (core.pc >>> 2)] = lo
    this.i32[this.w + (core.pc >>> 2) + 1] = hi
  }
  get mode(): number { return this.i32[this.w + (core.mode >>> 2)]! }
  get halted(): boolean { return this.i32[this.w + (core.halted >>> 2)] !== 0 }
  get fuel(): number { return this.i32[this.w + (core.fuel >>> 2)]! }
  set fuel(polls: number) { this.i32[this.w + (core.fuel >>> 2)] = polls }
  get exitRequest(): number { return Atomics.load(this.i32, this.w) }
  clearExit(bits: number): void { Atomics.and(this.i32, this.w, ~bits) }
  requestExit(bits: number): void { Atomics.or(this.i32, this.w, bits) }
}
