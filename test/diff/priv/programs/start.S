# Start-up and the ways between privilege levels for bare-metal test programs: one hart, machine mode, no firmware.
    .option norvc
    .section .text.start, "ax"
    .globl _start
_start:
    csrr t0, mhartid
    bnez t0, park
    la sp, stack_top
    la t0, m_handler
    csrw mtvec, t0
    call main
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
park:
    wfi
    j park

# run(priv, code, a, b, c, trap): calls code(a, b, c) at a privilege level with interrupts as they are, and comes back when it
# returns or traps; fills in `trap`. Everything else a program wants different is set in the CSRs before.
    .globl run
run:
    addi sp, sp, -128
    sd ra, 0(sp)
    sd s0, 8(sp)
    sd s1, 16(sp)
    sd s2, 24(sp)
    sd s3, 32(sp)
    sd s4, 40(sp)
    sd s5, 48(sp)
    sd s6, 56(sp)
    sd s7, 64(sp)
    sd s8, 72(sp)
    sd s9, 80(sp)
    sd s10, 88(sp)
    sd s11, 96(sp)
    sd a5, 104(sp)
    csrr t0, mstatus
    sd t0, 112(sp)
    la t0, context
    sd sp, 0(t0)
    sd zero, 8(t0)          # no trap in supervisor mode seen yet
    li t0, 0x1800
    csrc mstatus, t0
    slli a0, a0, 11
    csrs mstatus, a0
    csrw mepc, a1
    la ra, leave
    la a6, leave_virtual    # where the program has mapped `leave`, if it has
    ld a6, 0(a6)
    beqz a6, 1f
    mv ra, a6
1:  li a7, 0
    mv a0, a2
    mv a1, a3
    mv a2, a4
    mret

    .balign 4096
    .globl leave
leave:
    li a7, 0x1eaf
    ecall
    .balign 4096

# Supervisor-mode handler: notes what it got and asks machine mode to take over.
    .globl s_handler
    .balign 256
s_handler:
    .rept 16
    jal t2, s_common
    .endr
s_common:
    la t0, context
    ld t1, 8(t0)
    bnez t1, 2f
    la t1, s_handler + 4
    sub t2, t2, t1
    sd t2, 48(t0)
    li t1, 1
    sd t1, 8(t0)
    csrr t1, scause
    sd t1, 16(t0)
    csrr t1, sepc
    sd t1, 24(t0)
    csrr t1, stval
    sd t1, 32(t0)
    csrr t1, sstatus
    sd t1, 40(t0)
    li a7, 0x5e7
    ecall
2:  ebreak                  # environment calls from S are delegated

# Machine-mode handler: fills in the trap, back to whoever called `run`.
    .globl m_handler
    .balign 256
m_handler:
    .rept 16
    jal t2, m_common
    .endr
m_common:
    la t0, context
    ld sp, 0(t0)
    ld t1, 104(sp)
    la t3, m_handler + 4
    sub t2, t2, t3
    sd t2, 56(t1)           # the entry: 0, or 4 * cause
    ld t2, 8(t0)
    sd t2, 32(t1)           # taken in S?
    bnez t2, 3f
    csrr t2, mcause
    sd t2, 0(t1)
    csrr t2, mepc
    sd t2, 8(t1)
    csrr t2, mtval
    sd t2, 16(t1)
    csrr t2, mstatus
    sd t2, 24(t1)
    sd a0, 40(t1)
    sd a7, 48(t1)
    j 4f
3:  ld t2, 16(t0)
    sd t2, 0(t1)
    ld t2, 24(t0)
    sd t2, 8(t1)
    ld t2, 32(t0)
    sd t2, 16(t1)
    ld t2, 40(t0)
    sd t2, 24(t1)
    ld t2, 48(t0)
    sd t2, 56(t1)
    sd a0, 40(t1)
    sd zero, 48(t1)
4:  ld t2, 112(sp)
    csrw mstatus, t2
    ld ra, 0(sp)
    ld s0, 8(sp)
    ld s1, 16(sp)
    ld s2, 24(sp)
    ld s3, 32(sp)
    ld s4, 40(sp)
    ld s5, 48(sp)
    ld s6, 56(sp)
    ld s7, 64(sp)
    ld s8, 72(sp)
    ld s9, 80(sp)
    ld s10, 88(sp)
    ld s11, 96(sp)
    addi sp, sp, 128
    ret

# load8(address, size) and store8(address, size) in machine mode with MPRV set around the access alone: 0, or the cause.
# mtvec points at the local handler meanwhile.
    .globl access_load
access_load:
    li t2, 0x20000
    la t0, 5f
    csrrw t1, mtvec, t0
    csrs mstatus, t2
    beqz a1, 1f
    addi a1, a1, -1
    beqz a1, 2f
    addi a1, a1, -1
    beqz a1, 3f
    ld a0, 0(a0)
    j 4f
1:  lbu a0, 0(a0)
    j 4f
2:  lhu a0, 0(a0)
    j 4f
3:  lw a0, 0(a0)
4:  csrc mstatus, t2
    csrw mtvec, t1
    la t0, loaded
    sd a0, 0(t0)
    li a0, 0
    ret
    .balign 4
5:  csrc mstatus, t2
    csrw mtvec, t1
    csrr a0, mcause
    ret

    .globl access_store
access_store:
    li t2, 0x20000
    la t0, 5f
    csrrw t1, mtvec, t0
    csrs mstatus, t2
    beqz a1, 1f
    addi a1, a1, -1
    beqz a1, 2f
    addi a1, a1, -1
    beqz a1, 3f
    sd a2, 0(a0)
    j 4f
1:  sb a2, 0(a0)
    j 4f
2:  sh a2, 0(a0)
    j 4f
3:  sw a2, 0(a0)
4:  csrc mstatus, t2
    csrw mtvec, t1
    li a0, 0
    ret
    .balign 4
5:  csrc mstatus, t2
    csrw mtvec, t1
    csrr a0, mcause
    ret

    .bss
    .balign 16
stack_bottom:
    .space 16384
stack_top:
    .globl context
context: .space 64
    .globl leave_virtual
leave_virtual: .space 8
    .globl loaded
loaded: .space 8
