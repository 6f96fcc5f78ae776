// MRET and SRET from every privilege level, and what TSR, TVM and TW forbid.
#include "rt.h"

static const u32 status_read[] = {0x30002573}; // csrr a0, mstatus
static const u32 sret_to[] = {0x14151073, SRET}; // csrw sepc, a0
static const u32 mret_to[] = {0x34151073, MRET};

int main(void) {
  struct trap t;
  quiet();
  csr_swap(0x106, ~0ul);
  csr_swap(MCOUNTEREN, ~0ul);
  for (u64 bits = 0; bits < 16; bits++) {
    u64 status = (bits & 1 ? MIE_ : 0) | (bits & 2 ? MPIE : 0) | (bits & 4 ? MPRV : 0) | (bits & 8 ? SPP : 0);
    for (int priv = U; priv <= M; priv += priv ? 2 : 1) {
      csr_clear(MSTATUS, MIE_ | MPIE | SPP | SPIE | SIE);
      csr_set(MSTATUS, status & ~(MPRV | MIE_));
      // MPRV with MPP = M is harmless in machine mode; what mret makes of it shows in the trap's status.
      const void *code = priv == M ? code_of(1, status_read) : leave;
      csr_set(MSTATUS, MPP);
      csr_set(MSTATUS, status & (MPRV | MIE_));
      run(priv, code, 0, 0, 0, &t);
      field("bits", bits);
      field("priv", priv);
      field("a0", t.a0);
      field("cause", t.cause);
      field("status", t.status);
      end();
      csr_clear(MSTATUS, MPRV | MIE_);
    }
  }
  for (u64 bits = 0; bits < 16; bits++)
    for (int priv = U; priv <= M; priv += priv ? 2 : 1) {
      csr_clear(MSTATUS, SPP | SPIE | SIE | TSR);
      csr_set(MSTATUS, (bits & 1 ? SIE : 0) | (bits & 2 ? SPIE : 0) | (bits & 4 ? SPP : 0) | (bits & 8 ? TSR : 0));
      run(priv, code_of(2, sret_to), (u64)leave, 0, 0, &t);
      field("sret bits", bits);
      field("priv", priv);
      show("", &t);
    }
  csr_clear(MSTATUS, TSR);
  for (int priv = U; priv <= S; priv++) {
    run(priv, code_of(2, mret_to), (u64)leave, 0, 0, &t);
    show("mret", &t);
    run(priv, code_of(1, mret_to + 1), (u64)leave, 0, 0, &t);
    show("mret", &t);
  }
  csr_swap(MIDELEG, 2);
  csr_swap(MIE, 2);
  csr_swap(MIP, 2); // pending, so that WFI completes, but off
  static const u32 forbidden[] = {WFI, SRET, SFENCE_VMA, SFENCE_VMA | 10 << 15 | 11 << 20, 0x18002573, 0x18051073};
  for (u64 bits = 0; bits < 8; bits++)
    for (int i = 0; i < 6; i++)
      for (int priv = U; priv <= M; priv += priv ? 2 : 1) {
        if (forbidden[i] == WFI && priv == U && !(bits & 2)) continue;
        csr_clear(MSTATUS, TVM | TW | TSR | SIE | SPIE);
        csr_set(MSTATUS, (bits & 1 ? TVM : 0) | (bits & 2 ? TW : 0) | (bits & 4 ? TSR : 0));
        csr_swap(SEPC, (u64)leave);
        if (priv == U) csr_clear(MIE, 2);
        run(priv, code_of(1, &forbidden[i]), 0, 0, 0, &t);
        csr_set(MIE, 2);
        field("bits", bits);
        field("insn", i);
        field("priv", priv);
        show("", &t);
      }
  return 0;
}
