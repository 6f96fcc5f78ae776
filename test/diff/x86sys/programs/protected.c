// Protected mode: exceptions with their frames, segments, page faults, privilege changes, gates, tasks, virtual-8086 mode.
#include "rt.h"

struct frame { u32 es, ds, edi, esi, ebp, esp0, ebx, edx, ecx, eax, vector, error, eip, cs, eflags, esp, ss, ves, vds, vfs, vgs; };
u32 resume_esp, resume_eip, entered;
extern u32 stubs[];

asm(".text\n"
    "common: pusha; push %ds; push %es; mov $16, %ax; mov %ax, %ds; mov %ax, %es; mov %esp, %eax; push %eax; call trap\n"
    "mov $16, %ax; mov %ax, %ss; mov %ax, %ds; mov %ax, %es; mov resume_esp, %esp; jmp *resume_eip\n"
    ".macro stub n; .balign 16; .if \\n == 8 || (\\n >= 10 && \\n <= 14) || \\n == 17; .else; pushl $0xbad; .endif; pushl $\\n; jmp common; .endm\n"
    ".balign 16\nfirst_stub:\n.altmacro\n.set i, 0\n.rept 64\nstub %i\n.set i, i + 1\n.endr\n.noaltmacro\n"
    // int probe(void (*f)(void)): 0 if f returned
    ".globl probe\nprobe: pusha; mov 36(%esp), %eax; mov %esp, resume_esp; movl $1f, resume_eip; movl $0, entered; call *%eax\n"
    "1: mov resume_esp, %esp; popa; mov entered, %eax; ret\n");
int probe(void (*f)(void));
extern char first_stub[];

static u64 gdt[64] __attribute__((aligned(16)));
static u64 ldt[16] __attribute__((aligned(16)));
static u64 idt[64] __attribute__((aligned(16)));
static u32 tss[32], tss2[32];
static u16 tss16[32];
struct { u16 limit; u32 base; } __attribute__((packed)) table;

static int quiet;
void trap(struct frame *f) {
  entered = f->vector + 1;
  if (quiet) return;
  put("  #"); hex(f->vector); kv("err", f->error); kv("cs", f->cs); kv("eip", f->eip); kv("fl", f->eflags & ~0x108d5);
  if (f->eflags & 0x20000) { kv("sp", f->esp); kv("ss", f->ss); kv("es", f->ves); kv("ds", f->vds); kv("fs", f->vfs); kv("gs", f->vgs); }
  else if (f->cs & 3) { kv("sp", f->esp); kv("ss", f->ss); }
  if (f->vector == 14) { u32 v; asm volatile("mov %%cr2, %0" : "=r"(v)); kv("cr2", v); }
  if (f->vector == 1) {
    u32 v, w;
    asm volatile("mov %%dr6, %0; mov %%dr7, %1" : "=r"(v), "=r"(w));
    kv("dr6", v); kv("dr7", w); kv("rf", f->eflags >> 16 & 1); kv("cx", f->ecx);
  }
  line();
}

static u64 segment(u32 base, u32 limit, u32 attributes) {
  return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)attributes << 40 | (u64)(limit >> 16 & 15) << 48 | (u64)(base >> 24) << 56;
}
static u64 gate(u32 offset, u16 selector, u32 attributes) {
  return (offset & 0xffff) | (u64)selector << 16 | (u64)attributes << 40 | (u64)(offset >> 16) << 48;
}
static void setup(void) {
  gdt[1] = segment(0, 0xfffff, 0xc09b); gdt[2] = segment(0, 0xfffff, 0xc093);
  gdt[3] = segment(0, 0xfffff, 0xc0fb); gdt[4] = segment(0, 0xfffff, 0xc0f3);
  gdt[5] = segment((u32)tss, 0x7f, 0x0089); gdt[6] = segment((u32)ldt, 0x7f, 0x0082);
  gdt[7] = segment((u32)tss2, 0x7f, 0x0089); gdt[8] = segment((u32)tss16, 0x3f, 0x0081);
  gdt[9] = segment(0, 0xfffff, 0xc09f); gdt[10] = segment(0, 0xfffff, 0x809b); // conforming; 16-bit code
  table.limit = sizeof gdt - 1; table.base = (u32)gdt;
  asm volatile("lgdt table; ljmp $8, $1f; 1:" ::: "memory");
  for (int n = 0; n < 64; n++) idt[n] = gate((u32)first_stub + 16 * n, 8, n == 3 || n == 4 || n == 0x30 ? 0xee00 >> 8 : 0x8e);
  table.limit = sizeof idt - 1; table.base = (u32)idt;
  asm volatile("lidt table" ::: "memory");
  tss[1] = 0x70000; tss[2] = 16; tss[25] = 0x68 << 16;
  asm volatile("ltr %w0" :: "r"(5 * 8));
  asm volatile("lldt %w0" :: "r"(6 * 8));
}

