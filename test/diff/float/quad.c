// Oracle: binary128 as RISC-V's `long double`, computed by libgcc and the C library with fcsr's rounding and
// fflags.
#include <math.h>
#include "protocol.h"

typedef long double quad;
static quad load(const uint8_t *from) { quad v; memcpy(&v, from, 16); return v; }
#define A load(in->a)
#define B load(in->b)
#define C load(in->c)

#define OP(id, type, expression) static __attribute__((noinline)) void id(const request *in, reply *out) { \
  uint64_t flags; \
  asm volatile("fsrm %0\n csrw fflags, zero\n" :: "r"((uint64_t)in->rounding) : "memory"); \
  volatile type v = expression; \
  asm volatile("csrr %0, fflags\n" : "=r"(flags) :: "memory"); \
  memcpy(out->result, (const void *)&v, sizeof v); \
  out->flags = flags; }
#define FROM(id, type) \
  OP(id, quad, (quad)*(const volatile type *)in->a)

OP(addq, quad, A + B)
OP(subq, quad, A - B)
OP(mulq, quad, A * B)
OP(divq, quad, A / B)
OP(squareroot, quad, sqrtl(A))
OP(fused, quad, fmal(A, B, C))
OP(modulo, quad, fmodl(A, B))
OP(rint_, quad, rintl(A))
OP(eq, uint64_t, A == B)
OP(lt, uint64_t, A < B)
OP(le, uint64_t, A <= B)
OP(to_s, float, (float)A)
OP(to_d, double, (double)A)
FROM(from_s, float)
FROM(from_d, double)
FROM(from_w, int32_t)
FROM(from_l, int64_t)
FROM(from_lu, uint64_t)
FROM(from_128, __int128)

static const operation ops[] = {
  {"add", addq}, {"sub", subq}, {"mul", mulq}, {"div", divq}, {"sqrt", squareroot}, {"fma", fused},
  {"fmod", modulo}, {"rint", rint_}, {"eq", eq}, {"lt", lt}, {"le", le},
  {"to binary32", to_s}, {"to binary64", to_d},
  {"from binary32", from_s}, {"from binary64", from_d}, {"from int32", from_w}, {"from int64", from_l},
  {"from uint64", from_lu}, {"from int128", from_128},
};

int main(int argc, char **argv) { return serve(argc, argv, ops, sizeof ops / sizeof ops[0]); }
