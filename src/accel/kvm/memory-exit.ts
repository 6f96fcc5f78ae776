// Accesses of devices' memory that the kernel leaves to us: up to eight bytes, at any address.
import type { Bus } from '../bus.ts'
import type { Views } from '../../state/views.ts'
import { Run } from './abi.ts'

const wide = new Uint32Array(2)

export function accessMemory({ u8, u32, data }: Views, run: number, bus: Bus): void {
  const pa = u32[(run + Run.MMIO_ADDRESS) >>> 2]! + u32[(run + Run.MMIO_ADDRESS + 4) >>> 2]! * 2 ** 32
  const length = u32[(run + Run.MMIO_LENGTH) >>> 2]!, write = u8[run + Run.MMIO_IS_WRITE] !== 0, at = run + Run.MMIO_DATA
  if (length === 8) {
    if (write) return bus.writeWide(pa, u32[at >>> 2]!, u32[(at >>> 2) + 1]!)
    bus.readWide(pa, wide)
    u32[at >>> 2] = wide[0]!
    u32[(at >>> 2) + 1] = wide[1]!
    return
  }
  // What is left of an access that crosses a page has any length.
  for (let done = 0; done < length;) {
    const left = length - done, size = left >= 4 ? 4 : left >= 2 ? 2 : 1
    if (write) bus.write(pa + done, size, size === 4 ? data.getUint32(at + done, true) : size === 2 ? data.getUint16(at + done, true) : u8[at + done]!)
    else {
      const v = bus.read(pa + done, size)
      if (size === 4) data.setUint32(at + done, v, true)
      else if (size === 2) data.setUint16(at + done, v, true)
      else u8[at + done] = v
    }
    done += size
  }
}
