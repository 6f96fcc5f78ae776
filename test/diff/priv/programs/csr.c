// Every CSR number read and written at every privilege level; what the registers keep of all ones and all zeros.
#include "rt.h"

static int ticks(u32 n) { return n == 0xb00 || n == 0xb02 || (n >= 0xc00 && n <= 0xc02); }
static int locks(u32 n) { return n >= 0x3a0 && n < 0x3b0; }

static void warl(u32 n) {
  u64 was = csr_read(n);
  csr_swap(n, ~0ul);
  u64 ones = csr_read(n);
  csr_swap(n, 0);
  u64 zeros = csr_read(n);
  csr_swap(n, was);
  u64 back = csr_read(n);
  field("is", was);
  field("ones", ones);
  field("zeros", zeros);
  if (back != was) field("back", back);
}

static u32 exists[512];

int main(void) {
  struct trap t;
  int n = 0;
  quiet();
  csr_swap(PMPCFG0, 0);
  csr_swap(PMPADDR0, 0);
  csr_set(MSTATUS, FS);
  for (u32 i = 0; i < 4096; i++) {
    run(M, csr_code(i, 2, 10, 0), 0, 0, 0, &t);
    if (t.a7 != RETURNED) {
      if (t.cause != 2 || t.tval != (i << 20 | 2 << 12 | 10 << 7 | 0x73)) show("odd", &t);
      continue;
    }
    exists[n++] = i;
    put("keeps");
    field("n", i);
    if (ticks(i)) put(" ticks");
    else if (i >> 10 == 3 || locks(i)) field("is", t.a0);
    else warl(i);
    end();
  }
  // The same numbers from below, with counters closed and open, and writes to all.
  csr_swap(0x105, (u64)s_handler);
  csr_swap(0x3b0, ~0ul);
  csr_swap(0x3a0, 0x1f);
  for (int open = 0; open < 4; open++) {
    csr_swap(0x306, open & 1 ? ~0ul : 0);
    csr_swap(0x106, open & 2 ? ~0ul : 0);
    for (int priv = S; priv >= U; priv--) {
      put("from");
      field("priv", priv);
      field("open", open);
      end();
      for (int k = 0; k < n; k++) {
        u32 i = exists[k];
        run(priv, csr_code(i, 2, 0, 0), 0, 0, 0, &t);
        u64 read = t.a7 == RETURNED ? 0 : t.cause;
        run(priv, csr_code(i, 2, 0, 10), i >> 10 == 3, 0, 0, &t);
        u64 write = t.a7 == RETURNED ? 0 : t.cause;
        if (open == 0 || read != 2 || write != 2) {
          put("csr");
          field("n", i);
          field("read", read);
          field("write", write);
          end();
        }
      }
    }
  }
  // Numbers that do not exist are illegal from below too.
  u64 legal = 0;
  for (u32 i = 0, k = 0; i < 4096; i++) {
    if (k < (u32)n && exists[k] == i) {
      k++;
      continue;
    }
    if (i % 7) continue;
    run(S, csr_code(i, 2, 10, 0), 0, 0, 0, &t);
    legal += t.a7 == RETURNED || t.cause != 2;
  }
  put("absent but legal");
  field("n", legal);
  end();
  // Floating point registers without a floating-point unit.
  csr_clear(0x300, 0x6000);
  for (u32 i = 1; i <= 3; i++) {
    run(M, csr_code(i, 2, 10, 0), 0, 0, 0, &t);
    show("FS off", &t);
  }
  for (u32 i = 1; i <= 3; i++) {
    csr_clear(0x300, 0x6000);
    csr_set(0x300, 0x2000);
    csr_read(i);
    field("FS", csr_read(0x300));
    csr_set(i, 0);
    field("FS", csr_read(0x300));
    csr_swap(i, 0xffff);
    field("FS", csr_read(0x300));
    field("fcsr", csr_read(3));
    csr_swap(3, 0);
    end();
  }
  // FS, MPP and SPP one value after the other.
  for (u64 fs = 0; fs < 4; fs++) {
    csr_clear(0x300, 0x6000);
    csr_set(0x300, fs << 13);
    field("FS", csr_read(0x300));
    field("s", csr_read(0x100));
  }
  end();
  for (u64 mpp = 0; mpp < 4; mpp++) {
    csr_swap(0x300, 3 << 11);
    csr_swap(0x300, mpp << 11);
    field("MPP", csr_read(0x300));
    csr_swap(0x300, 0);
    csr_swap(0x300, mpp << 11);
    field("MPP", csr_read(0x300));
  }
  end();
  for (u64 mode = 0; mode < 16; mode++) {
    csr_swap(0x180, 0);
    csr_swap(0x180, mode << 60 | 0xabcdul << 44 | 0x123456789abul);
    field("satp", csr_read(0x180));
  }
  csr_swap(0x180, 0);
  end();
  for (u64 mode = 0; mode < 4; mode++) {
    csr_swap(0x105, 0x1234568);
    csr_swap(0x105, 0xffffffff80000000ul | mode);
    field("stvec", csr_read(0x105));
  }
  end();
  return 0;
}
