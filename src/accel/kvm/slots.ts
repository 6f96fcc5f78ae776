// Memory slots: RAM and ROM of the machine's flat address map as the kernel knows them. Which there are is in shared memory, for any
// thread may find that the map has changed (a window of the chipset, a BAR): it brings them up to date before the guest goes on.
import { LOCK_BYTES, lockAt, type Lock } from '../../base/lock.ts'
import type { DirtyMap } from '../../mem/dirty.ts'
import type { PhysicalMemory } from '../../mem/physical.ts'
import type { FlatRange } from '../../mem/regions.ts'
import type { Views } from '../../state/views.ts'
import { Request } from './abi.ts'
import { type KvmMachine, refused, type Slot, setSlot } from './device.ts'

const MAX_SLOTS = 128, PAGE = 4096
// Words: the lock, the generation of the map, whether a change is under way; then 64-bit numbers: guest address, bytes (0: unused),
// byte offset in the one memory, flags.
const GENERATION = LOCK_BYTES, CHANGING = LOCK_BYTES + 4, ENTRIES = 32, ENTRY = 32, READ_ONLY = 1, LOGS = 2
export const SLOTS_BYTES = ENTRIES + MAX_SLOTS * ENTRY

type Range = Pick<Slot, 'guest' | 'bytes' | 'readOnly' | 'logsDirty'> & { readonly offset: number }

/** What the kernel is to know of the map: whole pages, neighbours as one. Everything else ends in an exit. */
export function memoryRanges(ranges: readonly FlatRange[]): Range[] {
  const out: Range[] = []
  for (const { start, end, region, offset } of ranges) {
    if (region.kind !== 'ram') continue
    const guest = Math.ceil(start / PAGE) * PAGE, bytes = Math.floor(end / PAGE) * PAGE - guest
    const at = region.hostOffset + offset + (guest - start)
    if (bytes <= 0 || at % PAGE) continue
    const last = out.at(-1), readOnly = region.rom, logsDirty = region.dirty !== undefined
    if (last && last.guest + last.bytes === guest && last.offset + last.bytes === at && last.readOnly === readOnly && last.logsDirty === logsDirty)
      out[out.length - 1] = { ...last, bytes: last.bytes + bytes }
    else out.push({ guest, bytes, offset: at, readOnly, logsDirty })
  }
  return out
}

/** Memory of a device that is shown. */
export type ShownMemory = { readonly hostOffset: number; readonly bytes: { readonly length: number }; readonly dirty: DirtyMap }

/** `stopOthers`: no other processor is in the guest when it returns, nor enters it before `changing` is false again. */
export class KvmSlots {
  private readonly machine: KvmMachine
  private readonly memory: PhysicalMemory
  private readonly views: Views
  private readonly at: number
  private readonly base: number
  private readonly lock: Lock
  private readonly shown: readonly ShownMemory[]
  private bitmap: Uint8Array | undefined

  /** `shown`: memory whose writes the kernel notes, a page each. */
  constructor(machine: KvmMachine, memory: PhysicalMemory, views: Views, at: number, shown: readonly ShownMemory[]) {
    this.shown = shown
    this.machine = machine
    this.memory = memory
    this.views = views
    this.at = at
    this.base = machine.native.addressOf(views.u8)
    this.lock = lockAt(views, at)
  }

  private word(at: number): number { return (this.at + at) >>> 2 }

  /** Somebody changes what is there: no processor may be in the guest. */
  get changing(): boolean { return Atomics.load(this.views.i32, this.word(CHANGING)) !== 0 }
  /** Sleeps until that is over. */
  wait(): void {
    this.lock.acquire()
    this.lock.release()
  }
  get current(): boolean { return Atomics.load(this.views.i32, this.word(GENERATION)) === (this.memory.generation | 0) + 1 }

