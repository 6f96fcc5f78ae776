// One row is one operation: its name on the monitor and in QMP, its arguments, what it does, and how the
// monitor shows the result. Help texts, completion and `query-commands` come from the rows.
import type { Awaitable, ShutdownCause } from '../../vm/control.ts'
import type { Management } from '../management.ts'
import type { Arguments, ArgumentValues } from './arguments.ts'

/** One user's view: a monitor has a current processor, and where its last memory dump ended. */
export type CommandContext = Management & {
  cpu: number
  examined: { format: string; size: number; next: bigint }
  /** What `quit` from here is called. */
  readonly quitCause: ShutdownCause
}

export type Command<A extends Arguments = Arguments, R = unknown> = {
  /** The monitor's name, `info status` for instance; further names after it. */
  readonly hmp?: readonly string[]
  /** QMP's name. */
  readonly qmp?: string
  readonly help: string
  readonly args: A
  run(ctx: CommandContext, args: ArgumentValues<A>): Awaitable<R>
  /** What the monitor prints; left out: texts as they are, nothing else. */
  text?(result: R, ctx: CommandContext): string
}

/** Declares a command; the argument itself comes back, its types worked out and then forgotten. */
export function command<const A extends Arguments, R>(c: Command<A, R>): Command {
  return c as unknown as Command
}
