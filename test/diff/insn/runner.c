// Runs single instructions on the processor (or QEMU) underneath, for the differential tests: reads cases from standard
// input, loads every register, executes the bytes, and writes every register and the memory window to standard output.
//
// A case is run by returning from a signal handler: the signal frame holds all registers. The code page is full of
// C.EBREAK, so that whatever the instruction does, a signal follows whose frame says what became of the registers and
// where control went. Freestanding, for gp and tp belong to the case.
#include <linux/signal.h>
#include <asm/sigcontext.h>
#include <asm/ucontext.h>
#include <asm/unistd.h>
#include <linux/mman.h>

typedef unsigned long u64;
typedef unsigned char u8;

// The same in machine.ts.
#define CODE 0x40000000ul /* 4 MiB of C.EBREAK, the instruction in the middle */
#define CODE_BYTES 0x400000ul
#define START (CODE + CODE_BYTES / 2)
#define WINDOW 0x50000000ul
#define WINDOW_BYTES 256
#define MEMORY_BYTES 0x3000ul /* the window is in the middle of this */
#define CASES 256

struct in { u64 code[2], x[32], f[32], fcsr, mem[WINDOW_BYTES / 8]; };
struct out { u64 pc, x[32], f[32], fcsr, signal, address, mem[WINDOW_BYTES / 8]; };

static struct in in[CASES];
static struct out out[CASES];
static int count, next, running;
static u64 written[2];
static u8 stack[65536] __attribute__((aligned(16)));

static long syscall6(long n, long a, long b, long c, long d, long e, long f) {
  register long a7 __asm__("a7") = n, a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c;
  register long a3 __asm__("a3") = d, a4 __asm__("a4") = e, a5 __asm__("a5") = f;
  __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7) : "memory");
  return a0;
}
static void leave(int status) { syscall6(__NR_exit_group, status, 0, 0, 0, 0, 0); }

/* As many whole cases as there are, up to CASES. */
static int fill(void) {
  long have = 0;
  for (;;) {
    long n = syscall6(__NR_read, 0, (long)in + have, sizeof in - have, 0, 0, 0);
    if (n < 0) leave(2);
    have += n;
    if (n == 0 || have == sizeof in) return have / sizeof in[0];
  }
}
static void flush(int n) {
  char *p = (char *)out;
  for (long left = n * sizeof out[0]; left > 0;) {
    long done = syscall6(__NR_write, 1, (long)p, left, 0, 0, 0);
    if (done <= 0) leave(3);
    p += done, left -= done;
  }
}

static void handler(int signal, siginfo_t *info, struct ucontext *uc) {
  u64 *regs = (u64 *)&uc->uc_mcontext.sc_regs; /* pc, then x1 to x31 */
  struct __riscv_d_ext_state *fp = &uc->uc_mcontext.sc_fpregs.d;
  volatile u64 *window = (u64 *)WINDOW;
  if (running) {
    struct out *o = &out[next++];
    for (int i = 0; i < 32; i++) o->x[i] = i ? regs[i] : 0, o->f[i] = fp->f[i];
    o->pc = regs[0], o->fcsr = fp->fcsr, o->signal = signal, o->address = (u64)info->si_addr;
    for (int i = 0; i < WINDOW_BYTES / 8; i++) o->mem[i] = window[i];
  }
  if (next == count) {
    flush(next);
    next = 0;
    count = fill();
    if (count == 0) leave(0);
  }
  running = 1;
  struct in *c = &in[next];
  if (c->code[0] != written[0] || c->code[1] != written[1]) {
    for (int i = 0; i < 2; i++) ((volatile u64 *)START)[i] = written[i] = c->code[i];
    __asm__ volatile("fence.i" ::: "memory");
  }
  for (int i = 1; i < 32; i++) regs[i] = c->x[i];
  for (int i = 0; i < 32; i++) fp->f[i] = c->f[i];
  for (int i = 0; i < WINDOW_BYTES / 8; i++) window[i] = c->mem[i];
  regs[0] = START, fp->fcsr = c->fcsr;
  /* No reservation outlives its case. */
  static u64 dummy;
  long failed;
  __asm__ volatile("sc.d %0, zero, (%1)" : "=&r"(failed) : "r"(&dummy) : "memory");
}

/* gp and sp as C wants them is the kernel's business (sigaltstack) and the compiler's (no relaxation). */
void start(void) {
  for (int k = 0; k < 2; k++) {
    u64 at = k ? WINDOW - MEMORY_BYTES / 2 + 0x800 : CODE, size = k ? MEMORY_BYTES : CODE_BYTES;
    at &= ~0xffful;
    if (syscall6(__NR_mmap, at, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
        != (long)at) leave(4);
  }
  for (unsigned short *p = (void *)CODE; p < (unsigned short *)(CODE + CODE_BYTES); p++) *p = 0x9002;
  struct sigaltstack alternate = { stack, 0, sizeof stack };
  syscall6(__NR_sigaltstack, (long)&alternate, 0, 0, 0, 0, 0);
  struct sigaction action = { 0 };
  action.sa_handler = (void *)handler;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  int signals[] = { SIGTRAP, SIGILL, SIGSEGV, SIGBUS, SIGFPE };
  for (int i = 0; i < 5; i++) syscall6(__NR_rt_sigaction, signals[i], (long)&action, 0, 8, 0, 0);
  __asm__ volatile("ebreak");
  leave(5);
}
__asm__(".globl _start\n_start: andi sp, sp, -16\n j start\n");