  /** Brings the kernel's slots up to the map as it is now. */
  update(stopOthers: () => void): void {
    const { i32 } = this.views
    this.lock.acquire()
    try {
      while (!this.current) {
        const generation = (this.memory.generation | 0) + 1, wanted = memoryRanges(this.memory.ranges)
        const there = this.slots(), same = (a: Range, b: Range) =>
          a.guest === b.guest && a.bytes === b.bytes && a.offset === b.offset && a.readOnly === b.readOnly && a.logsDirty === b.logsDirty
        const gone = there.filter(t => !wanted.some(w => same(w, t.range))), more = wanted.filter(w => !there.some(t => same(w, t.range)))
        if (gone.length > 0) {
          Atomics.store(i32, this.word(CHANGING), 1)
          stopOthers()
        }
        for (const { number, range } of gone) {
          this.set(number, undefined)
          if (range.logsDirty) this.shownAt(range.offset)?.dirty.markAll() // what was noted is gone with it
        }
        let number = 0
        for (const range of more) {
          while (this.bytesOf(number) > 0) number++
          this.set(number, range)
        }
        Atomics.store(i32, this.word(GENERATION), generation)
      }
    } finally {
      Atomics.store(i32, this.word(CHANGING), 0)
      this.lock.release()
    }
  }

  private shownAt(offset: number): ShownMemory | undefined {
    return this.shown.find(s => offset >= s.hostOffset && offset < s.hostOffset + s.bytes.length)
  }

  /** Has writes to displays' memory that the kernel has noted marked in their maps. */
  collect(): void {
    this.lock.acquire()
    try {
      for (const { number, range } of this.slots()) if (range.logsDirty) this.collectFrom(number, range)
    } finally {
      this.lock.release()
    }
  }
  private collectFrom(number: number, { offset, bytes }: Range): void {
    const { native, fd } = this.machine, to = this.shownAt(offset), length = Math.ceil(bytes / PAGE / 64) * 8
    if (!to) return
    if (!this.bitmap || this.bitmap.length < length)
      this.bitmap = new Uint8Array(new WebAssembly.Memory({ initial: Math.ceil(length / 0x1_0000), maximum: Math.ceil(length / 0x1_0000) }).buffer)
    const log = new BigUint64Array([BigInt(number), BigInt(native.addressOf(this.bitmap))])
    const failed = native.ioctlWith(fd, Request.GET_DIRTY_LOG, new Uint8Array(log.buffer))
    if (failed < 0) throw refused(native, 'what was written', failed)
    const first = offset - to.hostOffset
    for (let page = 0; page < bytes / PAGE; page++)
      if (this.bitmap[page >>> 3]! >> (page & 7) & 1) to.dirty.markDirty(first + page * PAGE, PAGE)
  }

  private bytesOf(number: number): number { return this.views.f64[((this.at + ENTRIES + number * ENTRY) >>> 3) + 1]! }

  private slots(): { readonly number: number; readonly range: Range }[] {
    const { f64 } = this.views, found: { number: number; range: Range }[] = []
    for (let number = 0; number < MAX_SLOTS; number++) {
      const e = (this.at + ENTRIES + number * ENTRY) >>> 3, flags = f64[e + 3]!
      if (f64[e + 1]! > 0)
        found.push({ number, range: { guest: f64[e]!, bytes: f64[e + 1]!, offset: f64[e + 2]!, readOnly: (flags & READ_ONLY) !== 0, logsDirty: (flags & LOGS) !== 0 } })
    }
    return found
  }

  private set(number: number, range: Range | undefined): void {
    const { f64 } = this.views, e = (this.at + ENTRIES + number * ENTRY) >>> 3
    if (number >= MAX_SLOTS) throw new Error(`internal error: more than ${MAX_SLOTS} pieces of memory`)
    const slot: Slot = range ? { number, ...range, host: this.base + range.offset }
      : { number, guest: f64[e]!, bytes: 0, host: this.base + f64[e + 2]!, readOnly: false, logsDirty: false }
    const failed = setSlot(this.machine, slot)
    if (failed < 0) throw refused(this.machine.native, `memory at 0x${slot.guest.toString(16)}`, failed)
    f64[e] = slot.guest
    f64[e + 1] = slot.bytes
    f64[e + 2] = range?.offset ?? 0
    f64[e + 3] = (slot.readOnly ? READ_ONLY : 0) | (slot.logsDirty ? LOGS : 0)
  }
}
