// What Linux tells about a running process: processor time, and memory beyond the guest's RAM.
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'

/** USER_HZ, the unit of /proc/PID/stat: 100 on every Linux architecture in use. */
const TICKS_PER_SECOND = 100
const PAGE_BYTES = 4096
const PAGEMAP_ENTRY_BYTES = 8, PRESENT_BYTE = 7, PRESENT = 0x80

/** User and system time of all threads of a process since its start, to 10 ms. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The second field, the program's name, may hold anything but ends at the last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 1000 / TICKS_PER_SECOND
}

/** A thread's time on a processor, and ready to run while others had the processors. */
export interface ThreadTime {
  readonly ranMs: number
  readonly waitedMs: number
}

/** The living threads of a process by their number. */
export function threadTimes(pid: number): Map<string, ThreadTime> {
  const times = new Map<string, ThreadTime>()
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const [ran, waited] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')
    times.set(thread, { ranMs: Number(ran) / 1e6, waitedMs: Number(waited) / 1e6 })
  }
  return times
}

export interface Mapping {
  readonly start: number
  readonly end: number
  readonly rssKb: number
}

/** The anonymous mappings of data among a process's mappings, from the text of /proc/PID/smaps. */
export function dataMappings(smaps: string): Mapping[] {
  const mappings: Mapping[] = []
  for (const block of smaps.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) rw-[ps] \S+ \S+ (\d+)/.exec(block)
    const rss = /^Rss: +(\d+) kB/m.exec(block)
    if (!head || !rss || head[3] !== '0') continue
    mappings.push({ start: parseInt(head[1]!, 16), end: parseInt(head[2]!, 16), rssKb: Number(rss[1]) })
  }
  return mappings
}

/** More than an emulator keeps in the same mapping in front of the RAM. */
const STATE_BYTES_MAX = 512 << 20

/** The mapping that ends with the guest's RAM: just large enough for it, and of those the one most used. */
export function ramMapping(mappings: readonly Mapping[], ramBytes: number): Mapping | undefined {
  return mappings
    .filter(({ start, end }) => end - start >= ramBytes && end - start <= ramBytes + STATE_BYTES_MAX)
    .toSorted((a, b) => b.rssKb - a.rssKb)[0]
}

/** Bytes of [start, end) that are in memory. */
function residentBytes(pid: number, start: number, end: number): number {
  const entries = Buffer.alloc((end - start) / PAGE_BYTES * PAGEMAP_ENTRY_BYTES)
  const file = openSync(`/proc/${pid}/pagemap`, 'r')
  try {
    const from = start / PAGE_BYTES * PAGEMAP_ENTRY_BYTES
    for (let at = 0; at < entries.length;) {
      const got = readSync(file, entries, at, entries.length - at, from + at)
      if (!got) throw new Error(`/proc/${pid}/pagemap ends early`)
      at += got
    }
  } finally {
    closeSync(file)
  }
  let pages = 0
  for (let at = PRESENT_BYTE; at < entries.length; at += PAGEMAP_ENTRY_BYTES)
    if (entries[at]! & PRESENT) pages++
  return pages * PAGE_BYTES
}

export interface Memory {
  readonly residentMb: number
  /** Of that, pages of the guest's RAM. */
  readonly guestMb: number
}

/** What a process that runs a guest with `ramBytes` of RAM occupies. */
export function memoryOf(pid: number, ramBytes: number): Memory {
  const smaps = readFileSync(`/proc/${pid}/smaps`, 'latin1')
  const mapping = ramMapping(dataMappings(smaps), ramBytes)
  if (!mapping) throw new Error(`process ${pid} has no mapping with ${ramBytes >>> 20} MiB of guest RAM`)
  const total = [...smaps.matchAll(/^Rss: +(\d+) kB/gm)].reduce((sum, [, kb]) => sum + Number(kb), 0)
  const guest = residentBytes(pid, mapping.end - ramBytes, mapping.end)
  return { residentMb: total / 1024, guestMb: guest / (1 << 20) }
}
