// What the programs share: output to a debug port, and exceptions that come back to where they were asked for.
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

static inline void outb(u16 port, u8 v) { asm volatile("outb %0, %1" :: "a"(v), "Nd"(port)); }
static inline u8 inb(u16 port) { u8 v; asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static void put(const char *s) { while (*s) outb(0xe9, *s++); }
static void hex(u64 v) {
  char b[17];
  int n = 16;
  b[n] = 0;
  do { b[--n] = "0123456789abcdef"[v & 15]; v >>= 4; } while (v);
  put(b + n);
}
static void kv(const char *name, u64 v) { put(" "); put(name); put("="); hex(v); }
static void line(void) { put("\n"); }
static inline void wrmsr(u32 n, u64 v) { asm volatile("wrmsr" :: "c"(n), "a"((u32)v), "d"((u32)(v >> 32))); }
static inline u64 rdmsr(u32 n) { u32 lo, hi; asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(n)); return lo | (u64)hi << 32; }
