// One processor alone: what the host cannot do in one atomic operation, because it crosses words, is done while all others stand
// where they access no memory. They stand between instructions, or wait for their own turn; sleeping ones ask before they go on. A
// gate in shared memory says whose turn it is. Devices and threads of the host are not kept out.
import type { Views } from '../../state/views.ts'
import type { Mailbox } from './mailbox.ts'
import { Mail } from './mailbox.ts'

const OPEN = 0

export class Exclusive {
  private readonly views: Views
  private readonly mailboxes: readonly Mailbox[]
  private readonly self: number
  private readonly gate: number

  constructor(views: Views, mailboxes: readonly Mailbox[], self: number) {
    this.views = views
    this.mailboxes = mailboxes
    this.self = self
    this.gate = mailboxes[0]!.gate
  }

  /** In the middle of an instruction: calls `work`, which must be short and neither take a lock nor wait for anybody. */
  alone(work: () => void): void {
    const { gate, self, mailboxes, views: { i32, shared } } = this
    if (!shared || mailboxes.length === 1) return work()
    const own = mailboxes[self]!
    own.queue(true)
    for (let holder = OPEN; (holder = Atomics.compareExchange(i32, gate, OPEN, self + 1)) !== OPEN;) Atomics.wait(i32, gate, holder, 1)
    own.queue(false)
    try {
      // One that sleeps looks at the gate when it wakes. It gets no letters: it would have too many to read.
      const letters = mailboxes.map((m, i) => (i === self || m.parked ? undefined : m.post(Mail.FENCE)))
      mailboxes.forEach((m, i) => {
        const letter = letters[i]
        while (letter !== undefined && !m.still(letter)) m.wait(letter)
      })
      work()
    } finally {
      Atomics.store(i32, gate, OPEN)
      Atomics.notify(i32, gate)
    }
  }

  /** Between instructions, after the mail: waits while another processor is alone. */
  letPass(): void {
    const { gate, self, mailboxes, views: { i32 } } = this
    while (Atomics.load(i32, gate) !== OPEN) {
      mailboxes[self]!.queue(true)
      for (let holder = OPEN; (holder = Atomics.load(i32, gate)) !== OPEN;) Atomics.wait(i32, gate, holder, 1)
      mailboxes[self]!.queue(false) // the next one may have seen us standing: look again
    }
  }
}
