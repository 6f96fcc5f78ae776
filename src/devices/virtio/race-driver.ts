// The other side of race.test.ts: a driver on a thread of its own that uses event indices as a guest kernel
// does. It notifies only when the device asked for it and sleeps only after asking to be woken, so that a
// wrong order of memory accesses on either side ends in a request that nobody attends to.
import { setThreadNumber } from '../../base/lock.ts'
import { bench } from '../../device/testing.ts'
import { raceBoard, SIZE, WORD } from './race-board.ts'
import { RAM, start, type Registers } from './testing.ts'

export function drive(
  buffer: SharedArrayBuffer,
  packed: boolean,
  requests: number,
): { kicks: number; sleeps: number } {
  setThreadNumber(2)
  const b = bench(raceBoard(packed), { buffer, sizeBytes: SIZE, reset: false })
  const m = b.system.memory, words = new Int32Array(buffer), half = new Uint16Array(buffer)
  const at = 0x1000_1000
  const regs: Registers = {
    get: (offset, size = 4) => m.read(at + offset, size),
    set: (offset, value, size = 4) => m.write(at + offset, size, value),
  }
  const size = 16
  const [q] = start({ ...b, regs }, () => true, 1, size)
  // Guest memory begins at byte 0 of the buffer.
  const desc = q!.desc - RAM,
    driver = q!.driver - RAM,
    device = q!.device - RAM
  const passed = (event: number, next: number, before: number) =>
    ((next - event - 1) & 0xffff) < ((next - before) & 0xffff)
  let added = 0,
    done = 0,
    kicks = 0,
    sleeps = 0

  const descriptor = (i: number, flags: number, id: number) => {
    m.writeWide(q!.desc + 16 * i, RAM + 0x8_0000, 0)
    m.write(q!.desc + 16 * i + 8, 4, 8)
    m.write(q!.desc + 16 * i + (packed ? 12 : 14), 2, packed ? id : 0)
    if (!packed) m.write(q!.desc + 16 * i + 12, 2, flags)
    else Atomics.store(half, (desc + 16 * i + 14) >>> 1, flags)
  }
  const lap = (n: number) => (Math.floor(n / size) & 1) ^ 1
  function add(): void {
    const i = added % size
    if (packed) descriptor(i, 2 | (lap(added) ? 0x80 : 0x8000), i)
    else {
      descriptor(i, 2, i)
      m.write(q!.driver + 4 + 2 * i, 2, i)
      Atomics.store(half, (driver + 2) >>> 1, (added + 1) & 0xffff)
    }
    added++
  }
  function wantsKick(before: number): boolean {
    if (!packed)
      return passed(Atomics.load(half, (device + 4 + 8 * size) >>> 1), added & 0xffff, before & 0xffff)
    const flags = Atomics.load(half, (device + 2) >>> 1)
    if (flags !== 2) return flags === 0
    const where = Atomics.load(half, device >>> 1), next = added % size
    const event = (where & 0x7fff) - (where >>> 15 === lap(added) ? 0 : size)
    return passed(event & 0xffff, next, (next - (added - before)) & 0xffff)
  }
  const isDone = () => {
    if (!packed) return Atomics.load(half, (device + 2) >>> 1) !== (done & 0xffff)
    const flags = Atomics.load(half, (desc + 16 * (done % size) + 14) >>> 1), mark = lap(done)
    return ((flags >>> 7) & 1) === mark && flags >>> 15 === mark
  }
  function askForInterrupt(): void {
    if (!packed) Atomics.store(half, (driver + 4 + 2 * size) >>> 1, done & 0xffff)
    else {
      Atomics.store(half, driver >>> 1, (done % size) | (lap(done) << 15))
      Atomics.store(half, (driver + 2) >>> 1, 2)
    }
  }

  while (done < requests) {
    const before = added
    for (let n = 1 + (added % 5); n > 0 && added < requests && added - done < size; n--) add()
    if (added !== before && wantsKick(before)) {
      kicks++
      q!.kick()
    }
    while (done < added && isDone()) done++
    if (added < requests && added - done < size && (added & 7) !== 0) continue
    const seen = Atomics.load(words, WORD.INTERRUPTS)
    askForInterrupt()
    if (done === added || isDone()) continue
    sleeps++
    if (Atomics.wait(words, WORD.INTERRUPTS, seen, 5000) === 'timed-out')
      throw new Error(`nobody woke the driver: ${added} requests made, ${done} done`)
    regs.set(0x64, 3)
  }
  return { kicks, sleeps }
}