// Exceptions at privilege level 0.
static void e_divide(void) { asm volatile("xor %%ecx, %%ecx; xor %%edx, %%edx; div %%ecx" ::: "eax", "ecx", "edx"); }
static void e_int3(void) { asm volatile("int3"); }
static void e_into(void) { asm volatile("mov $0x7f, %%al; add $1, %%al; into" ::: "eax"); }
static void e_bound(void) { static int b[2] = {1, 2}; asm volatile("mov $5, %%eax; bound %%eax, %0" :: "m"(b) : "eax"); }
static void e_ud(void) { asm volatile("ud2"); }
static void e_int(void) { asm volatile("int $0x30"); }
static void e_intgp(void) { asm volatile("int $0x90"); }
static void e_int_low(void) { asm volatile("int $0x20"); }
static void e_gp_limit(void) { asm volatile("mov $0x64, %%ax; mov %%ax, %%fs" ::: "eax"); }
static void e_tf(void) { asm volatile("pushf; orl $0x100, (%esp); popf; nop; nop"); }
static void e_hlt(void) { asm volatile("hlt"); }
static void e_cli(void) { asm volatile("cli"); }
static void e_in(void) { asm volatile("inb $0x80, %%al" ::: "eax"); }
static void e_cr0(void) { asm volatile("mov %%cr0, %%eax" ::: "eax"); }
static void e_lgdt(void) { asm volatile("lgdt table"); }
static void e_rdmsr(void) { asm volatile("mov $0x1b, %%ecx; rdmsr" ::: "eax", "ecx", "edx"); }
static void e_str(void) { asm volatile("str %%ax" ::: "eax"); }
static void e_popf(void) { asm volatile("pushf; orl $0x3200, (%esp); popf; pushf; popl %ebx; int $0x30"); }
static void e_ss(void) { asm volatile("mov $0x17, %%ax; mov %%ax, %%ss" ::: "eax"); }
static void e_lldt(void) { asm volatile("mov $0x30, %%ax; lldt %%ax" ::: "eax"); }
static void e_int20(void) { asm volatile("int $0x21"); }
static void e_far(void) { asm volatile("ljmp $0x10, $0"); }
static void e_far0(void) { asm volatile("ljmp $0, $0"); }
static void e_mov_dr(void) { asm volatile("mov %%dr7, %%eax" ::: "eax"); }
static void e_ltr(void) { asm volatile("mov $0x28, %%ax; ltr %%ax" ::: "eax"); }
static void e_arpl(void) { asm volatile("mov $0x10, %%eax; mov $3, %%ecx; arpl %%cx, %%ax; mov %%eax, %%ebx; int $0x30" ::: "eax", "ecx", "ebx"); }
typedef void (*test)(void);
static const struct { const char *name; test f; } tests[] = {
  {"divide", e_divide}, {"int3", e_int3}, {"into", e_into}, {"bound", e_bound}, {"ud2", e_ud}, {"int30", e_int},
  {"int90", e_intgp}, {"int20", e_int_low}, {"fs limit", e_gp_limit}, {"tf", e_tf}, {"cli", e_cli}, {"in", e_in}, {"cr0", e_cr0},
  {"lgdt", e_lgdt}, {"rdmsr", e_rdmsr}, {"str", e_str}, {"popf", e_popf}, {"ss", e_ss}, {"lldt", e_lldt}, {"int21", e_int20}, {"far", e_far},
  {"far0", e_far0}, {"dr", e_mov_dr}, {"ltr", e_ltr}, {"arpl", e_arpl},
};

