// What a network card may ask of its back end. A frame is Ethernet without preamble and checksum.
import type { Backend } from './work.ts'

export type NetBackend = Backend & {
  /**
   * Takes a frame; when there is no way to get rid of it, it is lost, as on a wire. The back end may keep the
   * array.
   */
  send(frame: Uint8Array): void
}

/** Largest frame that passes between a card and a back end. */
export const MAX_FRAME = 65536
