// The raw format: the file is the disk. A file whose length is no multiple of 512 is taken as if zeros
// followed.
import type { ImageFile } from '../../host/host.ts'
import { VmError } from '../../base/errors.ts'
import { lengthOf, type BlockLayer } from './layer.ts'

export type RawOptions = {
  readonly readOnly: boolean
  /** Space that the guest does not need any more goes back to the host, where the host can take it. */
  readonly unmap?: boolean
  /** The disk is this part of the file. */
  readonly offset?: number
  readonly size?: number
}

const SECTOR = 512
/** Bytes that are zeroed before others have their turn. */
const SLICE = 4 << 20

export function rawLayer(file: ImageFile, options: RawOptions): BlockLayer {
  const offset = options.offset ?? 0
  const available = file.sizeBytes() - offset
  if (available < 0)
    throw new VmError('block.unsupported', `raw: offset ${offset} is beyond the end of the file`)
  if (options.size !== undefined && (options.size % SECTOR || options.size > available))
    throw new VmError(
      'block.unsupported', `raw: size ${options.size} is not a multiple of 512 within the file`,
    )
  const sizeBytes = Math.ceil((options.size ?? available) / SECTOR) * SECTOR

  let canPunch = options.unmap === true
  /** Whether the range is a hole now. */
  async function giveBack(at: number, length: number): Promise<boolean> {
    if (canPunch) canPunch = await file.punch(offset + at, length)
    return canPunch
  }

  return {
    immediate: true, sizeBytes, readOnly: options.readOnly,
    read(at, into) {
      let missing = lengthOf(into) - file.read(offset + at, into)
      for (let i = into.length - 1; missing > 0; i--) {
        const part = into[i]!
        part.fill(0, Math.max(0, part.length - missing))
        missing -= part.length
      }
    },
    write(at, from) { file.write(offset + at, from) },
    flush: () => file.sync(),
    async discard(at, length) { await giveBack(at, length) },
    async zero(at, length, unmap) {
      if (unmap && await giveBack(at, length)) return
      const zeros = new Uint8Array(Math.min(SLICE, length)), now = new Uint8Array(zeros.length)
      for (let done = 0; done < length; done += SLICE) {
        if (done > 0) await new Promise(resolve => setTimeout(resolve))
        const n = Math.min(SLICE, length - done), slice = now.subarray(0, n)
        const have = file.read(offset + at + done, [slice])
        // What is zero already may be a hole, and stays one.
        if (slice.subarray(0, have).some(byte => byte !== 0))
          file.write(offset + at + done, [zeros.subarray(0, n)])
      }
    },
    close() { file.close() },
  }
}
