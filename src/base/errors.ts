// The three kinds of trouble, never mixed: a guest fault is a value; a user's mistake is a VmError, which the
// command line, QMP and the library render; a bug is an assertion, which stays on in release.

/** Every code a VmError can carry: `area.what`. Add to the list where a new mistake becomes possible. */
export type VmErrorCode =
  | 'accel.unavailable'
  | 'block.badMagic'
  | 'block.inUse'
  | 'block.io'
  | 'block.unsupported'
  | 'char.io'
  | 'board.badConfig'
  | 'board.duplicateId'
  | 'board.unknownDevice'
  | 'board.wiring'
  | 'char.unknown'
  | 'cpu.unknown'
  | 'cli.usage'
  | 'device.badProperty'
  | 'fdt.malformed'
  | 'file.denied'
  | 'file.io'
  | 'file.notFound'
  | 'host.unsupported'
  | 'loader.badImage'
  | 'loader.tooBig'
  | 'machine.unknown'
  | 'memory.tooBig'
  | 'net.unsupported'
  | 'snapshot.mismatch'
  | 'snapshot.malformed'

/** Something the user can put right. `hint` says how, in one sentence. */
export class VmError extends Error {
  readonly code: VmErrorCode
  readonly hint: string | undefined
  /** Which part of the configuration is meant: a path such as `drives[0]` or `kernel`. */
  where: string | undefined

  constructor(
    code: VmErrorCode,
    message: string,
    more: { hint?: string; cause?: unknown; where?: string } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause })
    this.name = 'VmError'
    this.code = code
    this.hint = more.hint
    this.where = more.where
  }
}

/**
 * Runs `part` on behalf of one part of the configuration: a mistake that does not say where it is, is there.
 */
export async function blaming<T>(where: string, part: () => T | Promise<T>): Promise<T> {
  try {
    return await part()
  } catch (error) {
    if (error instanceof VmError) error.where ??= where
    throw error
  }
}

/** A bug of ours if it fails. Guest data must never reach it unchecked. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`internal error: ${message}`)
}

/** Where an error was made: `functionName at src/accel/jit/vcpu.ts:12`, from its stack; undefined if that does not say. */
export function placeOf(error: unknown): string | undefined {
  const stack = error instanceof Error ? error.stack ?? '' : ''
  for (const [, called, place] of stack.matchAll(/^ +at (?:(.*?) \()?(.*?)\)?$/gm)) {
    if (called === 'assert' || called === 'unreachable') continue // the helpers above
    const file = /(?:src|dist)\/[^:]*:\d+|wasm:.*|[^/]*:\d+/.exec(place!)?.[0] ?? place!
    return called ? `${called} at ${file}` : file
  }
  return undefined
}

/** The default branch of a switch that handles every case. */
export function unreachable(x: never): never {
  throw new Error(`internal error: unexpected ${String(x)}`)
}
