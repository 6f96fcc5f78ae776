// JSON values out of a stream of bytes. They need no separator; anything between them but blanks is an error. Each
// byte is looked at once, whatever a client sends: this runs on the thread that serves the machine's devices.

export type JsonStream = {
  /** Adds bytes; calls back with each complete value's text, or with an error after which the stream starts
   * afresh. */
  feed(bytes: Uint8Array, value: (text: string) => void, error: (message: string) => void): void
}

const LIMIT = 64 << 20, MAX_DEPTH = 1024
const QUOTE = 0x22, BACKSLASH = 0x5c, NEWLINE = 0x0a
const isBlank = (c: number): boolean => c === 0x20 || (c >= 0x09 && c <= 0x0d)
const isOpening = (c: number): boolean => c === 0x7b || c === 0x5b
const isClosing = (c: number): boolean => c === 0x7d || c === 0x5d

const whole = new TextDecoder()

/** What is passed over after an error. */
const Skip = { NOTHING: 0, LINE_OR_PIECE: 1, LINE: 2 } as const

export function jsonStream(): JsonStream {
  /** The value so far, without the piece at hand. */
  let parts: Uint8Array[] = [], size = 0
  let depth = 0, quoted = false, escaped = false
  let skip: (typeof Skip)[keyof typeof Skip] = Skip.NOTHING

  const restart = () => {
    parts = []
    size = depth = 0
    quoted = escaped = false
  }
  const textWith = (last: Uint8Array): string => {
    if (parts.length === 0) return whole.decode(last)
    const decoder = new TextDecoder()
    return [...parts, last].map(p => decoder.decode(p, { stream: true })).join('') + decoder.decode()
  }

  return {
    feed(bytes, value, error) {
      let from = 0
      const giveUp = (message: string) => {
        error(message)
        restart()
        skip = Skip.LINE
      }
      for (let i = 0; i < bytes.length; i++) {
        const c = bytes[i]!
        if (skip !== Skip.NOTHING) {
          if (c === NEWLINE) skip = Skip.NOTHING
        } else if (depth === 0) {
          if (isBlank(c)) continue
          if (isOpening(c)) {
            depth = 1
            from = i
          } else if (isClosing(c)) error(`stray '${String.fromCharCode(c)}'`)
          else {
            error(`'${whole.decode(bytes.subarray(i, i + 4)).slice(0, 1)}' is not the start of a command`)
            skip = Skip.LINE_OR_PIECE
          }
        } else if (quoted) {
          if (escaped) escaped = false
          else if (c === BACKSLASH) escaped = true
          else if (c === QUOTE) quoted = false
        } else if (c === QUOTE) quoted = true
        else if (isOpening(c)) {
          if (++depth > MAX_DEPTH) giveUp(`more than ${MAX_DEPTH} levels within one another`)
        } else if (isClosing(c) && --depth === 0) {
          const text = textWith(bytes.subarray(from, i + 1))
          restart()
          value(text)
        }
      }
      if (skip === Skip.LINE_OR_PIECE) skip = Skip.NOTHING
      if (depth === 0) return
      parts.push(bytes.slice(from))
      size += bytes.length - from
      if (size > LIMIT) giveUp('a command is too long')
    },
  }
}
