// Time, counters and timer interrupts: relations only, for the clocks of two machines differ.
#include "rt.h"

static void yes(const char *what, int is) {
  put(what);
  put(is ? " yes" : " no");
  end();
}

int main(void) {
  struct trap t;
  quiet();
  u64 t0 = csr_read(0xc01);
  while (csr_read(0xc01) == t0) {}
  yes("time advances", csr_read(0xc01) > t0);
  u64 m0 = CLINT_MTIME, t1 = csr_read(0xc01), m1 = CLINT_MTIME;
  yes("time is mtime", t1 >= m0 && t1 <= m1);
  u64 c0 = csr_read(0xb00);
  yes("mcycle advances", csr_read(0xb00) > c0);
  csr_swap(0xb00, 0x1000000000000);
  u64 c1 = csr_read(0xb00);
  yes("mcycle written", c1 >= 0x1000000000000 && c1 < 0x1000100000000);
  yes("cycle is mcycle", csr_read(0xc00) >= c1);
  csr_swap(0xb02, 0x2000000000000);
  u64 i1 = csr_read(0xc02);
  yes("minstret written", i1 >= 0x2000000000000 && i1 < 0x2000100000000);
  csr_swap(0x320, 5);
  u64 stopped = csr_read(0xb00);
  yes("inhibited", csr_read(0xb00) == stopped);
  csr_swap(0xb00, 77);
  field("still", csr_read(0xb00));
  end();
  csr_swap(0x320, 0);
  u64 going = csr_read(0xb00);
  yes("goes on from there", going >= 77 && going < 0x100000000);

  // Sstc: pending as the comparison says, gone with the next value, WFI ends with it.
  u64 now = csr_read(0xc01);
  csr_swap(STIMECMP, now + 200000);
  field("early", csr_read(MIP) >> 5 & 1);
  while (!(csr_read(MIP) >> 5 & 1)) {}
  field("in time", csr_read(0xc01) >= now + 200000);
  field("late", csr_read(MIP) >> 5 & 1);
  csr_clear(MIP, 0x20);
  field("not clearable", csr_read(MIP) >> 5 & 1);
  csr_swap(STIMECMP, ~0ul);
  field("never", csr_read(MIP) >> 5 & 1);
  csr_set(MIP, 0x20);
  field("not settable", csr_read(MIP) >> 5 & 1);
  end();
  static const u32 wait[] = {WFI};
  csr_swap(MIE, 0x20);
  csr_swap(STIMECMP, csr_read(0xc01) + 20000);
  run(M, code_of(1, wait), 0, 0, 0, &t);
  show("wfi", &t);
  field("mip", csr_read(MIP) >> 5 & 1);
  end();
  csr_swap(MIDELEG, 0x20);
  csr_set(MSTATUS, SIE);
  csr_swap(STIMECMP, 0);
  run(S, code_of(1, wait), 0, 0, 0, &t);
  show("taken in S", &t);
  run(U, code_of(1, wait), 0, 0, 0, &t);
  show("taken from U", &t);
  csr_swap(STIMECMP, ~0ul);
  run(S, leave, 0, 0, 0, &t);
  show("not any more", &t);
  // mtimecmp.
  csr_swap(MIE, 0x80);
  csr_swap(MIDELEG, 0);
  CLINT_MTIMECMP = CLINT_MTIME + 20000;
  run(M, code_of(1, wait), 0, 0, 0, &t);
  show("wfi", &t);
  field("mip", csr_read(MIP) >> 7 & 1);
  CLINT_MTIMECMP = ~0ul;
  field("mip", csr_read(MIP) >> 7 & 1);
  end();
  // Without STCE the bit is software's.
  csr_swap(MENVCFG, 0);
  csr_set(MIP, 0x20);
  field("set", csr_read(MIP) >> 5 & 1);
  csr_clear(MIP, 0x20);
  field("cleared", csr_read(MIP) >> 5 & 1);
  end();
  return 0;
}
