// Physical memory protection: regions of every kind probed byte by byte around their ends, for every size of access.
#include "rt.h"

static u8 area[16384] __attribute__((aligned(8192)));
#define AT ((u64)area + 4096)
enum { TOR = 1 << 3, NA4 = 2 << 3, NAPOT = 3 << 3, R = 1, W = 2, X = 4, L = 0x80 };

static void entry(int i, u64 cfg, u64 addr) {
  u32 reg = PMPCFG0 + (i >> 3) * 2;
  csr_clear(reg, 0xfful << 8 * (i & 7));
  csr_swap(PMPADDR0 + i, addr);
  csr_set(reg, cfg << 8 * (i & 7));
  __asm__ volatile("sfence.vma" ::: "memory");
}
static u64 napot(u64 base, u64 size) { return base >> 2 | (size >> 3) - 1; }

static void letter(u64 cause) {
  static char s[2];
  s[0] = cause ? "0123456789abcdef"[cause & 15] : '.';
  put(s);
}
/** Loads, stores and fetches from U, S and M around an address. */
static void probe(const char *what, u64 from, u64 to) {
  struct trap t;
  put(what);
  for (int priv = U; priv <= M; priv += priv ? 2 : 1)
    for (int size = 0; size < 4; size++) {
      put(" ");
      for (u64 at = from; at < to; at += 1 << size) {
        csr_clear(MSTATUS, MPP);
        csr_set(MSTATUS, (u64)priv << 11);
        letter(access_load(at, size));
        csr_clear(MSTATUS, MPP); // a trap has set it
        csr_set(MSTATUS, (u64)priv << 11);
        letter(access_store(at, size, 0x0073007300730073));
      }
    }
  put(" x ");
  if (!(csr_read(PMPCFG0) & L))
    for (u64 at = from & ~3ul; at < to; at += 4) *(volatile u32 *)at = ECALL;
  fence_i();
  for (int priv = U; priv <= M; priv += priv ? 2 : 1)
    for (u64 at = from & ~3ul; at < to; at += 4) {
      run(priv, (void *)at, 0, 0, 0, &t);
      letter(t.cause == 8 || t.cause == 9 || t.cause == 11 ? 0 : t.cause);
    }
  end();
}

int main(void) {
  quiet();
  csr_swap(PMPCFG0, 0);
  // The last entry lets the rest through.
  entry(15, NAPOT | R | W | X, ~0ul >> 10);
  for (u64 rwx = 0; rwx < 8; rwx++) {
    if ((rwx & 3) == W) continue; // reserved
    entry(0, NA4 | rwx, AT >> 2);
    field("rwx", rwx);
    probe(" na4", AT - 8, AT + 16);
    entry(0, NAPOT | rwx, napot(AT, 16));
    field("rwx", rwx);
    probe(" napot16", AT - 8, AT + 24);
    entry(0, NAPOT | rwx, napot(AT, 4096));
    field("rwx", rwx);
    probe(" page", AT - 8, AT + 8);
    probe(" its end", AT + 4096 - 8, AT + 4096 + 8);
  }
  entry(0, 0, AT >> 2);
  entry(1, TOR | R, AT + 12 >> 2);
  probe("tor", AT - 8, AT + 24);
  entry(0, 0, AT + 12 >> 2);
  entry(1, TOR | R, AT + 12 >> 2);
  probe("tor empty", AT - 8, AT + 24);
  entry(0, 0, AT + 20 >> 2);
  entry(1, TOR | R, AT + 12 >> 2);
  probe("tor backwards", AT - 8, AT + 24);
  entry(0, TOR | R, AT + 8 >> 2);
  entry(1, TOR | R | W, AT + 16 >> 2);
  probe("tor from 0", AT - 8, AT + 24);
  entry(0, NA4 | R, AT + 8 >> 2);
  entry(1, NAPOT | R | W | X, napot(AT, 32));
  probe("hole", AT - 8, AT + 40);
  entry(0, NAPOT | R | W | X, napot(AT, 32));
  entry(1, NA4 | R, AT + 8 >> 2);
  probe("shadowed", AT - 8, AT + 40);
  entry(0, 0, 0);
  entry(1, 0, 0);
  // Nothing left: only machine mode.
  entry(15, 0, ~0ul >> 10);
  entry(14, NAPOT | R | W | X, napot(AT, 16));
  probe("the rest closed", AT - 8, AT + 24);
  entry(14, 0, 0);
  // Registers: reserved bits, odd pmpcfg, locks (these stay).
  csr_swap(PMPCFG0 + 2, 0x601f1f);
  field("cfg", csr_read(PMPCFG0 + 2));
  end();
  csr_swap(PMPCFG0 + 2, 0);
  entry(15, NAPOT | R | W | X, ~0ul >> 10);
  entry(0, NAPOT | L | R, napot(AT, 16));
  probe("locked", AT - 8, AT + 24);
  csr_swap(PMPADDR0, 0);
  field("addr", csr_read(PMPADDR0) - (AT >> 2));
  csr_swap(PMPCFG0, 0);
  field("cfg", csr_read(PMPCFG0));
  entry(1, 0, AT + 64 >> 2);
  entry(2, TOR | L | R | W, AT + 80 >> 2);
  csr_swap(PMPADDR0 + 1, ~0ul);
  csr_swap(PMPADDR0 + 2, ~0ul);
  field("below a locked TOR", csr_read(PMPADDR0 + 1) - (AT >> 2));
  field("it", csr_read(PMPADDR0 + 2) - (AT >> 2));
  end();
  return 0;
}
