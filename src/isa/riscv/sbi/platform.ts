// What the built-in SBI needs from the machine around it.
import type { Views } from '../../../state/views.ts'

export type SbiPlatform = {
  readonly views: Views
  /** Byte addresses of the states of all harts; a hart's number is its index. */
  readonly harts: readonly number[]
  /** Makes a hart look at its interrupts: sets its ExitRequest.INTERRUPT and wakes it. Any thread. */
  kick(hart: number): void
  /** Does a fence on other harts. When it returns, none of them executes another instruction without it. */
  remoteFence(hart: number, fence: RemoteFence): void
  /** Ends or restarts the machine; the calling hart runs no further instruction. */
  reset(kind: 'shutdown' | 'coldReboot' | 'warmReboot', failure: boolean): void
  /** The debug console: a byte out (false if it cannot be taken now), a byte in (-1 if there is none). */
  readonly console: { put(byte: number): boolean; get(): number }
}

/** Without pages: everything. A page is an address in it, as two signed halves. */
export type RemoteFence =
  | { readonly kind: 'fence.i' }
  | {
    readonly kind: 'sfence.vma'
    readonly asid: number | undefined
    readonly pages: readonly (readonly [lo: number, hi: number])[] | undefined
  }
