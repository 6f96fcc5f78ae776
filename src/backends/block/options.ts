// What a disk is made of, as data: from the options of `-drive` (with or without dots in their names) and of
// `-blockdev` (a tree). Names are QEMU's. An option that has no effect here, though it would elsewhere, is an
// error.
import { VmError } from '../../base/errors.ts'

export type BlockOptions = {
  /** A path, or the contents. */
  readonly file: string | Uint8Array
  /** Left out: found out from the contents. */
  readonly format?: string
  readonly readOnly?: boolean
  /** Writes are kept until the end of the program. */
  readonly snapshot?: boolean
  readonly locking?: boolean
  /** Reported writes are on the medium. */
  readonly writeThrough?: boolean
  /** Flushes have no effect: fast, and the disk is lost in a power failure. */
  readonly noFlush?: boolean
  /** Space that the guest does not need any more goes back to the host. */
  readonly unmap?: boolean
  /** Of the raw format: the disk is this part of the file. */
  readonly offset?: number
  readonly size?: number
}

type Tree = { readonly [name: string]: unknown }

const bad = (text: string, hint?: string): never => {
  throw new VmError('block.unsupported', text, hint ? { hint } : {})
}

/**
 * `cache=`: whether writes are reported early, whether flushes count. (The host's own cache is always used.)
 */
const CACHE: { readonly [mode: string]: { writeThrough: boolean; noFlush: boolean } } = {
  writeback: { writeThrough: false, noFlush: false },
  none: { writeThrough: false, noFlush: false },
  writethrough: { writeThrough: true, noFlush: false },
  directsync: { writeThrough: true, noFlush: false },
  unsafe: { writeThrough: false, noFlush: true },
}
/** Options without effect here that may be set to these values. */
const HARMLESS: { readonly [name: string]: readonly string[] } = {
  aio: ['threads', 'native', 'io_uring'], 'file.aio': ['threads', 'native', 'io_uring'],
  'detect-zeroes': ['off'],
  werror: ['report', 'enospc'], rerror: ['report'],
  'cache.direct': ['on', 'off', 'true', 'false'], 'auto-read-only': ['on', 'off', 'true', 'false'],
  'copy-on-read': ['off'], 'force-share': ['off'], driver: ['raw', 'file', 'host_device', 'qcow2'],
  media: ['disk', 'cdrom'],
}

/** From a drive's options. `properties` are those that the others don't name. */
export function driveOptions(drive: {
  readonly file?: string | Uint8Array
  readonly format?: string
  readonly readOnly?: boolean
  readonly snapshot?: boolean
  readonly media?: string
  readonly properties?: Tree
}): BlockOptions {
  const p = flat(drive.properties ?? {})
  const file = drive.file ?? take(p, 'file.filename') ?? bad('a drive without file=')
  const cache = take(p, 'cache') ?? 'writeback'
  const mode = CACHE[cache] ?? bad(`cache=${cache}: there are ${Object.keys(CACHE).join(', ')}`)
  return {
    file, ...mode, ...common(p),
    ...(drive.format !== undefined && { format: drive.format }),
    readOnly: drive.readOnly ?? drive.media === 'cdrom',
    snapshot: drive.snapshot ?? false,
  }
}

/** From the tree of a `-blockdev`: a format over a file, or the file alone. */
export function blockdevOptions(tree: Tree): BlockOptions {
  const p = flat(tree)
  const driver = take(p, 'driver') ?? bad('a blockdev without driver=')
  take(p, 'node-name')
  const bare = driver === 'file' || driver === 'host_device'
  const under = bare ? 'file' : take(p, 'file.driver') ?? 'file'
  if (under !== 'file' && under !== 'host_device') bad(`not implemented: block driver ${under}`)
  const file = take(p, bare ? 'filename' : 'file.filename') ?? bad('a blockdev without filename=')
  const readOnly = flagOf(p, 'read-only') ?? flagOf(p, 'file.read-only') ?? false
  return { file, format: bare ? 'raw' : driver, readOnly, ...common(p) }
}

function common(p: Map<string, string>): Partial<BlockOptions> {
  const text = take(p, 'file.locking') ?? take(p, 'locking') ?? 'auto'
  if (!['auto', 'on', 'off', 'true', 'false'].includes(text)) bad(`locking=${text}: there are auto, on, off`)
  const discard = take(p, 'discard') ?? take(p, 'file.discard') ?? 'ignore'
  if (!['ignore', 'off', 'unmap', 'on'].includes(discard)) bad(`discard=${discard}: there are ignore, unmap`)
  const noFlush = flagOf(p, 'cache.no-flush'), writeback = flagOf(p, 'cache.writeback')
  const [offset, size] = ['offset', 'size'].map(name => {
    const value = take(p, name)
    return value === undefined
      ? undefined
      : /^\d+$/.test(value)
        ? Number(value)
        : bad(`${name}=${value} is not a number`)
  })
  for (const [name, value] of p)
    if (!HARMLESS[name]?.includes(value)) bad(`not implemented: ${name}=${value} of a drive`)
  return {
    ...((discard === 'unmap' || discard === 'on') && { unmap: true }),
    locking: text !== 'off' && text !== 'false',
    ...(noFlush !== undefined && { noFlush }),
    ...(writeback !== undefined && { writeThrough: !writeback }),
    ...(offset !== undefined && { offset }),
    ...(size !== undefined && { size }),
  }
}

/** Dotted names and texts, whatever the form. */
function flat(tree: Tree, prefix = '', into = new Map<string, string>()): Map<string, string> {
  for (const [name, value] of Object.entries(tree))
    if (value !== null && typeof value === 'object') flat(value as Tree, `${prefix}${name}.`, into)
    else if (value !== undefined && value !== null) into.set(prefix + name, String(value))
  return into
}

function take(p: Map<string, string>, name: string): string | undefined {
  const value = p.get(name)
  p.delete(name)
  return value
}

function flagOf(p: Map<string, string>, name: string): boolean | undefined {
  const value = take(p, name)
  if (value === undefined) return undefined
  if (['on', 'true', 'yes'].includes(value)) return true
  return ['off', 'false', 'no'].includes(value) ? false : bad(`${name}=${value}: it is on or off`)
}
