// JSON values out of a stream of bytes. They need no separator; anything between them but blanks is an error.

export type JsonStream = {
  /** Adds bytes; calls back with each complete value's text, or with an error after which the stream starts
   * afresh. */
  feed(bytes: Uint8Array, value: (text: string) => void, error: (message: string) => void): void
}

const LIMIT = 64 << 20

export function jsonStream(): JsonStream {
  const decoder = new TextDecoder()
  let text = '', scanned = 0, depth = 0, quoted = false, escaped = false
  const restart = (at: number) => {
    text = text.slice(at)
    scanned = depth = 0
    quoted = escaped = false
  }
  return {
    feed(bytes, value, error) {
      text += decoder.decode(bytes, { stream: true })
      for (; scanned < text.length; scanned++) {
        const c = text[scanned]!
        if (quoted) {
          if (escaped) escaped = false
          else if (c === '\\') escaped = true
          else if (c === '"') quoted = false
        } else if (c === '"' && depth > 0) quoted = true
        else if (c === '{' || c === '[') depth++
        else if (c === '}' || c === ']') {
          if (depth === 0) { error(`stray '${c}'`); restart(scanned + 1); scanned = -1; continue }
          if (--depth > 0) continue
          const whole = text.slice(0, scanned + 1).trimStart()
          restart(scanned + 1)
          scanned = -1
          value(whole)
        } else if (depth === 0 && !/\s/.test(c)) {
          const line = text.indexOf('\n', scanned)
          error(`'${c}' is not the start of a command`)
          restart(line < 0 ? text.length : line + 1)
          scanned = -1
        }
      }
      if (text.length > LIMIT) {
        error('a command is too long')
        restart(text.length)
      }
    },
  }
}
