// Programs without an operating system for processors that a kernel runs, as firmware of a PC: 64 KiB at F0000h and at the end of 4 GiB.
// They note in memory what they do (`At`), by words of 32 bits.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Addresses of what programs note. */
export const At = { COUNT: 0x500, SECOND: 0x504, MARKS: 0x510, WRONG: 0x540, RANDOM: 0x550 } as const

export const lacksTools = ['as', 'ld', 'objcopy'].filter(tool => spawnSync(tool, ['--version']).error !== undefined)

const BYTES = 0x1_0000, BASE = 0xf_0000

/** What every program begins with. It goes on at `start16` in real mode, with segments of 0 and a stack. */
const HEAD = `
.code16
.globl _start
_start:
  cli
  xor %ax, %ax
  mov %ax, %ds
  mov %ax, %es
  mov %ax, %ss
  mov $0x7000, %sp
  ljmp $0xf000, $(start16 - ${BASE})

# Flat segments of 32 bits; goes on at start32.
to32:
  cld
  mov $0xf000, %ax # descriptors lie in RAM: some of them change
  mov %ax, %ds
  mov $(gdt - ${BASE}), %si
  mov $0x5000, %di
  mov $(gdtr - gdt), %cx
  rep movsb
  lgdtl %cs:(gdtr - ${BASE})
  mov %cr0, %eax
  or $1, %al
  mov %eax, %cr0
  ljmpl $8, $entered32
.code32
entered32:
  mov $16, %eax
  mov %eax, %ds
  mov %eax, %es
  mov %eax, %ss
  mov $0x7000, %esp
  jmp start32

# 64 bits, the first 4 GiB as they are; goes on at start64.
to64:
  mov $0x10000, %edi
  mov $0x6000 / 4, %ecx
  xor %eax, %eax
  rep stosl
  movl $0x11007, 0x10000
  mov $0x12007, %eax
  xor %ecx, %ecx
1: mov %eax, 0x11000(, %ecx, 8)
  add $0x1000, %eax
  inc %ecx
  cmp $4, %ecx
  jne 1b
  mov $0x87, %eax
  xor %ecx, %ecx
1: mov %eax, 0x12000(, %ecx, 8)
  add $0x200000, %eax
  inc %ecx
  cmp $2048, %ecx
  jne 1b
  mov $0x10000, %eax
  mov %eax, %cr3
  mov %cr4, %eax
  or $0x620, %eax # PAE, SSE
  mov %eax, %cr4
  mov $0xc0000080, %ecx
  rdmsr
  or $0x101, %eax # long mode, SYSCALL
  wrmsr
  mov %cr0, %eax
  or $0x80000002, %eax
  mov %eax, %cr0
  ljmp $24, $entered64
.code64
entered64:
  mov $0x7000, %rsp
  jmp start64

.balign 8
gdt: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff, 0x00cff3000000ffff, 0x00affb000000ffff
  .quad 0x0000890068000067, 0 # the task state, at 6800h
  .macro check n
  je 1f
  movl $\\n, ${At.WRONG}
1:
  .endm
gdtr: .word . - gdt - 1
  .long 0x5000
.weak start32, start64
`
const TAIL = `
.org 0xfff0
.code16
  ljmp $0xf000, $0
.org 0x10000
`

