// Which frames a network device takes, after what the driver set through the control queue (specification
// 1.2, section 5.1.6.5.1 and 5.1.6.5.2).
export type Filter = {
  readonly mac: Uint8Array
  promisc: number; allmulti: number; alluni: number; nomulti: number; nouni: number; nobcast: number
  readonly table: Uint8Array
  unicasts: number; multicasts: number; unicastOverflow: number; multicastOverflow: number
}

/** Addresses that the table holds. */
export const MAC_TABLE = 64

const same = (a: Uint8Array, at: number, b: Uint8Array): boolean => {
  for (let i = 0; i < 6; i++) if (a[at + i] !== b[i]) return false
  return true
}

function listed(f: Filter, frame: Uint8Array, from: number, count: number): boolean {
  for (let i = from; i < from + count; i++) if (same(f.table, 6 * i, frame)) return true
  return false
}

const BROADCAST = new Uint8Array(6).fill(0xff)

export function admits(f: Filter, frame: Uint8Array): boolean {
  if (frame.length < 14) return false
  if (f.promisc) return true
  if (same(BROADCAST, 0, frame)) return !f.nobcast
  if (frame[0]! & 1) {
    if (f.nomulti) return false
    return f.allmulti || f.multicastOverflow ? true : listed(f, frame, f.unicasts, f.multicasts)
  }
  if (f.nouni) return false
  if (f.alluni || f.unicastOverflow || same(f.mac, 0, frame)) return true
  return listed(f, frame, 0, f.unicasts)
}
