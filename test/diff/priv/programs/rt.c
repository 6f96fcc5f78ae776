#include "rt.h"

static volatile u8 *const uart = (volatile u8 *)0x10000000;

static void putc_(char c) {
  while (!(uart[5] & 0x20)) {}
  uart[0] = c;
}
void put(const char *s) {
  while (*s) putc_(*s++);
}
void hex(u64 x) {
  int n = 1;
  while (n < 16 && x >> (4 * n)) n++;
  while (n--) putc_("0123456789abcdef"[(x >> (4 * n)) & 15]);
}
void field(const char *name, u64 x) {
  putc_(' ');
  put(name);
  putc_('=');
  hex(x);
}
void end(void) { putc_('\n'); }

void show(const char *what, const struct trap *t) {
  put(what);
  if (!t->inS && t->a7 == RETURNED && (t->cause == 8 || t->cause == 9 || t->cause == 11)) {
    field("returned", t->a0);
  } else {
    put(t->inS ? " S" : " M");
    field("cause", t->cause);
    field("epc", t->epc);
    field("tval", t->tval);
    field("status", t->status);
    if (t->vector) field("vector", t->vector);
  }
  end();
}

void fence_i(void) { __asm__ volatile("fence.i" ::: "memory"); }

static u32 code[16] __attribute__((aligned(4096)));
const void *code_of(int n, const u32 *words) {
  for (int i = 0; i < n; i++) code[i] = words[i];
  code[n] = 0x00008067; // ret
  fence_i();
  return code;
}
const void *csr_code(u32 number, u32 funct3, u32 rd, u32 rs1) {
  u32 word = number << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | 0x73;
  return code_of(1, &word);
}
typedef u64 (*call)(u64);
u64 csr_read(u32 number) { return ((call)csr_code(number, 2, 10, 0))(0); }
u64 csr_swap(u32 number, u64 value) { return ((call)csr_code(number, 1, 10, 10))(value); }
u64 csr_set(u32 number, u64 bits) { return ((call)csr_code(number, 2, 10, 10))(bits); }
u64 csr_clear(u32 number, u64 bits) { return ((call)csr_code(number, 3, 10, 10))(bits); }

void quiet(void) {
  CLINT_MSIP = 0;
  CLINT_MTIMECMP = ~0ul;
  csr_swap(MENVCFG, 0xa0ul << 56);
  csr_swap(STIMECMP, ~0ul);
  csr_swap(MIE, 0);
  csr_swap(STVEC, (u64)s_handler);
  csr_swap(PMPADDR0, ~0ul >> 10);
  csr_swap(PMPCFG0, 0x1f);
}