static test user_f;
static void to_user(void) {
  asm volatile("mov $0x23, %%ax; mov %%ax, %%ds; mov %%ax, %%es; pushl $0x23; pushl $0x78000; pushl %0; pushl $0x1b; pushl %1; iret"
    :: "r"(2), "r"(user_f) : "eax");
}
static void exceptions(void) {
  for (u32 i = 0; i < sizeof tests / sizeof *tests; i++) {
    put(tests[i].name); line();
    asm volatile("push $2; popf");
    int r = probe(tests[i].f);
    asm volatile("cld; push $2; popf");
    kv("r", r); line();
    user_f = tests[i].f;
    put(tests[i].name); put(" user"); line();
    r = probe(to_user);
    kv("r", r); line();
    table.limit = sizeof idt - 1; table.base = (u32)idt;
    asm volatile("lidt table" ::: "memory");
    table.limit = sizeof gdt - 1; table.base = (u32)gdt;
  }
  user_f = e_hlt; put("hlt user\n"); probe(to_user);
}

// Every type of descriptor in every register, and what LAR and its like say of it.
static u16 sel; static u32 out, zf;
#define LOAD(r) static void load_##r(void) { asm volatile("mov %0, %%" #r :: "r"(sel)); }
LOAD(es) LOAD(fs) LOAD(gs)
static void load_ss(void) { asm volatile("mov %%ss, %%ecx; mov %0, %%ss; mov %%ecx, %%ss" :: "r"(sel) : "ecx"); }
static void q_lar(void) { out = 0; asm volatile("lar %2, %0; setz %b1" : "+r"(out), "+q"(zf) : "r"((u32)sel)); }
static void q_lsl(void) { out = 0; asm volatile("lsl %2, %0; setz %b1" : "+r"(out), "+q"(zf) : "r"((u32)sel)); }
static void q_verr(void) { asm volatile("verr %w1; setz %b0" : "+q"(zf) : "r"(sel)); }
static void q_verw(void) { asm volatile("verw %w1; setz %b0" : "+q"(zf) : "r"(sel)); }
static void q_lldt(void) { asm volatile("lldt %w0" :: "r"(sel)); }
static void q_ltr(void) { asm volatile("ltr %w0" :: "r"(sel)); }
static void q_jmp(void) {
  struct { u32 o; u16 s; } __attribute__((packed)) p = {(u32)&&done, sel};
  asm volatile goto("ljmp *%0" :: "m"(p) :: done);
done: asm volatile("ljmp $8, $1f; 1:");
}
static void descriptors(void) {
  static const test loads[] = {load_es, load_fs, load_gs, load_ss, q_lldt, q_ltr};
  for (int dpl = 0; dpl < 4; dpl += 3) for (int type = 0; type < 32; type++) for (int present = 0; present < 2; present++) {
    put("d"); kv("type", type); kv("dpl", dpl); kv("p", present);
    for (int rpl = 0; rpl < 4; rpl += 3) {
      put(" |");
      sel = 20 * 8 + rpl;
      for (u32 i = 0; i < sizeof loads / sizeof *loads; i++) {
        gdt[20] = segment(type & 16 ? 0 : (u32)tss2, type & 16 ? 0xfffff : 0x7f, (type & 16 ? 0xc000 : 0) | type | dpl << 5 | present << 7);
        quiet = 1; int r = probe(loads[i]); quiet = 0;
        put(" "); hex(r);
        put(","); hex(gdt[20] >> 40 & 15);
        asm volatile("mov %w0, %%es; mov %w1, %%fs; mov %w1, %%gs" :: "r"(16), "r"(0));
        gdt[5] &= ~(2ull << 40); asm volatile("ltr %w0" :: "r"(5 * 8)); asm volatile("lldt %w0" :: "r"(6 * 8));
      }
      zf = 0; q_lar(); put(" "); hex(zf); put(":"); hex(zf ? out : 0);
      q_lsl(); put(" "); hex(zf); put(":"); hex(zf ? out : 0);
      q_verr(); put(" "); hex(zf); q_verw(); put(" "); hex(zf);
      if (type >= 24) { quiet = 1; int r = probe(q_jmp); quiet = 0; put(" j"); hex(r); }
    }
    line();
  }
  for (u32 s = 0; s < 16; s++) { // null selectors, beyond limits, in the LDT
    static const u16 selectors[] = {0x1c, 0x24, 4, 7, 0xc, 0x84, 0x1fc, 0x200, 0xfff8, 0xffff, 0x10, 0x13, 0x23, 0x20, 0x2b, 0x33};
    sel = selectors[s]; ldt[1] = segment(0, 0xfffff, 0xc093);
    put("s"); kv("sel", sel); line();
    for (u32 i = 0; i < 6; i++) { probe(loads[i]); asm volatile("mov %w0, %%es; mov %w1, %%fs; mov %w1, %%gs" :: "r"(16), "r"(0)); gdt[5] &= ~(2ull << 40); asm volatile("ltr %w0" :: "r"(5 * 8)); asm volatile("lldt %w0" :: "r"(6 * 8)); }
  }
}

