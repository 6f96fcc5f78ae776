// Long mode: exceptions with their frames and stacks, page faults, system calls, returns, segments, the local APIC.
#include "rt.h"

struct frame { u64 r[15], vector, error, rip, cs, flags, rsp, ss; };
u64 resume_rsp, resume_rip, entered;
extern char first_stub[];
asm(".text\n"
    "common: push %rax; push %rcx; push %rdx; push %rbx; push %rbp; push %rsi; push %rdi; push %r8; push %r9; push %r10; push %r11; push %r12\n"
    "push %r13; push %r14; push %r15; mov %rsp, %rdi; and $~15, %rsp; call trap\n"
    "mov $16, %ax; mov %ax, %ss; mov resume_rsp, %rsp; jmp *resume_rip\n"
    ".macro stub n; .balign 16; .if \\n == 8 || (\\n >= 10 && \\n <= 14) || \\n == 17; .else; push $0xbad; .endif; push $\\n; jmp common; .endm\n"
    ".balign 16\nfirst_stub:\n.altmacro\n.set i, 0\n.rept 64\nstub %i\n.set i, i + 1\n.endr\n.noaltmacro\n"
    ".globl probe\nprobe: push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; mov %rsp, resume_rsp; movq $1f, resume_rip\n"
    "movq $0, entered; call *%rdi; 1: mov resume_rsp, %rsp; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; mov entered, %eax; ret\n"
    "syscall_entry: mov %rcx, %rsi; mov %r11, %rdi; mov %rsp, %r8; mov $0x71000, %rsp; int $0x31\n");
int probe(void (*f)(void));
extern char syscall_entry[];

static u64 gdt[64] __attribute__((aligned(16)));
static u64 idt[128] __attribute__((aligned(16)));
static u32 tss[32] __attribute__((aligned(16)));
struct { u16 limit; u64 base; } __attribute__((packed)) table;
static int quiet, registers;

