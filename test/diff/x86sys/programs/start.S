# From reset to C: a 64 KiB firmware image that copies itself to RAM at 0x10000, where it is linked to run.
.set SHIFT, 0xe0000             # from where it is linked to where it lies in ROM

.section .init, "ax"
.code16
init:
    cli
    cs lgdtl boot_gdtr - init
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    ljmpl $8, $(protected + SHIFT)
.code32
protected:
    mov $16, %ax
    mov %ax, %ds
    mov %ax, %es
    mov %ax, %ss
    mov $0xf0000, %esi
    mov $0x10000, %edi
    mov $0x4000, %ecx
    cld
    rep movsl
    mov $0x80000, %esp
    ljmp $8, $copied
copied:
#ifdef LONG
    # Identity map of 4 GiB in 2 MiB pages: tables at 0x90000 (PML4), 0x91000 (PDPT), 0x92000-0x95fff.
    mov $0x90000, %edi
    xor %eax, %eax
    mov $0x1800, %ecx
    rep stosl
    movl $0x91007, 0x90000
    mov $0x91000, %edi
    mov $0x92007, %eax
1:  mov %eax, (%edi)
    add $8, %edi
    add $0x1000, %eax
    cmp $0x91020, %edi
    jb 1b
    mov $0x92000, %edi
    mov $0x87, %eax
2:  mov %eax, (%edi)
    add $8, %edi
    add $0x200000, %eax
    cmp $0x96000, %edi
    jb 2b
    mov $0x90000, %eax
    mov %eax, %cr3
    mov $0x20, %eax
    mov %eax, %cr4
    mov $0xc0000080, %ecx
    mov $0x901, %eax            # SCE, LME, NXE
    xor %edx, %edx
    wrmsr
    mov %cr0, %eax
    or $0x80000000, %eax
    mov %eax, %cr0
    ljmp $24, $1f
.code64
1:  call main
#else
    call main
#endif
    mov $0xf4, %dx
    mov $0, %al
    out %al, %dx
3:  hlt
    jmp 3b
    .balign 8
boot_gdt:
    .quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff, 0x00af9a000000ffff
boot_gdtr:
    .word 31
    .long boot_gdt + SHIFT

.section .reset, "ax"
.code16
    ljmp $0xf000, $0             # the image begins with init