// Page faults: every combination of rights in both levels, of access, privilege and WP.
static u32 *const dir = (u32 *)0x200000, *const pages = (u32 *)0x201000;
static volatile u32 *const page = (u32 *)0x40000000;
static void p_read(void) { asm volatile("mov (%0), %%eax" :: "r"(page) : "eax"); }
static void p_write(void) { asm volatile("movl $1, (%0)" :: "r"(page)); }
static void p_fetch(void) { asm volatile("call *%0" :: "r"(page)); }
static void p_user(void) { asm volatile("mov $0x23, %%ax; mov %%ax, %%ds; mov %%ax, %%es; pushl $0x23; pushl $0x78000; pushl $2; pushl $0x1b; pushl %0; iret" :: "r"(user_f) : "eax"); }
static void p_read_u(void) { asm volatile("mov (%0), %%eax; int $0x30" :: "r"(page) : "eax"); }
static void p_write_u(void) { asm volatile("movl $1, (%0); int $0x30" :: "r"(page)); }
static void p_fetch_u(void) { asm volatile("call *%0; int $0x30" :: "r"(page)); }
static void paging(void) {
  for (u32 i = 0; i < 1024; i++) dir[i] = 0;
  for (u32 i = 0; i < 4; i++) dir[i] = i << 22 | 0x87; // the lowest 16 MiB
  *(u8 *)0x300000 = 0xc3;
  asm volatile("mov %%cr4, %%eax; or $0x10, %%eax; mov %%eax, %%cr4; mov %0, %%cr3; mov %%cr0, %%eax; or $0x80000000, %%eax; mov %%eax, %%cr0" :: "r"(dir) : "eax");
  static const test kernel[] = {p_read, p_write, p_fetch}, user[] = {p_read_u, p_write_u, p_fetch_u};
  for (u32 wp = 0; wp < 2; wp++) for (u32 d = 0; d < 8; d++) for (u32 p = 0; p < 8; p++) for (u32 a = 0; a < 6; a++) {
    u32 cr0; asm volatile("mov %%cr0, %0" : "=r"(cr0));
    asm volatile("mov %0, %%cr0" :: "r"((cr0 & ~0x10000) | wp << 16));
    dir[256] = (u32)pages | d; pages[0] = 0x300000 | p;
    asm volatile("mov %0, %%cr3" :: "r"(dir));
    *(u8 *)0x300000 = 0xc3;
    put("page"); kv("wp", wp); kv("d", d); kv("p", p); kv("a", a); line();
    int r;
    if (a < 3) r = probe(kernel[a]); else { user_f = user[a - 3]; r = probe(p_user); }
    *(u8 *)0x300000 = 0xc3;
    kv("r", r); kv("de", dir[256] & 0xfff); kv("pte", pages[0] & 0xfff); line();
  }
  dir[256] = 0x200087 | 0x2000; put("large reserved\n"); probe(p_read); // a bit of the address above 4 GiB
  dir[256] = 0x200000 | 0xc00087; asm volatile("mov %0, %%cr3" :: "r"(dir)); put("large bit 21\n"); probe(p_read);
  asm volatile("mov %%cr0, %%eax; and $0x7fffffff, %%eax; mov %%eax, %%cr0" ::: "eax");
}

// Call gates, with parameters, to inner and same privilege; far returns.
asm("gate_target: mov %esp, %ebx; mov (%esp), %ecx; mov 4(%esp), %edx; mov 8(%esp), %esi; mov 12(%esp), %edi; mov 16(%esp), %ebp; int $0x31\n"
    "gate_return: lret $8\ngate_end:\n");