const assembled = new Map<string, Uint8Array>()
export function firmware(program: string): Uint8Array {
  const known = assembled.get(program)
  if (known) return known
  const folder = mkdtempSync(join(tmpdir(), 'kvm-program-')), path = (name: string) => join(folder, name)
  try {
    writeFileSync(path('p.s'), HEAD + program + TAIL)
    execFileSync('as', ['--64', '-o', path('p.o'), path('p.s')])
    execFileSync('ld', ['-m', 'elf_x86_64', `-Ttext=0x${BASE.toString(16)}`, '--oformat', 'binary', '-o', path('p.bin'), path('p.o')])
    const bytes = new Uint8Array(readFileSync(path('p.bin')))
    if (bytes.length !== BYTES) throw new Error(`a program of ${bytes.length} bytes`)
    assembled.set(program, bytes)
    return bytes
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Counts its interrupts of the timer, a thousand a second, and halts between. */
export const ticks = `
.code16
start16:
  mov $0x1b, %ecx
  rdmsr
  and $0xf7, %ah # no local APIC
  wrmsr
  movw $(tick - ${BASE}), 4 * 0x20
  movw $0xf000, 4 * 0x20 + 2
  .irp pair, 0x1120, 0x2021, 0x0421, 0x0121, 0xfe21, 0x3443, 0xa940, 0x0440
  mov $(\\pair >> 8), %al
  out %al, $(\\pair & 0xff)
  .endr
1: sti
  hlt
  cli
  incl ${At.COUNT}
  jmp 1b
tick:
  incl ${At.SECOND}
  push %ax
  mov $0x20, %al
  out %al, $0x20
  pop %ax
  iret
`

/** Marks each mode that it comes to; in the end it counts, writing to a port now and then. */
export const modes = `
.code16
start16:
  movl $16, ${At.MARKS}
  jmp to32
.code32
start32:
  movl $32, ${At.MARKS + 4}
  jmp to64
.code64
start64:
  mov $0x1122334455667788, %rax
  mov %eax, ${At.MARKS + 8}
  shr $32, %rax
  mov %eax, ${At.MARKS + 12}
  mov $0x30, %eax
  ltr %ax
  pushq $0x20 + 3
  pushq $0x6000
  pushq $0x3002 # ports are allowed
  pushq $0x28 + 3
  lea user(%rip), %rax
  push %rax
  iretq
user:
  mov %cs, %eax
  mov %eax, ${At.MARKS + 16}
1: mov $1000, %ecx
2: incl ${At.COUNT}
  dec %ecx
  jnz 2b
  out %al, $0x80
  jmp 1b
`

/** Two processors: the first starts the second and sends it interrupts; each counts. */
export const processors = `
.equ APIC, 0xfee00000
.code16
start16:
  movw $0x8000, %di # where the other one begins
  movw $(other - ${BASE}), %si
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
  ljmp $0xf000, $(to32 - ${BASE})
other_end:
.code32
start32:
  mov APIC + 0x20, %eax
  shr $24, %eax
  jnz second
  movl $0x1ff, APIC + 0xf0
  movl $0x01000000, APIC + 0x310
  movl $0xc500, APIC + 0x300 # INIT
  movl $0x8500, APIC + 0x300
  movl $0x01000000, APIC + 0x310
  movl $0x4608, APIC + 0x300 # begin at 8000h
1: cmpl $0, ${At.MARKS} # it is ready
  je 1b
2: mov ${At.SECOND}, %ebx
  movl $0x01000000, APIC + 0x310
  movl $0x4041, APIC + 0x300
3: pause
  cmp %ebx, ${At.SECOND}
  je 3b
  incl ${At.COUNT}
  jmp 2b
second:
  mov $0x6000, %esp
  movl $0x1ff, APIC + 0xf0
  mov $interrupted, %eax
  movw %ax, 0x4000 + 8 * 0x41
  movw $8, 0x4000 + 8 * 0x41 + 2
  movw $0x8e00, 0x4000 + 8 * 0x41 + 4
  shr $16, %eax
  movw %ax, 0x4000 + 8 * 0x41 + 6
  lidt idtr
  movl $1, ${At.MARKS}
4: sti
  hlt
  jmp 4b
interrupted:
  incl ${At.SECOND}
  movl $0, APIC + 0xb0
  add $8, %esp # not iret, which emulating kernels do not know here
  popf
  jmp 4b
idtr: .word 0x7ff
  .long 0x4000
`

/** Fills its registers, and then looks for ever whether they are what they were, in user mode, and where MARKS is set now and then
 * in the kernel's (to which not every emulating kernel gets back): counts while they are, notes which is not. */
export const registers = `
.code16
start16: jmp to32
.code32
start32: jmp to64
.code64
start64:
  mov $0x30, %eax
  ltr %ax
  mov $0x1111222233334444, %rax
  mov %rax, %dr0
  .macro msr number, high, low
  mov $\\number, %ecx
  mov $\\low, %eax
  mov $\\high, %edx
  wrmsr
  .endm
  msr 0xc0000082, 0x7ff, 0x9abc # LSTAR
  movl $0x5800, 0x6804 # the kernel's stack
  mov $kernel, %eax
  movw %ax, 0x4000 + 16 * 0x80
  movw $24, 0x4000 + 16 * 0x80 + 2
  movw $0xee00, 0x4000 + 16 * 0x80 + 4
  shr $16, %eax
  movw %ax, 0x4000 + 16 * 0x80 + 6
  movl $0, 0x4000 + 16 * 0x80 + 8
  lidt table
  msr 0xc0000102, 0x1234, 0x5678 # the other GS base
  msr 0xc0000100, 0, 0x600 # FS base
  pushq $0x20 + 3
  pushq $0x6000
  pushq $0x3002
  pushq $0x28 + 3
  lea user(%rip), %rax
  push %rax
  iretq
table: .word 0xfff
  .quad 0x4000
kernel:
  mov %dr0, %rax
  mov $0x1111222233334444, %rdx
  cmp %rax, %rdx
  check 8
  mov $0xc0000082, %ecx
  rdmsr
  cmp $0x9abc, %eax
  check 15
  mov $0xc0000102, %ecx
  rdmsr
  cmp $0x1234, %edx
  check 9
  cmp $0x5678, %eax
  check 10
  mov $0xc0000100, %ecx
  rdmsr
  cmp $0x600, %eax
  check 11
  str %eax
  cmp $0x30, %ax
  check 12
  incl ${At.SECOND}
  iretq
user:
  fninit
  fldpi
  fld1
  movl $0x3f80, 0x600 # MXCSR
  ldmxcsr 0x600
  .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
  mov $0x0101010101010101 * \\n + 0x7060504030201000, %rax
  movq %rax, %xmm\\n
  movlhps %xmm\\n, %xmm\\n
  .endr
  .irp r, rbx, rsi, rdi, r8, r9, r10, r12, r13, r14, r15
  mov $0xfeed0000beef0000 + 0x\\@, %\\r
  .endr
  mov %rbx, 0x700
  mov %r15, 0x708
  movdqu %xmm3, 0x710
  movdqu %xmm15, 0x720
again:
  movl $0x0badcafe, 0x600
  mov $1000, %ecx
loop:
  cmp %rbx, 0x700
  check 1
  cmp %r15, 0x708
  check 2
  movdqu %xmm3, 0x800
  mov 0x800, %rax
  cmp %rax, 0x710
  check 3
  movdqu %xmm15, 0x800
  mov 0x808, %rax
  cmp %rax, 0x728
  check 4
  fnstcw 0x810
  cmpw $0x37f, 0x810
  check 5
  fld %st(1)
  fstpt 0x810
  cmpl $0x2168c235, 0x810 # the low half of pi
  check 6
  stmxcsr 0x820
  cmpl $0x3f80, 0x820
  check 7
  cmpl $0x0badcafe, %fs:0
  check 14
  rdtsc # never goes back
  shl $32, %rdx
  or %rdx, %rax
  cmp 0x830, %rax
  jae 1f
  movl $13, ${At.WRONG}
1: mov %rax, 0x830
  incl ${At.COUNT}
  dec %ecx
  jnz loop
  cmpl $0, ${At.MARKS}
  je again
  int $0x80
  jmp again
`

/** Reads and writes ports and devices' memory at random, in all sizes, for ever. A reset begins it again. */
export const accesses = `
.code16
start16:
  jmp to32
.code32
start32:
  lidt nowhere
  mov ${At.RANDOM}, %ebp
  or $1, %ebp
next:
  incl ${At.COUNT}
  mov %ebp, %eax # xorshift
  shl $13, %eax
  xor %eax, %ebp
  mov %ebp, %eax
  shr $17, %eax
  xor %eax, %ebp
  mov %ebp, %eax
  shl $5, %eax
  xor %eax, %ebp
  mov %ebp, ${At.RANDOM}
  mov %ebp, %edx
  shr $8, %edx
  mov %ebp, %ecx
  and $15, %ecx
  mov %ebp, %eax
  jmp *table(, %ecx, 4)
table: .long in1, in2, in4, out1, out2, out4, strings, read1, read2, read4, read8, write1, write2, write4, write8, rom
in1: in %dx, %al
  jmp next
in2: in %dx, %ax
  jmp next
in4: in %dx, %eax
  jmp next
out1: call spare
  out %al, %dx
  jmp next
out2: call spare
  out %ax, %dx
  jmp next
out4: call spare
  out %eax, %dx
  jmp next
strings:
  call spare
  mov $0x30000, %edi
  mov $7, %ecx
  rep insw
  mov $0x30000, %esi
  mov $5, %ecx
  rep outsl
  jmp next
# Ports that switch this guest off for good are left alone.
spare:
  and $0xffff, %edx
  cmp $0x600, %edx
  jb 1f
  cmp $0x640, %edx
  ja 1f
  xor %edx, %edx
1: ret
# The display, the I/O APIC, the local APIC, where nothing is; on both sides of the ends of pages too.
where:
  mov %ebp, %ebx
  shr $28, %ebx
  and $3, %ebx
  mov places(, %ebx, 4), %ebx
  mov %edx, %ecx
  and $0x1fff, %ecx
  add %ecx, %ebx
  ret
places: .long 0xa0000, 0xfec00000, 0xfee00000, 0xfd000000
read1: call where
  mov (%ebx), %al
  jmp next
read2: call where
  mov (%ebx), %ax
  jmp next
read4: call where
  mov (%ebx), %eax
  jmp next
read8: call where
  movq (%ebx), %mm0
  jmp next
write1: call where
  mov %al, (%ebx)
  jmp next
write2: call where
  mov %ax, (%ebx)
  jmp next
write4: call where
  mov %eax, (%ebx)
  jmp next
write8: call where
  movq %mm0, (%ebx)
  jmp next
rom: mov %edx, %ecx
  and $0xfff, %ecx
  mov %eax, 0xf0000(%ecx)
  jmp next
nowhere: .word 0
  .long 0
`

/** Jumps to where there is no memory: nobody can run that. */
export const lost = `
.code16
start16: jmp to32
.code32
start32:
  mov $0xfd000000, %eax
  jmp *%eax
`

/** Gives the display card of slot 2 an address, and writes its memory: page 5 once, page 9 for ever. */
export const draws = `
.equ CARD, 0xe0000000
.code16
start16: jmp to32
.macro config register, value
  mov $0x80001000 + \\register, %eax
  mov $0xcf8, %edx
  out %eax, %dx
  mov $\\value, %eax
  mov $0xcfc, %edx
  out %eax, %dx
.endm
.code32
start32:
  config 0x10, CARD
  config 0x04, 2
  movl $1, CARD + 0x5000
1: incl CARD + 0x9000
  incl ${At.COUNT}
  jmp 1b
`

/** Counts twice and writes to a port, in the most privileged mode: some emulating kernels step through no other. Notes where it begins. */
export const counts = `
.code16
start16: jmp to32
.code32
start32:
  movl $again32, ${At.MARKS}
again32:
  incl ${At.COUNT}
  incl ${At.SECOND}
  out %al, $0x80
  jmp again32
`
