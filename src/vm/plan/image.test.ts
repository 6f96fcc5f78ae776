import { test } from 'node:test'
import assert from 'node:assert/strict'
import { gzipSync } from 'node:zlib'
import { readImage } from './image.ts'
import { elf, linuxImage } from './testing.ts'

const at = { base: 0x8020_0000, ramStart: 0x8000_0000, limitBytes: 1 << 20 }
const placed = async (file: Uint8Array, where: Parameters<typeof readImage>[1] = at) => {
  const { format, entry, start, end, segments } = await readImage(file, where)
  return { format, entry, start, end, bytes: segments.map(s => [s.pa, s.bytes.length]) }
}

test('a Linux Image goes to the offset in its header, and takes what the header says', async () => {
  const image = linuxImage({ sizeBytes: 0x5000, textOffset: 0x40_0000 })
  const want = (pa: number) => ({ format: 'linux-image', entry: pa, start: pa, end: pa + 0x5000, bytes: [[pa, 4096]] })
  assert.deepEqual(await placed(image), want(0x8040_0000))
  assert.deepEqual(await placed(image, { base: 0x8020_0000, limitBytes: 1 << 20 }), want(0x8020_0000))
  assert.deepEqual(await placed(linuxImage({ sizeBytes: 0x5000, textOffset: 0 })), want(0x8020_0000))
})

test('compressed images are unpacked', async () => {
  const image = linuxImage(), gz = gzipSync(image)
  assert.deepEqual(await placed(gz), await placed(image))
  const zboot = new Uint8Array(128 + gz.length), v = new DataView(zboot.buffer)
  zboot.set(new TextEncoder().encode('MZ\0\0zimg'))
  v.setUint32(8, 128, true)
  v.setUint32(12, gz.length, true)
  zboot.set(new TextEncoder().encode('gzip'), 24)
  zboot.set(gz, 128)
  assert.deepEqual(await placed(zboot), await placed(image))
  assert.deepEqual((await readImage(zboot, at)).segments[0]!.bytes, image)
})

test('segments of an ELF go to their physical addresses, the entry point with them', async () => {
  const text = { va: 0xffff_ffff_8000_0000n, pa: 0x8020_0000, bytes: new Uint8Array(16).fill(1) }
  const data = { va: 0xffff_ffff_8000_1000n, pa: 0x8020_1000, bytes: new Uint8Array(8).fill(2), sizeBytes: 32 }
  assert.deepEqual(await placed(elf({ entry: 0xffff_ffff_8000_0004n, segments: [text, data] })),
    { format: 'elf', entry: 0x8020_0004, start: 0x8020_0000, end: 0x8020_1020, bytes: [[0x8020_0000, 16], [0x8020_1000, 32]] })
  // Linux: physical addresses count from the kernel's own start.
  const relative = [{ ...text, pa: 0 }, { ...data, pa: 0x1000 }]
  assert.deepEqual((await placed(elf({ entry: 0xffff_ffff_8000_0004n, segments: relative }))).entry, 0x8020_0004)
})

test('anything else is raw', async () => {
  assert.deepEqual(await placed(Uint8Array.of(1, 2, 3)),
    { format: 'raw', entry: 0x8020_0000, start: 0x8020_0000, end: 0x8020_0003, bytes: [[0x8020_0000, 3]] })
})

const bytes = new Uint8Array(64)
const one = (o: Partial<Parameters<typeof elf>[0]>) => elf({ entry: 0x8020_0000n, segments: [{ va: 0x8020_0000n, pa: 0x8020_0000, bytes }], ...o })
const bz = new Uint8Array(1024)
bz.set(new TextEncoder().encode('HdrS'), 0x202)
const bad: readonly (readonly [what: string, file: Uint8Array, message: string])[] = [
  ['empty', new Uint8Array(0), 'the file is empty'],
  ['a kernel for Arm', linuxImage({ magic: 'ARM\x64' }), 'it is for AArch64, not for 64-bit RISC-V'],
  ['an x86 kernel', bz, 'it is for x86, not for 64-bit RISC-V'],
  ['an ELF for x86-64', one({ machine: 62 }), 'it is for x86-64, not for 64-bit RISC-V'],
  ['a 32-bit ELF', one({ bits: 32 }), 'it is for 32-bit RISC-V, not for 64-bit RISC-V'],
  ['a big-endian ELF', one({}).with(5, 2).with(18, 0).with(19, 243),
    'it is for big-endian 64-bit RISC-V, not for 64-bit RISC-V'],
  ['an ELF with virtual addresses only', one({ segments: [{ va: 0x8020_0000n, pa: 2 ** 60, bytes }] }),
    'ELF: segment 0 lies at 0x1000000000000000: no physical address'],
  ['an object file', one({ type: 1 }), 'ELF: an object file, not an executable'],
  ['an ELF without its end', one({}).subarray(0, 150), 'ELF: the file ends in segment 0: it is truncated'],
  ['an ELF without its beginning', one({}).subarray(0, 40), 'ELF: the file ends in its header'],
  ['an ELF with nothing in it', one({ segments: [] }), 'ELF: nothing to load'],
  ['an ELF that starts elsewhere', one({ entry: 0n }), 'ELF: the entry point is in no segment'],
  ['an ELF larger than RAM', one({ segments: [{ va: 0n, pa: 0, bytes, sizeBytes: 2 << 20 }] }), 'ELF: segment 0 takes 2097152 bytes, and RAM has 1048576'],
  ['a big-endian kernel', linuxImage({ bigEndian: true }), 'a big-endian kernel'],
  ['half a kernel', linuxImage({ peBytes: 8192 }), 'it is truncated: 4096 of 8192 bytes'],
  ['an EFI program', linuxImage({ peBytes: 4096, magic: '' }), 'an EFI program, and not a Linux Image for 64-bit RISC-V'],
  ['half of a gzip file', gzipSync(linuxImage()).subarray(0, 30), 'its compressed data are damaged or truncated'],
  ['a gzip file that explodes', gzipSync(new Uint8Array(4 << 20)), 'unpacked it is larger than RAM (1048576 bytes)'],
  ['a gzip file of nothing', gzipSync(new Uint8Array(0)), 'the file is empty'],
]
for (const [what, file, message] of bad)
  test(`refused: ${what}`, () => assert.rejects(readImage(file, at), { name: 'VmError', message }))

test('no damaged file does more than be refused', async () => {
  const good = [one({}), linuxImage({ peBytes: 4096 }), gzipSync(linuxImage())]
  let x = 12345
  const random = (n: number) => (x = Math.imul(x, 1103515245) + 12345 >>> 0) % n
  for (let i = 0; i < 3000; i++) {
    const file = good[i % 3]!.slice(0, random(3) ? undefined : random(good[i % 3]!.length))
    for (let k = random(4); k >= 0 && file.length; k--) file[random(Math.min(file.length, 160))] = random(2) ? random(256) : 0xff
    await readImage(file, at).catch(e => assert.equal(e.name, 'VmError', String(e.stack)))
  }
})
