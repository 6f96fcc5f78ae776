// A device of the guest as the user of a character device: output is taken while the other side is quick
// enough (otherwise the ring in shared memory fills, and the guest's UART is busy); input waits here until
// the guest has room.
import type { CharEnd } from '../../vm/control.ts'
import type { CharDevice, FrontEnd, Link } from './device.ts'

/** Bytes of input kept for a guest that does not read. */
const INPUT_LIMIT = 1 << 20

export type GuestLink = { readonly pendingInput: number; disconnect(): void }

export function connectGuest(end: CharEnd, device: CharDevice): GuestLink {
  const pending: Uint8Array[] = []
  let size = 0, clear = true, giving = false, link: Link | undefined

  function giveInput(): void {
    if (giving) return // the guest answered from within `give`
    giving = true
    for (let first; (first = pending.shift()); ) {
      const n = end.give(first)
      size -= n
      if (n === first.length) continue
      pending.unshift(first.subarray(n))
      break
    }
    giving = false
    link?.hold(size >= INPUT_LIMIT / 2)
  }
  function takeOutput(): void {
    if (!clear || !link) return
    const bytes = end.take()
    if (bytes.length) clear = link.write(bytes)
  }

  const user: FrontEnd = {
    label: end.device,
    data(bytes) {
      if (size + bytes.length > INPUT_LIMIT) return
      pending.push(bytes.slice())
      size += bytes.length
      giveInput()
    },
    drain() {
      clear = true
      takeOutput()
    },
    ...(end.sendBreak && { sendBreak: () => end.sendBreak!() }),
    close() {
      clear = true
      takeOutput()
    },
  }
  link = device.attach(user)
  end.onChange(() => {
    takeOutput()
    giveInput()
  })
  end.connect(device.config.backend !== 'null')
  takeOutput()
  return {
    get pendingInput() { return size },
    disconnect() {
      end.connect(false)
      link?.detach()
      link = undefined
    },
  }
}
