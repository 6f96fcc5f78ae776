// Work for back ends (files, networks): they belong to the I/O thread, while the guest asks on a vCPU's. The
// device calls `io.wake()`; the I/O thread then calls its `service` under the device's lock, which takes
// requests and answers with a Job. `run` talks to the back end without the lock, `finish` tells the guest
// under it.
//
// A reset forgets jobs: `io.cancel()` waits until none touches guest memory any more, and their `finish`
// won't be called. The words below are the host's bookkeeping, not the guest's state: after a reset or a
// restore every device is asked once whether it has work.
import { bind } from '../state/bind.ts'
import { layoutOf } from '../state/layout.ts'
import { i32 } from '../state/schema.ts'
import type { Views } from '../state/views.ts'

/** One piece of work on its way through a back end. */
export type Job = {
  /**
   * Without the device's lock. Touches guest memory only before it returns; a promise says that the rest
   * takes longer.
   */
  run(): void | Promise<void>
  /** Under the lock, unless the device was reset meanwhile. */
  finish(s: any, io: any): void
}

const schema = { requested: i32(), running: i32(), epoch: i32() }
const layout = layoutOf(schema)
export const WORK_BYTES = layout.sizeBytes

export type Work = {
  wake(): void
  cancel(): void
  /** Whether somebody called `wake` since the last call. */
  take(): boolean
  readonly epoch: number
  /** Brackets `run`: set under the lock, cleared when guest memory is no longer touched. */
  running(is: boolean): void
}

export function workAt(views: Views, at: number, doorbell: () => void): Work {
  bind(layout, views, at) // checks the alignment
  const words = views.i32
  const requested = (at + layout.offsets.requested) >>> 2
  const running = (at + layout.offsets.running) >>> 2
  const epoch = (at + layout.offsets.epoch) >>> 2
  return {
    wake() {
      if (Atomics.exchange(words, requested, 1) === 0) doorbell()
    },
    cancel() {
      Atomics.add(words, epoch, 1)
      // The I/O thread needs no lock to come to the end of `run`.
      if (views.shared) while (Atomics.load(words, running)) Atomics.wait(words, running, 1)
    },
    take: () => Atomics.exchange(words, requested, 0) === 1,
    get epoch() { return Atomics.load(words, epoch) },
    running(is) {
      Atomics.store(words, running, is ? 1 : 0)
      if (!is && views.shared) Atomics.notify(words, running)
    },
  }
}

/** What a back end may have; anything else is between it and the device. */
export type Backend = {
  /** Called once: `offer` hands an item (a frame) to the device; false: it has no room, wait for `ready`. */
  connect?(offer: (item: any) => boolean): void
  /** The device may have room again. */
  ready?(): void
}

type Called = {
  readonly device: {
    service?(s: any, io: any, backend: any): Job | undefined
    accept?(s: any, io: any, item: any): boolean
  }
  call<R>(use: (s: any, io: any) => R): R
}

/** The I/O thread's side of one device. */
export type Server = {
  /** Does what was asked for. */
  serve(): void
  /** Settles when nothing is in flight; false if nothing was. */
  idle(): Promise<boolean>
}

/** Jobs that one turn runs before other devices have theirs. */
const JOBS_PER_TURN = 64

export function serverOf(instance: Called, work: Work, backend: object): Server {
  const { device } = instance, end: Backend = backend
  const flights = new Set<Promise<void>>()
  const finish = (job: Job, epoch: number, s: any, io: any) => {
    if (work.epoch === epoch) job.finish(s, io)
  }
  const land = (job: Job, epoch: number, flight: Promise<void>) => {
    const landed = flight.then(() => {
      flights.delete(landed)
      instance.call((s, io) => finish(job, epoch, s, io))
      work.wake() // `service` may have waited for it
    })
    flights.add(landed)
  }
  if (device.accept) end.connect?.(item => instance.call((s, io) => device.accept!(s, io, item)))
  work.wake()

  return {
    serve() {
      if (!work.take()) return
      let done: Job | undefined, doneEpoch = 0
      for (let turns = 0; ; turns++) {
        let epoch = 0
        const next = instance.call((s, io) => {
          if (done) finish(done, doneEpoch, s, io)
          if (turns >= JOBS_PER_TURN) return work.wake()
          epoch = work.epoch
          const job = device.service!(s, io, backend)
          if (job) work.running(true)
          return job
        })
        done = undefined
        if (!next) break
        let flight
        try {
          flight = next.run()
        } finally {
          work.running(false)
        }
        if (flight) land(next, epoch, flight)
        else [done, doneEpoch] = [next, epoch]
      }
      end.ready?.()
    },
    async idle() {
      if (!flights.size) return false
      while (flights.size) await Promise.all(flights)
      return true
    },
  }
}