void trap(struct frame *f) {
  entered = f->vector + 1;
  if (quiet) return;
  u64 cr2; u16 ss; asm volatile("mov %%cr2, %0; mov %%ss, %1" : "=r"(cr2), "=r"(ss));
  put("  #"); hex(f->vector); kv("err", f->vector == 13 && f->error & 2 ? 2 : f->error); kv("cs", f->cs); kv("rip", f->rip); kv("fl", f->flags & ~0x108d5); kv("sp", f->rsp); kv("ss", f->ss);
  kv("at", (u64)f);
  if (f->cs & 3) kv("now", ss);
  if (f->vector == 14) kv("cr2", cr2);
  if (registers) { kv("rcx", f->r[13]); kv("r11", f->r[4] & ~0x108d5); kv("rsi", f->r[9]); kv("rdi", f->r[8] & ~0x108d5); kv("r8", f->r[7]); }
  line();
}
static u64 segment(u32 base, u32 limit, u32 attributes) {
  return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)attributes << 40 | (u64)(limit >> 16 & 15) << 48 | (u64)(base >> 24) << 56;
}
static u64 gate(u32 offset, u16 selector, u32 attributes) {
  return (offset & 0xffff) | (u64)selector << 16 | (u64)attributes << 40 | (u64)(offset >> 16) << 48;
}
static void setup(void) {
  gdt[1] = segment(0, 0xfffff, 0xa09b); gdt[2] = segment(0, 0xfffff, 0xc093);
  gdt[3] = segment(0, 0xfffff, 0xc0fb); gdt[4] = segment(0, 0xfffff, 0xc0f3); gdt[5] = segment(0, 0xfffff, 0xa0fb);
  gdt[6] = segment((u32)(u64)tss, 0x7f, 0x0089); gdt[7] = 0;
  gdt[8] = segment(0, 0xfffff, 0xc09b);
  table.limit = sizeof gdt - 1; table.base = (u64)gdt;
  asm volatile("lgdt table; push $8; push $1f; lretq; 1: mov %0, %%ss; mov %0, %%ds; mov %0, %%es" :: "r"(16) : "memory");
  for (int n = 0; n < 64; n++) {
    idt[2 * n] = gate((u32)(u64)first_stub + 16 * n, 8, n == 3 || n == 4 || n == 0x30 ? 0xee : 0x8e) | (n == 0x32 ? 2ull << 32 : 0);
    idt[2 * n + 1] = 0;
  }
  table.limit = sizeof idt - 1; table.base = (u64)idt;
  asm volatile("lidt table" ::: "memory");
  tss[1] = 0x70000; tss[11] = 0x6f008; // RSP0, IST2
  tss[25] = 0x68 << 16;
  asm volatile("ltr %w0" :: "r"(6 * 8));
}
typedef void (*test)(void);
static void e_de(void) { asm volatile("xor %%ecx, %%ecx; xor %%edx, %%edx; div %%ecx" ::: "rax", "rcx", "rdx"); }
static void e_int3(void) { asm volatile("int3"); }
static void e_ud(void) { asm volatile("ud2"); }
static void e_int(void) { asm volatile("int $0x30"); }
static void e_ist(void) { asm volatile("int $0x32"); }
static void e_noncanonical(void) { asm volatile("mov (%0), %%rax" :: "r"(0x800000000000ull) : "rax"); }
static void e_noncanonical_w(void) { asm volatile("mov %%rax, (%0)" :: "r"(0xffff7fffffffffffull)); }
static void e_push(void) { asm volatile("mov %0, %%rsp; push %%rax" :: "r"(0x800000000000ull)); }
static void e_jump(void) { asm volatile("jmp *%0" :: "r"(0x800000000000ull)); }
static void e_cli(void) { asm volatile("cli"); }
static void e_hlt(void) { asm volatile("hlt" ::: "memory"); }
static void e_swapgs(void) { asm volatile("swapgs; swapgs"); }
static void e_cr8(void) { u64 v; asm volatile("mov %1, %%cr8; mov %%cr8, %0" : "=r"(v) : "r"(5ull)); kv("cr8", v); asm volatile("mov %0, %%cr8" :: "r"(0ull)); }
static void e_ss0(void) { asm volatile("mov %w0, %%ss; mov %w1, %%ss" :: "r"(0), "r"(16)); }
static void e_syscall(void) { asm volatile("mov $0x1234, %%r10d; syscall; int $0x30" ::: "rcx", "r11", "rsi", "rdi", "r8"); }
static void e_sysret(void) { asm volatile("mov %0, %%rcx; mov $0x202, %%r11d; sysretq" :: "r"(e_int) : "rcx", "r11"); }
static void e_sysretl(void) { asm volatile("mov %0, %%rcx; mov $0x202, %%r11d; sysretl" :: "r"(e_int) : "rcx", "r11"); }
static void e_iret0(void) { asm volatile("mov %%rsp, %%rax; pushq $0; push %%rax; pushq $2; pushq $8; pushq $1f; iretq; 1: int $0x30" ::: "rax"); }
static void e_iretnt(void) { asm volatile("pushfq; orq $0x4000, (%rsp); popfq; iretq"); }
static void e_iretbad(void) { asm volatile("pushq $0x10; push %rsp; pushq $2; pushq $0x10; pushq $0; iretq"); }
static void e_iretnc(void) { asm volatile("mov %%rsp, %%rcx; pushq $16; push %%rcx; pushq $2; pushq $8; push %0; iretq" :: "r"(0x800000000000ull)); }
static void e_compat(void) { asm volatile("pushq $0x40; push %0; lretq" :: "r"((u64)e_int)); }
static void e_compatu(void) { asm volatile("pushq $0x23; pushq $0x60000; pushq $2; pushq $0x1b; push %0; iretq" :: "r"((u64)e_int)); }
static void e_rdfsbase(void) { asm volatile("rdfsbase %%rax" ::: "rax"); }
static void e_tf(void) { asm volatile("pushfq; orq $0x100, (%rsp); popfq; nop; nop"); }
static void e_jmpf(void) { asm volatile("sub $16, %rsp; movl $e_int, (%rsp); movw $0x18, 4(%rsp); ljmpl *(%rsp)"); }
static void e_lldt(void) { asm volatile("lldt %w0" :: "r"(0x30)); }
static void e_ltrbusy(void) { asm volatile("ltr %w0" :: "r"(0x30)); }
static void e_retf0(void) { asm volatile("pushq $0; pushq $0; lretq"); }
#define T(f) {#f, f}
static const struct { const char *name; test f; } tests[] = {
  T(e_de), T(e_int3), T(e_ud), T(e_int), T(e_ist), T(e_noncanonical), T(e_noncanonical_w), T(e_cli), T(e_swapgs), T(e_cr8),
  T(e_ss0), T(e_syscall), T(e_sysret), T(e_sysretl), T(e_iret0), T(e_iretnt),
  T(e_iretbad), T(e_compat), T(e_compatu), T(e_rdfsbase), T(e_tf), T(e_jmpf), T(e_lldt), T(e_ltrbusy), T(e_retf0),
};
static test user_f;
static void to_user(void) { asm volatile("pushq $0x23; pushq $0x78000; pushq $2; pushq $0x2b; push %0; iretq" :: "r"(user_f)); }
static void exceptions(void) {
  wrmsr(0xc0000081, 0x0018000800000000ull); wrmsr(0xc0000082, (u64)syscall_entry); wrmsr(0xc0000084, 0x4700);
  wrmsr(0xc0000101, 0x1111); wrmsr(0xc0000102, 0x2222); registers = 1;
  for (u32 i = 0; i < sizeof tests / sizeof *tests; i++) {
    for (int user = 0; user < 2; user++) {
      put(tests[i].name); put(user ? " user\n" : "\n");
      user_f = tests[i].f;
      int r = probe(user ? to_user : tests[i].f);
      asm volatile("push $2; popfq; cld");
      kv("r", r); line();
    }
  }
  registers = 0;
  put("user hlt\n"); user_f = e_hlt; probe(to_user);
  put("double fault: no stack\n"); idt[2 * 8] |= 2ull << 32; probe(e_push);
  kv("gs", rdmsr(0xc0000101)); kv("kgs", rdmsr(0xc0000102)); line();
}

