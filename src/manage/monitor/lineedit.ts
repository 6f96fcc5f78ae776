// A line editor for a terminal that shows only what it is sent: cursor keys, history, completion. No input or
// output of its own, so that it works on a multiplexed terminal, a socket and in a test.

export type LineEditor = {
  /** Takes keys; complete lines come back. */
  feed(bytes: Uint8Array): string[]
  /** Shows the prompt, and what is typed already. */
  prompt(): void
  /** Makes room for other output: removes prompt and text from the current line. */
  hide(): void
}

const decoder = new TextDecoder('utf-8', { fatal: false })

export function lineEditor(options: {
  prompt: string
  write(text: string): void
  /** Completions of the text before the cursor: whole words that could stand instead of its last one. */
  complete(text: string): readonly string[]
}): LineEditor {
  const { write } = options
  const history: string[] = []
  let text = '', cursor = 0, recalled = 0, draft = ''
  let pending: number[] = [], lastReturn = false

  const redraw = () =>
    write(`\r\x1b[K${options.prompt}${text}${cursor < text.length ? `\x1b[${text.length - cursor}D` : ''}`)
  const set = (to: string, at = to.length) => {
    text = to
    cursor = at
    redraw()
  }
  function insert(s: string): void {
    if (cursor === text.length) {
      text += s
      cursor += s.length
      write(s)
    } else set(text.slice(0, cursor) + s + text.slice(cursor), cursor + s.length)
  }
  function recall(step: number): void {
    const to = recalled + step
    if (to < 0 || to > history.length) return
    if (recalled === history.length) draft = text
    recalled = to
    set(to === history.length ? draft : history[to]!)
  }
  function complete(): void {
    const before = text.slice(0, cursor)
    const word = /\S*$/.exec(before)![0]
    const found = options.complete(before)
    if (found.length === 0) return
    const common = found.reduce((a, b) => { while (!b.startsWith(a)) a = a.slice(0, -1); return a })
    if (found.length === 1) insert(`${common.slice(word.length)} `)
    else if (common.length > word.length) insert(common.slice(word.length))
    else {
      write(`\r\n${found.join('  ')}\r\n`)
      redraw()
    }
  }
  function enter(): string {
    const line = text
    write('\r\n')
    if (line.trim() !== '' && history.at(-1) !== line) history.push(line)
    if (history.length > 100) history.shift()
    text = ''
    cursor = 0
    recalled = history.length
    return line
  }
  function control(byte: number): void {
    switch (byte) {
      case 0x01: return set(text, 0) // Ctrl-A
      case 0x05: return set(text) // Ctrl-E
      case 0x02: return move(-1) // Ctrl-B
      case 0x06: return move(1) // Ctrl-F
      case 0x04: return remove(cursor, cursor + 1) // Ctrl-D
      case 0x08: case 0x7f: return remove(cursor - 1, cursor)
      case 0x09: return complete()
      case 0x0b: return set(text.slice(0, cursor)) // Ctrl-K
      case 0x0c: return write('\x1b[H\x1b[2J'), redraw() // Ctrl-L
      case 0x0e: return recall(1) // Ctrl-N
      case 0x10: return recall(-1) // Ctrl-P
      case 0x15: return set(text.slice(cursor), 0) // Ctrl-U
      case 0x17: return remove(cursor - /\S*\s*$/.exec(text.slice(0, cursor))![0].length, cursor) // Ctrl-W
      case 0x03: return set('') // Ctrl-C
    }
  }
  function move(by: number): void {
    const to = Math.min(text.length, Math.max(0, cursor + by))
    if (to !== cursor) set(text, to)
  }
  function remove(from: number, to: number): void {
    if (from < 0 || to > text.length || from === to) return
    set(text.slice(0, from) + text.slice(to), from)
  }
  function escape(sequence: string): void {
    switch (sequence) {
      case '\x1b[A': case '\x1bOA': return recall(-1)
      case '\x1b[B': case '\x1bOB': return recall(1)
      case '\x1b[C': case '\x1bOC': return move(1)
      case '\x1b[D': case '\x1bOD': return move(-1)
      case '\x1b[H': case '\x1b[1~': case '\x1bOH': return set(text, 0)
      case '\x1b[F': case '\x1b[4~': case '\x1bOF': return set(text)
      case '\x1b[3~': return remove(cursor, cursor + 1)
    }
  }
  /** Whether `pending` is a whole key: a character of several bytes, or an escape sequence. */
  function whole(): boolean {
    const first = pending[0]!
    if (first === 0x1b) {
      if (pending.length < 2) return false
      if (pending[1] !== 0x5b && pending[1] !== 0x4f) return true
      return pending.length > 2 && pending.at(-1)! >= 0x40
    }
    return pending.length >= (first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4)
  }

  return {
    feed(bytes) {
      const lines: string[] = []
      for (const byte of bytes) {
        const afterReturn = lastReturn
        lastReturn = false
        pending.push(byte)
        if (!whole()) continue
        const key = decoder.decode(Uint8Array.from(pending)), first = pending[0]!
        pending = []
        if (first === 0x0d || first === 0x0a) {
          if (first === 0x0a && afterReturn) continue
          lastReturn = first === 0x0d
          lines.push(enter())
        } else if (first === 0x1b) escape(key)
        else if (first < 0x20 || first === 0x7f) control(first)
        else if (text.length < 4096) insert(key)
      }
      return lines
    },
    prompt: redraw,
    hide: () => write('\r\x1b[K'),
  }
}
