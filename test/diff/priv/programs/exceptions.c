// Every synchronous exception at every privilege level, delegated and not: cause, pc, value and status.
#include "rt.h"

static u64 data[4] __attribute__((aligned(64)));

static void each(const char *what, int n, const u32 *words, u64 a0, u64 a1) {
  static const char *const names[] = {"U ", "S ", "", "M "};
  struct trap t;
  for (int deleg = 0; deleg < 2; deleg++) {
    for (int priv = U; priv <= M; priv += priv ? 2 : 1) {
      csr_swap(MEDELEG, deleg ? 0xb1f7 : 0); // not EBREAK and not calls from S: the handler's own
      csr_set(MSTATUS, SIE | FS);
      put(names[priv]);
      run(priv, code_of(n, words), a0, a1, 0, &t);
      csr_swap(MEDELEG, 0);
      show(what, &t);
    }
  }
}
#define ONE(what, word, a0, a1) do { u32 w[] = {word}; each(what, 1, w, a0, a1); } while (0)

int main(void) {
  quiet();
  u64 at = (u64)data;
  ONE("ecall", ECALL, 0, 0);
  ONE("ebreak", EBREAK, 0, 0);
  ONE("c.ebreak", C_EBREAK | 0x00010000, 0, 0);
  ONE("zeros", 0, 0, 0);
  ONE("ones", 0xffffffff, 0, 0);
  ONE("c.illegal", 0x00018000, 0, 0); // a reserved compressed encoding
  ONE("unknown", 0x0000000b, 0, 0);
  ONE("csr", 0x7c0022f3, 0, 0);
  ONE("csr write", 0xc0059573, 0, 0);
  ONE("f reserved rm", 0x0000d053 | 5 << 12, 0, 0);
  ONE("lr.w odd", 0x1005252f, at + 1, 0);
  ONE("lr.d odd", 0x1005352f, at + 4, 0);
  ONE("sc.w odd", 0x18b5252f, at + 2, 0);
  ONE("amoadd.w odd", 0x00b5252f, at + 1, 0);
  ONE("amoadd.d odd", 0x00b5352f, at + 4, 0);
  ONE("lw nowhere", 0x00052503, 0x4, 0);
  ONE("ld nowhere", 0x00053503, 0x20000000000000, 0);
  ONE("lbu high", 0x00054503, 0xffffffffffffffff, 0);
  ONE("sw nowhere", 0x00b52023, 0x8, 0);
  ONE("sd high", 0x00b53023, 0xffffffff80000000, 0);
  ONE("amoadd.w nowhere", 0x00b5252f, 0x10, 0);
  ONE("lr.w nowhere", 0x1005252f, 0x10, 0);
  ONE("jr nowhere", 0x00050067, 0x1000000c, 0);
  ONE("jr odd", 0x00050067, 0x1000000d, 0);
  ONE("jr high", 0x00050067, 0xfffffffffffffff0, 0);
  ONE("lw odd", 0x00052503, at + 1, 0);
  ONE("sret", SRET, 0, 0);
  ONE("mret", MRET, 0, 0);
  ONE("sfence.vma", SFENCE_VMA, 0, 0);
  ONE("hfence.gvma", 0x62000073, 0, 0);
  ONE("sinval.vma", 0x16000073, 0, 0);
  ONE("dret", 0x7b200073, 0, 0);
  ONE("uret", 0x00200073, 0, 0);
  csr_clear(MSTATUS, FS);
  u32 fadd = 0x02007053;
  struct trap t;
  run(M, code_of(1, &fadd), 0, 0, 0, &t);
  show("fadd off", &t);
  csr_set(MSTATUS, 1 << 13);
  run(M, code_of(1, &fadd), 0, 0, 0, &t);
  show("fadd initial", &t);
  field("FS", csr_read(MSTATUS));
  end();
  return 0;
}