// Page faults: rights in three levels, NX, and a page of 2 MiB. The tables are at 0x90000.
static u64 *const pdpt = (u64 *)0x91000, *const dir = (u64 *)0x200000, *const pages = (u64 *)0x201000;
static volatile u64 *const page = (u64 *)0x140000000ull;
static void p_read(void) { asm volatile("mov (%0), %%rax" :: "r"(page) : "rax"); }
static void p_write(void) { asm volatile("movl $1, (%0)" :: "r"(page)); }
static void p_fetch(void) { asm volatile("call *%0" :: "r"(page)); }
static void p_read_u(void) { asm volatile("mov (%0), %%rax; int $0x30" :: "r"(page) : "rax"); }
static void p_write_u(void) { asm volatile("movl $1, (%0); int $0x30" :: "r"(page)); }
static void p_fetch_u(void) { asm volatile("call *%0; int $0x30" :: "r"(page)); }
static void one(const char *what, u32 a) {
  static const test f[] = {p_read, p_write, p_fetch, p_read_u, p_write_u, p_fetch_u};
  *(u8 *)0x300000 = *(u8 *)0x400000 = 0xc3;
  asm volatile("mov %%cr3, %%rax; mov %%rax, %%cr3" ::: "rax", "memory");
  put(what); kv("pd", dir[0]); kv("pt", pages[0]); kv("a", a); line();
  user_f = f[a];
  int r = probe(a < 3 ? f[a] : to_user);
  kv("r", r); kv("pdpte", pdpt[5] & 0xfff); kv("pde", dir[0] & 0xfff); kv("pte", pages[0] & 0xfff); line();
}
static void paging(void) {
  for (u32 wp = 0; wp < 2; wp++) {
    u64 cr0; asm volatile("mov %%cr0, %0" : "=r"(cr0));
    asm volatile("mov %0, %%cr0" :: "r"((cr0 & ~0x10000ull) | wp << 16));
    put("wp"); kv("v", wp); line();
    for (u32 d = 0; d < 8; d++) for (u32 p = 0; p < 16; p++) for (u32 a = 0; a < 6; a++) {
      pdpt[5] = (u64)dir | 7; dir[0] = (u64)pages | d; pages[0] = 0x300000 | (p & 7) | (u64)(p >> 3) << 63;
      one("page", a);
    }
  }
  for (u32 a = 0; a < 6; a++) { dir[0] = 0x400087 | 1ull << 63; one("large nx", a); dir[0] = 0x402087; one("large bit 13", a);
    dir[0] = 0x400087 | 1ull << 45; one("beyond", a); dir[0] = 0x400087 | 1ull << 52; one("ignored", a); }
}

// The local APIC: what registers keep, and interrupts to itself.
#define APIC(o) (*(volatile u32 *)(0xfee00000ull + (o)))
static void wait_for_interrupt(void) { asm volatile("sti; nop; nop; nop; nop; cli"); }
static void apic(void) {
  static const u16 regs[] = {0x20, 0x80, 0xa0, 0xd0, 0xe0, 0xf0, 0x280, 0x310, 0x320, 0x330, 0x340, 0x350, 0x360, 0x370, 0x3e0};
  kv("base", rdmsr(0x1b)); line();
  APIC(0xf0) = 0x1ff;
  for (u32 i = 0; i < sizeof regs / 2; i++) {
    u32 r = regs[i], before = APIC(r);
    put("apic"); kv("reg", r); kv("is", before);
    if (r != 0xf0 && r != 0x350 && r != 0x360) { APIC(r) = r == 0x280 ? 0 : r == 0x3e0 ? 0xb : r >= 0x320 ? 0x100ff : r == 0x80 ? 0xff : 0xff000000; kv("ones", APIC(r)); APIC(r) = before; kv("back", APIC(r)); }
    line();
  }
  APIC(0x80) = 0;
  for (u32 v = 0x20; v < 0x40; v += 7) {
    APIC(0x310) = 0; APIC(0x300) = 0x40000 | v; // to itself
    put("ipi"); kv("v", v); kv("irr", APIC(0x210)); line();
    probe(wait_for_interrupt);
    kv("isr", APIC(0x110)); kv("ppr", APIC(0xa0)); APIC(0xb0) = 0; kv("isr", APIC(0x110)); line();
  }
  APIC(0x80) = 0x30; APIC(0x300) = 0x40000 | 0x35; put("masked by TPR\n"); kv("r", probe(wait_for_interrupt)); kv("irr", APIC(0x210)); line();
  APIC(0x80) = 0; put("unmasked\n"); kv("r", probe(wait_for_interrupt)); APIC(0xb0) = 0; line();
  APIC(0x3e0) = 0xb; APIC(0x320) = 0x24; APIC(0x380) = 1000; // once
  while (!(APIC(0x210) & 0x10)) (void)APIC(0x390);
  put("timer\n"); kv("r", probe(wait_for_interrupt)); kv("cur", APIC(0x390)); APIC(0xb0) = 0; line();
}

void main(void) {
  setup();
  exceptions();
  apic();
  paging();
  put("end\n");
}