extern char gate_target[], gate_return[], gate_end[];
static void g_call(void) { asm volatile("pushl $0x1111; pushl $0x2222; lcall $0xa3, $0; int $0x30"); }
static void g_jmp(void) { asm volatile("ljmp $0xa3, $0"); }
static void gates(void) {
  static const u8 types[] = {0xec, 0xe4, 0x8c, 0x6c, 0xe5, 0xee};
  u8 *low = (u8 *)0x800; // where 16-bit gates reach
  for (char *p = gate_target; p < gate_end; p++) *low++ = *p;
  for (u32 t = 0; t < 6; t++) for (u32 cs = 0; cs < 3; cs++) {
    static const u16 targets[] = {8, 0x1b, 0};
    gdt[20] = gate(0x800, targets[cs], types[t]) | 2ull << 32;
    put("gate"); kv("type", types[t]); kv("cs", targets[cs]); line();
    user_f = g_call; probe(to_user);
    put(" jmp\n"); user_f = g_jmp; probe(to_user);
    put(" kernel\n"); probe(g_call);
    gdt[20] = gate(0x800 + (gate_return - gate_target), targets[cs], types[t]) | 2ull << 32;
    put(" return\n"); user_f = g_call; probe(to_user);
  }
}

// Tasks.
asm("task_entry: mov %eax, %ebx; pushf; pop %esi; mov %cr0, %edi; str %cx; int $0x32\n");
extern char task_entry[];
static void t_jmp(void) { asm volatile("ljmp $0x38, $0"); }
static void t_call(void) { asm volatile("lcall $0x38, $0"); }
static void t_gate(void) { asm volatile("int $0x33"); }
static void tasks(void) {
  static const test f[] = {t_jmp, t_call, t_gate};
  for (int i = 0; i < 3; i++) for (int bad = 0; bad < 4; bad++) {
    gdt[7] = segment((u32)tss2, 0x7f, 0x0089); gdt[5] = (gdt[5] & ~(2ull << 40)) | 2ull << 40;
    for (int k = 0; k < 32; k++) tss2[k] = 0;
    tss2[8] = (u32)task_entry; tss2[9] = 2; tss2[10] = 0x1234; tss2[14] = 0x60000; // eip, eflags, eax, esp
    tss2[18] = tss2[20] = tss2[21] = 16; tss2[19] = 8; tss2[24] = 48;
    idt[0x33] = gate(0, 0x38, 0x85);
    if (bad == 1) gdt[7] = segment((u32)tss2, 0x7f, 0x008b);
    if (bad == 2) gdt[7] = segment((u32)tss2, 0x50, 0x0089);
    if (bad == 3) gdt[7] = segment((u32)tss2, 0x7f, 0x0009);
    put("task"); kv("how", i); kv("bad", bad); line();
    probe(f[i]);
    kv("link", tss2[0] & 0xffff); kv("busy", gdt[7] >> 40 & 15); kv("old", gdt[5] >> 40 & 15); kv("fl", tss[9] & 0x4000);
    line();
    asm volatile("pushf; andl $~0x4000, (%esp); popf; clts");
    gdt[5] &= ~(2ull << 40); asm volatile("ltr %w0" :: "r"(5 * 8)); asm volatile("lldt %w0" :: "r"(6 * 8));
  }
}

// Virtual-8086 mode: code at 0x5000:0.
static u32 vm_iopl;
static void to_vm(void) {
  asm volatile("pushl $0x5555; pushl $0x4444; pushl $0x3333; pushl $0x2222; pushl $0x5000; pushl $0xfff0; pushl %0; pushl $0x5000; pushl $0; iret"
    :: "r"(0x20002 | vm_iopl << 12));
}
static void vm86(void) {
  static const u8 codes[][8] = {
    {0xf4}, {0xfa, 0xcc}, {0xcd, 0x30}, {0x9c, 0xcd, 0x30}, {0x9d}, {0xe4, 0x80, 0xcd, 0x30}, {0x0f, 0x20, 0xc0}, {0x8c, 0xc8, 0x8e, 0xd8, 0xcd, 0x30},
    {0x0f, 0x00, 0xc8}, {0xcc}, {0x63, 0xc0}, {0xcf}, {0xfb, 0x9c, 0x58, 0xcd, 0x30}, {0xcd, 0x20}, {0xea, 4, 0, 0, 0x50, 0xf4}};
  for (vm_iopl = 0; vm_iopl < 4; vm_iopl += 3) for (u32 i = 0; i < sizeof codes / 8; i++) {
    for (int k = 0; k < 8; k++) ((u8 *)0x50000)[k] = codes[i][k];
    *(u16 *)0x50008 = 0x30cd; // int $0x30
    for (int k = 7; k && !codes[i][k]; k--) ((u8 *)0x50000)[k] = 0x90;
    put("vm"); kv("iopl", vm_iopl); kv("code", i); line();
    probe(to_vm);
  }
}

