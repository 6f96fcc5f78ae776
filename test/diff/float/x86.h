// SSE and AVX operations: operands in xmm0, xmm1 and xmm2, exceptions from MXCSR. Mode: 1 sets DAZ, 2 sets
// FTZ.
#include "protocol.h"

static uint32_t mxcsr(const request *in) {
  static const uint32_t control[] = {0 << 13, 3 << 13, 1 << 13, 2 << 13};
  return 0x1f80 | control[in->rounding & 3] | (in->mode & 1 ? 1 << 6 : 0) | (in->mode & 2 ? 1 << 15 : 0);
}

#define LOAD "ldmxcsr %[m]\n movdqu (%[a]), %%xmm0\n movdqu (%[b]), %%xmm1\n movdqu (%[c]), %%xmm2\n"
#define OP(id, text) static void id(const request *in, reply *out) { \
  uint32_t m = mxcsr(in); \
  asm volatile(LOAD text "stmxcsr %[m]\n" : [m] "+m"(m) \
    : [a] "r"(in->a), [b] "r"(in->b), [c] "r"(in->c), [r] "r"(out->result) \
    : "xmm0", "xmm1", "xmm2", "rax", "cc", "memory"); \
  out->flags = m & 0x3f; }

// What becomes the result: xmm0, eax, rax; or CF, PF and ZF of a comparison.
#define XMM0 "movdqu %%xmm0, (%[r])\n"
#define EAX "movl %%eax, (%[r])\n"
#define RAX "movq %%rax, (%[r])\n"
#define CONDITIONS "lahf\n movzbl %%ah, %%eax\n andl $0x45, %%eax\n movl %%eax, (%[r])\n"
