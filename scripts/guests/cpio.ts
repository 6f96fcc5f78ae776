// Writer of cpio archives in the "new ASCII" format that the Linux kernel unpacks as an initial RAM file system
// (Linux, Documentation/driver-api/early-userspace/buffer-format.rst). Owner 0:0 and time 0: same input, same bytes.

export type Entry =
  | { readonly path: string; readonly kind: 'folder' }
  | { readonly path: string; readonly kind: 'file'; readonly data: Uint8Array; readonly executable?: boolean }
  | { readonly path: string; readonly kind: 'link'; readonly target: string }
  | { readonly path: string; readonly kind: 'char'; readonly major: number; readonly minor: number }

const MODE = { folder: 0o040755, file: 0o100644, link: 0o120777, char: 0o020600 }

const align4 = (bytes: number): number => (bytes + 3) & ~3

/** The archive of these entries; parent folders come before what is in them, as given. */
export function cpio(entries: readonly Entry[]): Uint8Array {
  const parts: Uint8Array[] = []
  const text = new TextEncoder()
  const add = (ino: number, path: string, mode: number, data: Uint8Array, major = 0, minor = 0): void => {
    const name = text.encode(`${path}\0`)
    const fields = [
      ino, mode, 0, 0, mode === MODE.folder ? 2 : 1, 0, data.length, 0, 0, major, minor, name.length, 0,
    ]
    const head = text.encode(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`)
    const record = new Uint8Array(align4(head.length + name.length) + align4(data.length))
    record.set(head)
    record.set(name, head.length)
    record.set(data, align4(head.length + name.length))
    parts.push(record)
  }
  const nothing = new Uint8Array()
  entries.forEach((entry, index) => {
    const { path, kind } = entry
    if (kind === 'file') add(index + 1, path, MODE.file | (entry.executable ? 0o111 : 0), entry.data)
    else if (kind === 'link') add(index + 1, path, MODE.link, text.encode(entry.target))
    else if (kind === 'char') add(index + 1, path, MODE.char, nothing, entry.major, entry.minor)
    else add(index + 1, path, MODE.folder, nothing)
  })
  add(0, 'TRAILER!!!', 0, nothing)
  return Buffer.concat(parts)
}
