// A device tree from a file, with what the machine has to tell the kernel put into it.
import { encodeValue, type FdtNode, node, readFdt, writeFdt } from '../../machines/fdt/fdt.ts'
import { mistake } from './text.ts'

export type Chosen = {
  readonly bootargs?: string
  readonly initrd?: { readonly start: number; readonly end: number }
  readonly rngSeed: Uint8Array
}

export function patchTree(blob: Uint8Array, o: Chosen): Uint8Array {
  const root: FdtNode = readFdt(blob)
  const v = new DataView(blob.buffer, blob.byteOffset, blob.byteLength), reservations = v.getUint32(16)
  if (reservations + 16 > blob.length)
    throw mistake('fdt.malformed', 'device tree: its memory reservations are outside')
  if (v.getBigUint64(reservations + 8) !== 0n)
    throw mistake('fdt.malformed', 'not implemented: memory reservations in a device tree')
  const set = {
    ...(o.bootargs !== undefined && { bootargs: encodeValue(o.bootargs) }),
    ...(o.initrd && {
      'linux,initrd-start': encodeValue(BigInt(o.initrd.start)),
      'linux,initrd-end': encodeValue(BigInt(o.initrd.end)),
    }),
    'rng-seed': o.rngSeed,
  }
  const old = root.children.find(c => c.name === 'chosen')
  const chosen = node('chosen', { ...old?.props, ...set }, old?.children ?? [])
  const children = old ? root.children.map(c => (c === old ? chosen : c)) : [chosen, ...root.children]
  return writeFdt({ ...root, children }, { bootCpu: v.getUint32(28), padBytes: 0x1000 })
}
