// `-display text`: the first display's characters on a terminal, and the terminal's keys on the guest's keyboard. It is one user of
// a character device; Ctrl-a leads to the others and to the end.
import { VmError } from '../../base/errors.ts'
import type { MachineControl, TextScreen } from '../../vm/control.ts'
import type { CharDevice } from '../char/device.ts'
import { strokesOf, type Stroke } from './keys.ts'
import { graphicsNotice, leaveScreen, terminalUpdate } from './text.ts'

/** How often the screen is looked at, and how fast keys follow each other. */
const REFRESH_MS = 40, STROKE_MS = 10

export function openTextDisplay(device: CharDevice, machine: MachineControl): { close(): void } {
  const screen = machine.screens[0]
  if (!screen) throw new VmError('cli.usage', 'this machine has no display', { hint: '-device VGA adds one', where: 'display' })
  const encoder = new TextEncoder(), strokes: Stroke[] = []
  let shown: TextScreen | undefined, mode = '', focused = false, blocked = false, disturbed = false, closed = false
  let typing: ReturnType<typeof setTimeout> | undefined

  const forget = () => {
    shown = undefined
    mode = ''
  }
  const write = (text: string) => { if (text !== '') blocked = !link.write(encoder.encode(text)) }

  async function refresh(): Promise<void> {
    if (!focused || blocked || disturbed || closed) return
    const text = await screen!.text()
    if (!focused || closed) return
    if (text) {
      write(terminalUpdate(text, shown))
      shown = { ...text, characters: text.characters.slice(), attributes: text.attributes.slice() }
      mode = ''
      return
    }
    const { width, height } = await screen!.mode(), now = `${width}x${height}`
    if (mode === now) return
    shown = undefined
    mode = now
    write(graphicsNotice({ width, height }))
  }

  /** One key after the other: the guest's controller has little room. */
  function type(): void {
    typing = undefined
    const stroke = strokes.shift()
    if (!stroke || closed) return
    for (const key of [...stroke.with, stroke.key]) machine.input.key(key, true)
    for (const key of [stroke.key, ...stroke.with.toReversed()]) machine.input.key(key, false)
    typing = setTimeout(type, STROKE_MS)
  }

  const link = device.attach({
    label: 'display',
    data(bytes) {
      if (disturbed) {
        disturbed = false
        return forget() // this key only brings the screen back
      }
      strokes.push(...strokesOf(bytes))
      if (typing === undefined) type()
    },
    drain() { blocked = false },
    focus(on) {
      if (focused && !on && shown) write(leaveScreen(shown.rows))
      focused = on
      disturbed = false
      forget()
    },
    spoke() { disturbed = true },
  })
  const timer = setInterval(() => void refresh(), REFRESH_MS)
  timer.unref?.()
  return {
    close() {
      if (closed) return
      closed = true
      clearInterval(timer)
      clearTimeout(typing)
      if (focused && (shown || mode)) link.write(encoder.encode(leaveScreen(shown?.rows ?? 1)))
    },
  }
}