// Control registers.
static u32 value;
static void w_cr0(void) { u32 old; asm volatile("mov %%cr0, %0; mov %1, %%cr0; mov %%cr0, %2; mov %0, %%cr0" : "=&r"(old) : "r"(value), "r"(0) : "memory"); }
static void w_cr4(void) { asm volatile("mov %0, %%cr4" :: "r"(value)); }
static void controls(void) {
  static const u32 cr0s[] = {0x60000011, 0x40000011, 0x11, 0x8001003f & ~0x80000000, 0x1ff7ffd1};
  for (u32 i = 0; i < 5; i++) { value = cr0s[i]; put("cr0"); kv("v", value); kv("r", probe(w_cr0)); line(); asm volatile("clts; lmsw %w0" :: "r"(1)); }
  for (u32 i = 2; i < 9; i++) { if (i == 5 || i == 6) continue; value = 1u << i; put("cr4"); kv("v", value); kv("r", probe(w_cr4)); line(); }
  value = 0; w_cr4();
  for (int n = 0; n < 4; n++) { u32 v; asm volatile("mov %1, %%dr6; mov %%dr6, %0" : "=r"(v) : "r"(n & 1 ? 0xffffffff : 0)); kv("dr6", v); }
  line();
  u16 w; asm volatile("smsw %0" : "=r"(w)); kv("smsw", w & 0xf); line();
}

