// What a disk controller may ask of its back end. Offsets and lengths are bytes. A function throws, or its
// promise is rejected, when the medium fails; the device reports that to the guest.

export type BlockBackend = {
  /**
   * True: reads and writes are complete when they return. False: they promise, and own the parts until then.
   */
  readonly immediate: boolean
  /** Fills `into` from `offset` on. */
  read(offset: number, into: readonly Uint8Array[]): void | Promise<void>
  write(offset: number, from: readonly Uint8Array[]): void | Promise<void>
  /** Makes everything written so far survive a power failure. */
  flush(): void | Promise<void>
  /** The range's contents no longer matter. */
  discard(offset: number, length: number): void | Promise<void>
  /** The range reads as zeros; `unmap` allows to give back its space. */
  zero(offset: number, length: number, unmap: boolean): void | Promise<void>
  /** A request failed: for whoever watches the machine. */
  failed(operation: string, error: unknown): void
}

/**
 * What a controller has to know of its medium on every thread; the library hands it in as the property
 * `media`.
 */
export type Media = {
  readonly sizeBytes: number
  readonly readOnly: boolean
  /** False: every write is on the medium when it is reported. Left out: as the device's own property says. */
  readonly writeCache?: boolean
}

/** Drives whose media can be changed: the facet `media` of their controller, to be called under its lock. */
export type RemovableFacet = {
  /** The drives, and what users call each. */
  slots(io: any): readonly { readonly unit: number; readonly name: string }[]
  status(s: any, io: any, unit: number): { readonly open: boolean; readonly locked: boolean }
  /** Media cannot be written. */
  readonly readOnly?: true
  /** Throws VmError for a medium that does not fit. */
  check?(media: Media): void
  /** Opens the tray and takes the medium out; false if the guest keeps it closed. */
  eject(s: any, io: any, unit: number, force: boolean): boolean
  insert(s: any, io: any, unit: number, media: Media): void
}
export const removableOf = (device: { readonly facets?: { readonly [bus: string]: any } }): RemovableFacet | undefined => device.facets?.media
