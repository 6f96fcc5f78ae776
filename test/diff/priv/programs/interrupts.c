// Which interrupt is taken, where and when: pending x enabled x delegated x privilege x global enables, priorities, vectors.
#include "rt.h"

static const u32 nops[] = {NOP, NOP, NOP, NOP};
static const int irqs[] = {1, 3, 5, 7, 9};
#define SOFT 0x222

static void pend(u64 bits) {
  csr_swap(MENVCFG, 0);
  csr_swap(MIP, bits & SOFT);
  CLINT_MSIP = bits >> 3 & 1;
  CLINT_MTIMECMP = bits >> 7 & 1 ? 0 : ~0ul;
  // The lines take a moment: wait until they stand as wanted.
  while ((csr_read(MIP) & 0x88) != (bits & 0x88)) {}
}

static void once(u64 pending, u64 enabled, u64 deleg, int priv, u64 status) {
  struct trap t;
  const void *code = code_of(4, nops);
  csr_swap(MIDELEG, deleg);
  csr_clear(MSTATUS, SIE | MPIE);
  csr_swap(MIE, enabled);
  pend(pending);
  csr_swap(MEDELEG, 0);
  csr_set(MSTATUS, (status & 1 ? SIE : 0) | (status & 2 ? MPIE : 0)); // MPIE becomes MIE with mret
  run(priv, code, 0, 0, 0, &t);
  csr_swap(MIE, 0);
  field("p", pending);
  field("e", enabled);
  field("d", deleg);
  field("priv", priv);
  field("st", status);
  show("", &t);
  pend(0);
}

int main(void) {
  quiet();
  csr_swap(MCOUNTEREN, ~0ul);
  for (int vectored = 0; vectored < 2; vectored++) {
    csr_swap(MTVEC, (u64)m_handler | vectored);
    csr_swap(STVEC, (u64)s_handler | vectored);
    for (int i = 0; i < 5; i++)
      for (int priv = U; priv <= M; priv += priv ? 2 : 1)
        for (u64 status = 0; status < 4; status++)
          for (int deleg = 0; deleg < 2; deleg++) once(1ul << irqs[i], 1ul << irqs[i], deleg ? SOFT : 0, priv, status);
  }
  // Priorities: all pending, the best one taken away each time.
  for (int deleg = 0; deleg < 3; deleg++) {
    static const u64 sets[] = {0, SOFT, 0x20};
    u64 enabled = 0x2aa;
    for (int k = 0; k < 5; k++) {
      struct trap t;
      csr_swap(MIDELEG, sets[deleg]);
      csr_swap(MIE, enabled);
      pend(0x2aa);
      run(U, code_of(4, nops), 0, 0, 0, &t);
      csr_swap(MIE, 0);
      pend(0);
      show("priority", &t);
      enabled &= ~(1ul << (t.cause & 63));
    }
  }
  // Enabled but not pending, pending but not enabled.
  once(0, 0x2aa, 0, U, 3);
  once(0x2aa, 0, 0, U, 3);
  // What sip and sie show and let through.
  for (int k = 0; k < 8; k++) {
    u64 deleg = (k & 1 ? 2 : 0) | (k & 2 ? 0x20 : 0) | (k & 4 ? 0x200 : 0);
    csr_swap(MIDELEG, deleg);
    csr_swap(MIE, 0xaaa);
    csr_swap(MIP, 0x222);
    field("deleg", csr_read(MIDELEG));
    field("sip", csr_read(0x144));
    field("sie", csr_read(0x104));
    csr_swap(0x144, 0);
    field("mip", csr_read(MIP));
    csr_swap(0x144, ~0ul);
    field("mip", csr_read(MIP));
    csr_swap(0x104, 0);
    field("mie", csr_read(MIE));
    csr_swap(0x104, ~0ul);
    field("mie", csr_read(MIE));
    end();
    csr_swap(MIE, 0);
    csr_swap(MIP, 0);
  }
  return 0;
}
