// The typed views of one memory, made once and handed around. `shared` tells whether other threads can see
// it.
export type Views = {
  readonly buffer: ArrayBufferLike
  readonly shared: boolean
  readonly u8: Uint8Array
  readonly u16: Uint16Array
  readonly u32: Uint32Array
  readonly i32: Int32Array
  readonly u64: BigUint64Array
  readonly f64: Float64Array
  readonly data: DataView
}

export function viewsOf(buffer: ArrayBufferLike): Views {
  return {
    buffer,
    shared: typeof SharedArrayBuffer !== 'undefined' && buffer instanceof SharedArrayBuffer,
    u8: new Uint8Array(buffer),
    u16: new Uint16Array(buffer),
    u32: new Uint32Array(buffer),
    i32: new Int32Array(buffer),
    u64: new BigUint64Array(buffer),
    f64: new Float64Array(buffer),
    data: new DataView(buffer),
  }
}
