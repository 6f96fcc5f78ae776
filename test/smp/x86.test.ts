// Two processors of a PC: locked operations that are misaligned, across words and across pages too, lose nothing to each other, nor to
// aligned ones on a part of the same bytes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeHost } from '../../src/host/node/host.ts'
import { createMachine } from '../../src/vm/machine.ts'
import { firmware, lacksTools } from '../kvm/programs.ts'

const TIMEOUT_MS = 120_000
const skip = lacksTools.length > 0 ? `programs need ${lacksTools.join(', ')}` : false

// Words that both count in: across pages, across words of 8 bytes, within one; and words of which one processor counts in a part.
const PAGE = 0x9_0000, ACROSS = PAGE + 0xffe, WORDS = PAGE + 0x1ff, WITHIN = PAGE + 0x301, LOOPED = PAGE + 0x5fd, PART = PAGE + 0x2ffe, WIDE = PAGE + 0x3ffb
const DONE = 0x500, WRONG = 0x504

const program = (turns: number) => `
.equ APIC, 0xfee00000
.code16
start16:
  movw $0x8000, %di
  movw $(other - 0xf0000), %si
  mov $0xf000, %ax
  mov %ax, %ds
  mov $(other_end - other), %cx
  rep movsb
  xor %ax, %ax
  mov %ax, %ds
  jmp to32
other:
  cli
  xor %ax, %ax
  mov %ax, %ds
  ljmp $0xf000, $(to32 - 0xf0000)
other_end:
.code32
start32:
  mov APIC + 0x20, %ebx
  shr $24, %ebx
  jnz both
  movl $0x12345678, ${LOOPED}
  movl $0x1ff, APIC + 0xf0
  movl $0x01000000, APIC + 0x310
  movl $0xc500, APIC + 0x300 # INIT
  movl $0x8500, APIC + 0x300
  movl $0x01000000, APIC + 0x310
  movl $0x4608, APIC + 0x300 # begin at 8000h
both:
  test %ebx, %ebx
  jz 1f
  mov $0x6000, %esp
1: lock incl 0x508 # both are here
2: cmpl $2, 0x508
  jne 2b
  mov $${turns}, %esi
again:
  lock incl ${ACROSS} # one of AmoKind
  lock addl $3, ${WORDS}
  lock incw ${WITHIN}
  lock negl ${LOOPED} # a compare and swap; twice it is what it was
  lock negl ${LOOPED}
  # The lower half of the word by one, the upper by the other: each sees only its own count.
  test %ebx, %ebx
  jz low
  lock addw $1, ${PART + 2} # aligned
  jmp 3f
low:
  lock addl $1, ${PART}
3: mov ${WIDE}, %eax # 8 bytes, twice: +1 by a compare and swap
  mov ${WIDE} + 4, %edx
4: mov %eax, %ebp
  mov %edx, %ecx
  push %ebx
  mov %eax, %ebx
  add $1, %ebx
  adc $0, %ecx
  lock cmpxchg8b ${WIDE}
  pop %ebx
  jnz 4b
  # An exchange needs no prefix: what comes back is what somebody left, whole.
  mov %esi, %eax
  and $0xff, %eax
  imul $0x01010101, %eax
  xchg %eax, ${PAGE + 0x4ffd}
  mov %eax, %ecx
  rol $8, %ecx
  cmp %eax, %ecx
  je 5f
  incl ${WRONG}
5: dec %esi
  jnz again
  lock incl ${DONE}
6: hlt
  jmp 6b
`

for (const thread of ['multi', 'single'])
  test(`misaligned locked operations of two processors, thread=${thread}`, { skip, timeout: TIMEOUT_MS }, async () => {
    const turns = 2000
    const m = await createMachine({
      arch: 'x86_64', bios: firmware(program(turns)), memoryBytes: 16 << 20, noDefaults: true, smp: { cpus: 2 },
      accels: [{ name: 'jit', properties: { thread } }],
    }, nodeHost)
    const word = async (pa: number, bytes = 4) => Buffer.from(await m.readPhysical(pa, bytes)).readUIntLE(0, bytes)
    try {
      await m.resume()
      for (const limit = Date.now() + TIMEOUT_MS - 10_000; await word(DONE) < 2; await new Promise(r => setTimeout(r, 20)))
        assert.ok(Date.now() < limit, `${await word(DONE)} processors are done`)
      assert.equal(await word(ACROSS), 2 * turns, 'across pages')
      assert.equal(await word(WORDS), 6 * turns, 'across words')
      assert.equal(await word(WITHIN, 2), (2 * turns) & 0xffff, 'within a word')
      assert.equal(await word(LOOPED), 0x12345678)
      assert.equal(await word(PART), (turns + turns * 0x10000) % 2 ** 32, 'a part')
      assert.equal(await word(WIDE, 6), 2 * turns, 'eight bytes')
      assert.equal(await word(WRONG), 0, 'an exchange saw half of another')
    } finally {
      await m.close()
    }
  })
