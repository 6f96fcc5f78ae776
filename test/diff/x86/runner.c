// Runs single instructions on the processor underneath, for the differential tests: reads cases from standard input, loads
// every register, executes the bytes, and writes every register and the memory window to standard output.
//
// A case is run by returning from a signal handler: the signal frame holds all registers, CS and SS too, so that 32- and
// 16-bit code run as well. The code is surrounded by INT3, so that whatever the instruction does, a signal follows whose
// frame says what became of the registers and where control went. Freestanding, for FS belongs to the case.
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <asm/unistd.h>
#include <linux/mman.h>
#include <linux/signal.h>
#include <asm/sigcontext.h> /* behind what it needs */
#include <asm/ucontext.h>

typedef unsigned long u64;
typedef unsigned char u8;

// The same in machine.ts.
#define CODE 0x40000000ul /* 4 MiB of INT3, the instruction in the middle; cases cannot write there */
#define CODE_BYTES 0x400000ul
#define START (CODE + CODE_BYTES / 2)
#define CODE_ALIAS 0x3100000000ul /* the same memory, for us to write: far from what cases reach */
#define PAGE_AT 0x50000000ul /* a page to read and write, then one to read; the window is at the end of the first */
#define WINDOW_BYTES 256
#define WINDOW (PAGE_AT + 4096 - WINDOW_BYTES)
#define CODE_MAX 32
#define CASES 256
#define CODE16_BASE (START - 0x8000)
#define DATA16_BASE (PAGE_AT - 0x4000)
#define FS_BASE (WINDOW + 16)
#define GS_BASE (WINDOW - 1024)

#define FX_WORDS 64 /* what FXSAVE stores */
struct in { u8 code[CODE_MAX]; u64 r[16], flags, bits, mem[WINDOW_BYTES / 8], fx[FX_WORDS]; };
struct out { u64 r[16], ip, flags, vector, error, address, mem[WINDOW_BYTES / 8], fx[FX_WORDS]; };

static struct in in[CASES];
static struct out out[CASES];
static int count, next, running;
static u64 bits;
static u8 stack[65536] __attribute__((aligned(16)));

static long syscall6(long n, long a, long b, long c, long d, long e, long f) {
  long result;
  register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
  __asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
}
static void leave(int status) { syscall6(__NR_exit_group, status, 0, 0, 0, 0, 0); }

/* As many whole cases as there are, up to CASES. They may take so many seconds of processor time: then one of them does not
 * come to an end, and the signal does it. */