// Debug registers. What QEMU 7.2 does not have, or otherwise than processors, is tested by itself (breakpoints.test.ts).
static u32 room[128] __attribute__((aligned(32)));
#define cell (room + 96) /* below it is room for a frame */
static u32 reach;
static void arm(int n, u32 address, int kind, int length, u32 more) {
  u32 dr7 = 0x400 | 1 << (2 * n) | (kind | length << 2) << (16 + 4 * n) | more;
  switch (n) {
    case 0: asm volatile("mov %0, %%dr0" :: "r"(address)); break;
    case 1: asm volatile("mov %0, %%dr1" :: "r"(address)); break;
    case 2: asm volatile("mov %0, %%dr2" :: "r"(address)); break;
    case 3: asm volatile("mov %0, %%dr3" :: "r"(address)); break;
  }
  asm volatile("mov %0, %%dr6; mov %1, %%dr7" :: "r"(0), "r"(dr7));
}
static void disarm(void) { asm volatile("mov %0, %%dr7" :: "r"(0x400)); }
static void b_read1(void) { asm volatile("movb (%0), %%al; nop" :: "r"(reach) : "eax"); }
static void b_read2(void) { asm volatile("movw (%0), %%ax; nop" :: "r"(reach) : "eax"); }
static void b_read4(void) { asm volatile("movl (%0), %%eax; nop" :: "r"(reach) : "eax"); }
static void b_write1(void) { asm volatile("movb $1, (%0); nop" :: "r"(reach) : "memory"); }
static void b_write2(void) { asm volatile("movw $1, (%0); nop" :: "r"(reach) : "memory"); }
static void b_write4(void) { asm volatile("movl $1, (%0); nop" :: "r"(reach) : "memory"); }
static void b_add(void) { asm volatile("addl $1, (%0); nop" :: "r"(reach) : "memory"); }
static void b_lock(void) { asm volatile("lock; incl (%0); nop" :: "r"(reach) : "memory"); }
static void b_xchg(void) { asm volatile("xchg %%eax, (%0); nop" :: "r"(reach) : "eax", "memory"); }
static void b_jump(void) { asm volatile("cmpb $0, (%0); je 1f; nop; nop; 1: nop; nop" :: "r"(reach)); }
static void b_movs(void) { asm volatile("cld; rep; movsb; nop" :: "c"(20), "S"(reach + 64), "D"(reach) : "memory"); }
static void b_lods(void) { asm volatile("cld; rep; lodsl; nop" :: "c"(5), "S"(reach) : "eax"); }
static void b_push(void) { asm volatile("mov %%esp, %%ebx; mov %0, %%esp; push %%eax; nop; nop; mov %%ebx, %%esp" :: "r"(reach + 4) : "ebx", "memory"); }
static void b_sgdt(void) { asm volatile("sgdt (%0); nop" :: "r"(reach) : "memory"); }
static void b_nothing(void) { asm volatile("nop; lea (%0), %%eax; nop" :: "r"(reach) : "eax"); }
static void b_code(void) { asm volatile(".globl here; nop; here: nop; nop"); }
extern char here[];
static void b_in1(void) { asm volatile("in %%dx, %%al; nop" :: "d"(reach) : "eax"); }
static void b_out1(void) { asm volatile("out %%al, %%dx; nop" :: "d"(reach), "a"(0)); }
static void b_out2(void) { asm volatile("out %%ax, %%dx; nop" :: "d"(reach), "a"(0)); }
static void b_in4(void) { asm volatile("in %%dx, %%eax; nop" :: "d"(reach) : "eax"); }
static void breakpoint(const char *name, void (*f)(void), u32 at) {
  reach = at;
  asm volatile("mov %0, %%dr6" :: "r"(0));
  int r = probe(f);
  put(name); kv("at", at - (u32)cell); kv("r", r); line();
}
static void breakpoints(void) {
  static void (*const plain[])(void) = {b_read1, b_read2, b_read4, b_write1, b_write2, b_write4};
  for (int kind = 1; kind <= 3; kind += 2) for (int length = 0; length < 4; length++) {
    if (length == 2) continue; // 8 bytes: not on every processor
    u32 watched = (u32)cell + 8 + (length == 0 ? 3 : length == 1 ? 2 : 0);
    for (int at = -8; at < 8; at++) for (u32 i = 0; i < 6; i++) {
      // Of misaligned accesses QEMU looks at the whole words that they touch.
      if ((watched + at) & ((1 << i % 3) - 1)) continue;
      arm(at & 3, watched, kind, length, 0);
      kv("kind", kind); kv("len", length); kv("i", i);
      breakpoint(" data", plain[i], watched + at);
      disarm();
    }
  }
  static void (*const special[])(void) = {b_add, b_lock, b_xchg, b_jump, b_movs, b_lods, b_push, b_sgdt, b_nothing};
  for (int kind = 1; kind <= 3; kind += 2) for (u32 i = 0; i < sizeof special / sizeof *special; i++) {
    arm(2, (u32)(cell + 4), kind, 3, 0);
    kv("kind", kind); kv("i", i);
    breakpoint(" special", special[i], (u32)(cell + 4));
    disarm();
  }
  // Two at once; one that is not enabled.
  arm(0, (u32)cell, 1, 3, 0x8 | 0xf00000);
  asm volatile("mov %0, %%dr1" :: "r"((u32)cell));
  breakpoint("two", b_write4, (u32)cell);
  arm(0, (u32)cell, 1, 3, 0);
  breakpoint("other", b_write4, (u32)cell + 8);
  disarm();
  arm(1, (u32)here, 0, 0, 0);
  breakpoint("code", b_code, 0);
  disarm();
  value = 8; w_cr4(); // debugging extensions
  for (int length = 0; length < 4; length++) for (int at = -4; at < 5; at++) {
    if (length == 2) continue;
    static void (*const ports[])(void) = {b_in1, b_out1, b_out2, b_in4};
    for (u32 i = 0; i < 4; i++) {
      arm(3, 0x230, 2, length, 0);
      kv("len", length); kv("i", i); kv("port", 0x230 + at);
      breakpoint(" io", ports[i], 0x230 + at);
      disarm();
    }
  }
  value = 0; w_cr4();
}

void main(void) {
  setup();
  exceptions();
  descriptors();
  gates();
  tasks();
  vm86();
  controls();
  breakpoints();
  paging();
  put("end\n");
}
