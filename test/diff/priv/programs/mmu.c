// Page tables: every combination of a leaf's flags for every access and mode, superpages, reserved bits, bad addresses.
// Built for Sv39 and, with SV48 defined, for Sv48.
#include "rt.h"

#ifdef SV48
#define MODE 9ul
#define VA 0x123424856000ul
#define TOP 47
#define LEVELS 4
#else
#define MODE 8ul
#define VA 0x2424856000ul
#define TOP 38
#define LEVELS 3
#endif
enum { V = 1, R = 2, W = 4, X = 8, UU = 16, G = 32, A = 64, D = 128 };

static u64 tables[LEVELS][512] __attribute__((aligned(4096)));
static u64 page[512] __attribute__((aligned(4096)));

static void sfence(void) { __asm__ volatile("sfence.vma" ::: "memory"); }
static u64 *slot(int level) { return &tables[level][VA >> (12 + 9 * level) & 511]; }
/** Pointers down to `level`, where `entry` is the leaf. */
static void map(int level, u64 entry) {
  for (int l = LEVELS - 1; l > level; l--) *slot(l) = (u64)tables[l - 1] >> 2 | V;
  *slot(level) = entry;
  sfence();
}
static u64 entry_to(u64 pa, u64 flags) { return pa >> 2 & ~0x3fful | flags; }

/** One access at a privilege level with status bits: 0, or the cause. */
static u64 touch(int kind, int priv, u64 status, u64 va) {
  struct trap t;
  csr_clear(MSTATUS, MPP | SUM | MXR);
  csr_set(MSTATUS, (u64)priv << 11 | status);
  if (kind == LOAD) return access_load(va, 3);
  if (kind == STORE) return access_store(va, 3, 0x0000007300001eb7ul);
  run(priv, (void *)va, 0, 0, 0, &t);
  return t.cause == 8 || t.cause == 9 ? 0 : t.cause;
}
static void letter(u64 cause) {
  static char s[2];
  s[0] = cause ? "0123456789abcdef"[cause & 15] : '.';
  put(s);
}
/** All kinds of access, with the entry put back before each; the flags that hardware set behind them. */
static void all(int level, u64 entry, u64 va) {
  static const u64 bits[] = {0, MXR, SUM, SUM | MXR};
  u64 set = 0;
  for (int kind = LOAD; kind <= FETCH; kind++) {
    put(" ");
    for (int priv = U; priv <= S; priv++)
      for (int b = 0; b < 4; b++) {
        map(level, entry);
        page[0] = 0x0000007300001eb7ul; // lui t4, 1; ecall
        page[1] = 0x73;
        fence_i();
        letter(touch(kind, priv, bits[b], va));
        set |= *slot(level) ^ entry;
      }
  }
  field("set", set);
}

int main(void) {
  quiet();
  csr_swap(SATP, MODE << 60 | (u64)tables[LEVELS - 1] >> 12);
  for (u64 flags = 0; flags < 256; flags++) {
    field("flags", flags);
    all(0, entry_to((u64)page, flags), VA);
    end();
  }
  put("superpages");
  end();
  u64 leaf = V | R | W | X | A | D;
  for (int level = 1; level < LEVELS; level++) {
    u64 size = 1ul << (12 + 9 * level), base = (u64)page & ~(size - 1);
    u64 va = (VA & ~(size - 1)) | ((u64)page & (size - 1));
    field("level", level);
    field("va", va);
    all(level, entry_to(base, leaf), va);
    end();
    for (int bit = 12; bit < 12 + 9 * level; bit++) {
      field("bit", bit);
      map(level, entry_to(base ^ 1ul << bit, leaf));
      letter(touch(LOAD, S, 0, va));
      letter(touch(FETCH, S, 0, va));
      end();
    }
  }
  put("reserved bits of a leaf");
  for (int bit = 8; bit < 64; bit++) {
    if (bit == 10) bit = 54;
    map(0, entry_to((u64)page, leaf) | 1ul << bit);
    field("bit", bit);
    letter(touch(LOAD, S, 0, VA));
  }
  end();
  put("flags of a pointer");
  for (int bit = 4; bit < 64; bit++) {
    if (bit == 10) bit = 54;
    map(0, entry_to((u64)page, leaf));
    *slot(1) |= 1ul << bit;
    sfence();
    field("bit", bit);
    letter(touch(STORE, S, 0, VA));
  }
  end();
  put("a pointer at the last level");
  map(0, entry_to((u64)tables[0], V));
  letter(touch(LOAD, S, 0, VA));
  end();
  put("leaf beyond memory");
  map(0, entry_to(0xc0000000ul, leaf));
  letter(touch(LOAD, S, 0, VA));
  letter(touch(STORE, S, 0, VA));
  letter(touch(FETCH, S, 0, VA));
  end();
  put("table beyond memory");
  map(0, entry_to((u64)page, leaf));
  *slot(1) = entry_to(0xc0000000ul, V);
  sfence();
  letter(touch(LOAD, S, 0, VA));
  letter(touch(STORE, S, 0, VA));
  letter(touch(FETCH, S, 0, VA));
  end();
  put("addresses");
  map(0, entry_to((u64)page, leaf));
  for (int bit = TOP; bit < 64; bit++) {
    letter(touch(LOAD, S, 0, VA ^ 1ul << bit));
    letter(touch(FETCH, S, 0, VA ^ 1ul << bit));
  }
  // The same page in the upper half.
  u64 high = VA | ~0ul << TOP;
  for (int l = LEVELS - 1; l > 0; l--) tables[l][high >> (12 + 9 * l) & 511] = (u64)tables[l - 1] >> 2 | V;
  sfence();
  letter(touch(LOAD, S, 0, high));
  letter(touch(FETCH, S, 0, high));
  letter(touch(LOAD, S, 0, high ^ 1ul << 63));
  end();
  put("value of a fault");
  struct trap t;
  map(0, entry_to((u64)page, leaf));
  csr_clear(MSTATUS, MPP | SUM | MXR);
  run(S, (void *)(VA + 0x1002), 0, 0, 0, &t);
  show("", &t);
  run(S, (void *)(high + 0x800000), 0, 0, 0, &t);
  show("", &t);
  // An instruction whose second half is on a page that is not there.
  ((volatile u32 *)page)[1023] = 0x00130001; // c.nop; first half of addi
  fence_i();
  run(S, (void *)(VA + 0xffc), 0, 0, 0, &t);
  show("", &t);
  // A misaligned access across the end, and bare again.
  csr_clear(MSTATUS, MPP);
  csr_set(MSTATUS, 1 << 11);
  field("cross", access_load(VA + 0xffc, 3));
  field("tval", csr_read(0x343));
  csr_clear(MSTATUS, MPP); // the trap has set it
  csr_set(MSTATUS, 1 << 11);
  field("cross", access_store(VA + 0xffc, 3, 0x55aa));
  field("tval", csr_read(0x343));
  field("kept", page[511]);
  csr_swap(SATP, 0);
  field("bare", access_load((u64)page, 3));
  csr_swap(SATP, MODE << 60 | (u64)tables[LEVELS - 1] >> 12);
  csr_set(MSTATUS, MPP);
  field("as M", access_load((u64)page, 3));
  end();
  return 0;
}