#define LIMIT_SECONDS 10
static int fill(void) {
  long have = 0, timer[4] = { 0, 0, LIMIT_SECONDS, 0 };
  syscall6(__NR_setitimer, 1 /* ITIMER_VIRTUAL */, (long)timer, 0, 0, 0, 0);
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

enum { LDT_CODE16, LDT_DATA16, LDT_STACK16, LDT_FS, LDT_GS };
#define SELECTOR(n) ((n) << 3 | 7)
static void segment(int number, u64 base, unsigned limit, int contents, int is32) {
  struct user_desc d = { 0 };
  d.entry_number = number, d.base_addr = base, d.limit = limit, d.contents = contents, d.seg_32bit = is32, d.useable = 1;
  if (syscall6(__NR_modify_ldt, 1, (long)&d, sizeof d, 0, 0, 0) != 0) leave(6);
}

/* Data segments for code of so many bits. */
static void select(u64 to) {
  bits = to;
  int data = to == 64 ? 0 : to == 32 ? 0x2b : SELECTOR(LDT_DATA16);
  int fs = to == 64 ? 0 : SELECTOR(LDT_FS), gs = to == 64 ? 0 : SELECTOR(LDT_GS);
  __asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %1, %%fs; mov %2, %%gs" : : "r"(data), "r"(fs), "r"(gs));
  if (to != 64) return;
  syscall6(__NR_arch_prctl, ARCH_SET_FS, FS_BASE, 0, 0, 0, 0);
  syscall6(__NR_arch_prctl, ARCH_SET_GS, GS_BASE, 0, 0, 0, 0);
}

static void handler(int signal, siginfo_t *info, struct ucontext *uc) {
  struct sigcontext *m = &uc->uc_mcontext;
  volatile u64 *window = (u64 *)WINDOW;
  __u64 *places[16] = { &m->rax, &m->rcx, &m->rdx, &m->rbx, &m->rsp, &m->rbp, &m->rsi, &m->rdi,
    &m->r8, &m->r9, &m->r10, &m->r11, &m->r12, &m->r13, &m->r14, &m->r15 };
  volatile u64 *fx = (u64 *)m->fpstate;
  /* Alignment checks are the case's: the kernel leaves them on. Until here all accesses are aligned. */
  __asm__ volatile("pushfq; andl $0xfffbffff, (%%rsp); popfq" : : : "cc", "memory");
  if (running) {
    struct out *o = &out[next++];
    for (int i = 0; i < 16; i++) o->r[i] = *places[i];
    o->ip = m->rip, o->flags = m->eflags, o->vector = m->trapno, o->error = m->err, o->address = m->cr2;
    for (int i = 0; i < WINDOW_BYTES / 8; i++) o->mem[i] = window[i];
    for (int i = 0; i < FX_WORDS; i++) o->fx[i] = fx[i];
  }
  if (next == count) {
    flush(next);
    next = 0;
    count = fill();
    if (count == 0) leave(0);
  }
  running = 1;
  struct in *c = &in[next];
  if (c->bits != bits) select(c->bits);
  for (int i = 0; i < CODE_MAX; i++) ((volatile u8 *)(CODE_ALIAS + START - CODE))[i] = c->code[i];
  for (int i = 0; i < 16; i++) *places[i] = c->r[i];
  for (volatile u64 *p = (u64 *)PAGE_AT; p < window; p++) *p = 0;
  for (int i = 0; i < WINDOW_BYTES / 8; i++) window[i] = c->mem[i];
  /* The last bytes are the kernel's; behind them are the bits of what the frame holds: x87 and SSE. */
  for (int i = 0; i < FX_WORDS - 6; i++) fx[i] = c->fx[i];
  fx[FX_WORDS] |= 3;
  m->eflags = c->flags | 0x202;
  m->rip = bits == 16 ? START - CODE16_BASE : START;
  m->cs = bits == 64 ? 0x33 : bits == 32 ? 0x23 : SELECTOR(LDT_CODE16);
  m->ss = bits == 16 ? SELECTOR(LDT_STACK16) : 0x2b;
  uc->uc_flags |= 4; /* UC_STRICT_RESTORE_SS */
}

static void map(u64 at, u64 bytes, int protection, int flags, long file) {
  if (syscall6(__NR_mmap, at, bytes, protection, flags | MAP_FIXED, file, 0) != (long)at) leave(4);
}

static void start(void) {
  long code = syscall6(__NR_memfd_create, (long)"code", 0, 0, 0, 0, 0);
  if (code < 0 || syscall6(__NR_ftruncate, code, CODE_BYTES, 0, 0, 0, 0) != 0) leave(4);
  map(CODE, CODE_BYTES, PROT_READ | PROT_EXEC, MAP_SHARED, code);
  map(CODE_ALIAS, CODE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, code);
  map(PAGE_AT, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  if (syscall6(__NR_mprotect, PAGE_AT + 4096, 4096, PROT_READ, 0, 0, 0) != 0) leave(4);
  for (u8 *p = (u8 *)CODE_ALIAS; p < (u8 *)(CODE_ALIAS + CODE_BYTES); p++) *(volatile u8 *)p = 0xcc;
  segment(LDT_CODE16, CODE16_BASE, 0xffff, 2, 0);
  segment(LDT_DATA16, DATA16_BASE, 0xffff, 0, 0);
  segment(LDT_STACK16, DATA16_BASE, 0xffff, 0, 0);
  segment(LDT_FS, FS_BASE, 0xbf, 0, 1);
  segment(LDT_GS, GS_BASE, 0x4df, 0, 1);
  struct sigaltstack alternate = { stack, 0, sizeof stack };
  syscall6(__NR_sigaltstack, (long)&alternate, 0, 0, 0, 0, 0);
  extern void restorer(void) __attribute__((visibility("hidden")));
  struct { void *handler; u64 flags; void *restorer; u64 mask; } action = { handler, SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTORER,
    restorer, 0 };
  int signals[] = { SIGTRAP, SIGILL, SIGSEGV, SIGBUS, SIGFPE };
  for (int i = 0; i < 5; i++) syscall6(__NR_rt_sigaction, signals[i], (long)&action, 0, 8, 0, 0);
  __asm__ volatile("int3");
  leave(5);
}
void entry(void) { start(); }
__asm__(".globl _start\n_start: and $-16, %rsp\n call entry\n.globl restorer\nrestorer: mov $15, %eax\n syscall\n");
