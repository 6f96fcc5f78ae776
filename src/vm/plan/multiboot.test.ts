// Kernels that begin by Multiboot and by PVH: where their parts lie, and what they find.
import { test } from 'node:test'
import assert from 'node:assert/strict'
import type { MachineConfig } from '../config.ts'
import { planMachine } from './plan.ts'
import { memoryHost } from './testing.ts'

const words = (...list: readonly number[]) => Uint8Array.from(list.flatMap(n => [n, n >>> 8, n >>> 16, n >>> 24].map(b => b & 0xff)))
const header = (flags: number, ...more: readonly number[]) => [0x1badb002, flags, -(0x1badb002 + flags) >>> 0, ...more]
/** Loaded by the addresses in its header: the file at 1 MiB from its second word on, and room behind it. */
const flat = words(0, ...header(0x1_0003, 0x10_0000, 0x10_0000, 0, 0x10_2000, 0x10_0020), 0x11111111, 0x22222222)

/** An ELF executable with one segment, and notes. */
function elf(o: { long?: boolean; pa?: number; bytes?: Uint8Array; notes?: Uint8Array; machine?: number; type?: number } = {}): Uint8Array {
  const { long = true, pa = 0x10_0000, bytes = words(1, 2, 3), notes } = o
  const out = new Uint8Array(0x400), v = new DataView(out.buffer), size = long ? 56 : 32, table = 64
  out.set([0x7f, 0x45, 0x4c, 0x46, long ? 2 : 1, 1, 1])
  v.setUint16(16, o.type ?? 2, true)
  v.setUint16(18, o.machine ?? (long ? 62 : 3), true)
  const word = (at: number, n: number) => (long ? v.setBigUint64(at, BigInt(n), true) : v.setUint32(at, n, true))
  word(24, pa + 4)
  word(long ? 32 : 28, table)
  v.setUint16(long ? 54 : 42, size, true)
  v.setUint16(long ? 56 : 44, notes ? 2 : 1, true)
  const segment = (n: number, type: number, at: number, part: Uint8Array) => {
    const p = table + n * size, unit = long ? 8 : 4
    v.setUint32(p, type, true)
    for (const [i, value] of [at, 0, pa, part.length, part.length].entries()) word(p + unit * (i + 1), value)
    out.set(part, at)
  }
  segment(0, 1, 0x200, bytes)
  if (notes) segment(1, 4, 0x300, notes)
  return out
}
const XEN = 0x006e6558
const pvhNotes = words(4, 4, 6, XEN, 99, 4, 8, 18, XEN, 0x10_0008, 0)

const files = {
  flat, mod1: words(0xaa), mod2: words(0xbb, 0xcc), elf32: elf({ long: false, bytes: words(...header(0), 7) }), elf64: elf({ bytes: words(...header(0)) }),
  pvh: elf({ notes: pvhNotes }), plain: elf(), low: elf({ pa: 0x9_fff0, notes: pvhNotes, bytes: new Uint8Array(64) }), object: elf({ type: 1 }),
  video: words(...header(4)), odd: words(...header(0x20)), riscv: elf({ machine: 243 }), bare: words(...header(0)), nowhere: words(...header(0x1_0000, 0, 8, 0, 0, 0)),
}
const host = memoryHost(files)
async function start(config: MachineConfig) {
  const { boot, images } = await planMachine({ arch: 'x86_64', memoryBytes: 16 << 20, noDefaults: true, ...config }, host)
  assert.equal(boot.kind, 'direct')
  const read = (pa: number) => {
    const found = images.find(i => pa >= i.pa && pa < i.pa + i.bytes.length)
    assert.ok(found, `nothing at 0x${pa.toString(16)}`)
    return found.bytes.subarray(pa - found.pa)
  }
  const word = (pa: number) => { const b = read(pa); return new DataView(b.buffer, b.byteOffset).getUint32(0, true) }
  const text = (pa: number) => { const b = read(pa); return new TextDecoder().decode(b.subarray(0, b.indexOf(0))) }
  return { state: (boot as Extract<typeof boot, { kind: 'direct' }>).state, read, word, text }
}

test('multiboot by addresses in the header, with modules', async () => {
  const k = await start({ kernel: 'flat', append: 'a b', initrd: 'mod1 x=1,mod2' })
  assert.deepEqual([k.state.entry, k.state.registers.ax], [0x10_0020, 0x2badb002])
  assert.deepEqual([k.word(0x10_0000), k.word(0x10_0020)], [0x1badb002, 0x11111111])
  assert.equal(k.word(0x10_1ffc), 0)
  const info = k.state.registers.bx!
  assert.equal(k.word(info), 0x24d)
  assert.equal(k.text(k.word(info + 16)), 'flat a b')
  assert.equal(k.word(info + 20), 2)
  const modules = k.word(info + 24)
  assert.deepEqual([k.word(modules), k.word(modules + 4), k.text(k.word(modules + 8))], [0x10_2000, 0x10_2004, 'mod1 x=1'])
  assert.deepEqual([k.word(0x10_3000), k.word(modules + 16), k.text(k.word(modules + 24))], [0xbb, 0x10_3000, 'mod2'])
  const map = k.word(info + 48)
  assert.deepEqual([k.word(map), k.word(map + 4), k.word(map + 12), k.word(map + 20)], [20, 0, 0x9_fc00, 1])
})

test('multiboot as ELF of 32 bits', async () => {
  const k = await start({ kernel: 'elf32' })
  assert.deepEqual([k.state.entry, k.word(0x10_000c), k.word(k.state.registers.bx! + 20)], [0x10_0004, 7, 0])
})

test('PVH', async () => {
  const k = await start({ kernel: 'pvh', append: 'quiet', initrd: 'mod2' }), info = k.state.registers.bx!
  assert.deepEqual([k.state.entry, k.word(0x10_0000)], [0x10_0008, 1])
  assert.deepEqual([k.word(info), k.word(info + 4), k.word(info + 12)], [0x336ec578, 1, 1])
  assert.equal(k.text(k.word(info + 24)), 'quiet')
  const module = k.word(info + 16), map = k.word(info + 40)
  assert.deepEqual([k.word(module), k.word(module + 8), k.word(k.word(module))], [0x10_1000, 8, 0xbb])
  assert.deepEqual([k.word(map), k.word(map + 8), k.word(map + 16)], [0, 0x9_fc00, 1])
  assert.equal(k.word(info + 32), 0xf_0000, 'the root of the ACPI tables, in ROM')
})

for (const [kernel, line] of [
  ['elf64', 'multiboot: a 64-bit executable, and the kernel begins in 32-bit mode'], ['plain', 'an ELF kernel with neither a multiboot header nor a PVH entry point'],
  ['low', 'ELF: segment 0 takes 64 bytes at 0x9fff0, where there is no RAM for it'], ['object', 'ELF: not an executable'],
  ['video', 'multiboot: not implemented: a graphics mode'], ['odd', 'multiboot: not implemented: feature 0x20'], ['riscv', 'it is for 64-bit RISC-V, not for x86'],
  ['bare', 'multiboot: neither addresses nor an ELF header'], ['nowhere', 'multiboot: its addresses do not fit the file'],
] as const)
  test(line, async () => { await assert.rejects(start({ kernel }), { where: 'kernel', message: line }) })

test('a PVH kernel of 64 bits is not for a 32-bit machine', async () => {
  await assert.rejects(planMachine({ arch: 'i386', kernel: 'pvh' }, host), { message: 'it is for 64-bit processors' })
})
