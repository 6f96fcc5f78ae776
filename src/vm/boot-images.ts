// What is loaded into memory at every start of the machine. A kernel is tens of megabytes: after it was loaded its bytes go,
// and a reset reads the files again.
import { VmError } from '../base/errors.ts'
import type { MachineConfig } from './config.ts'
import type { LoadImage, MachinePlan } from './plan/plan.ts'

export type BootImages = {
  /** Names, addresses and sizes. */
  readonly extents: readonly Extent[]
  /** Hands each image to `write`. Throws VmError if the files are no longer those that the machine started with. */
  load(write: (image: LoadImage) => void): Promise<void>
}
type Extent = Omit<LoadImage, 'bytes'> & { readonly sizeBytes: number }

export function bootImages(config: MachineConfig, plan: MachinePlan): BootImages {
  const extents = plan.images.map(extentOf)
  let fresh: readonly LoadImage[] | undefined = plan.images
  const read = async (): Promise<readonly LoadImage[]> => {
    const { boot, images } = await plan.readBoot()
    if (JSON.stringify([boot, images.map(extentOf)]) !== JSON.stringify([plan.boot, extents]))
      throw new VmError('loader.badImage', 'the files that the machine started with have changed', {
        hint: 'quit, and start it anew',
      })
    return images
  }
  return {
    extents,
    async load(write) {
      const images = fresh ?? await read()
      fresh = undefined
      for (const image of images) write(image)
      release(images, config)
    },
  }
}

const extentOf = ({ name, pa, bytes }: LoadImage): Extent => ({ name, pa, sizeBytes: bytes.length })

/** Frees the memory of what was read from files at once; what the library's user handed in stays theirs. */
function release(images: readonly LoadImage[], { kernel, initrd, bios, dtb }: MachineConfig): void {
  const given = [kernel, initrd, bios, dtb].flatMap(source => (source instanceof Uint8Array ? [source.buffer] : []))
  for (const { bytes: { buffer } } of images)
    if (buffer instanceof ArrayBuffer && !buffer.detached && !given.includes(buffer)) buffer.transfer(0)
}
