// Oracle: the host processor's FMA and F16C instructions. Operands a, b, c are those of a · b + c in this
// order.
#include "x86.h"

// 132: op1 · op3 + op2; 213: op2 · op1 + op3; 231: op2 · op3 + op1; operands in AT&T order are op3, op2, op1.
#define FMA(id, insn, s) \
  OP(id##132##s, insn "132" #s " %%xmm1, %%xmm2, %%xmm0\n" XMM0) \
  OP(id##213##s, insn "213" #s " %%xmm2, %%xmm0, %%xmm1\n movdqa %%xmm1, %%xmm0\n" XMM0) \
  OP(id##231##s, insn "231" #s " %%xmm1, %%xmm0, %%xmm2\n movdqa %%xmm2, %%xmm0\n" XMM0)
#define FORMAT(s) \
  FMA(vfmadd, "vfmadd", s) FMA(vfmsub, "vfmsub", s) FMA(vfnmadd, "vfnmadd", s) FMA(vfnmsub, "vfnmsub", s)
#define NAMES(id, s) {#id "132" #s, id##132##s}, {#id "213" #s, id##213##s}, {#id "231" #s, id##231##s}

FORMAT(ss)
FORMAT(sd)
OP(vcvtps2ph, "vcvtps2ph $4, %%xmm0, %%xmm0\n" XMM0)
OP(vcvtph2ps, "vcvtph2ps %%xmm0, %%xmm0\n" XMM0)

static const operation ops[] = {
  NAMES(vfmadd, ss), NAMES(vfmsub, ss), NAMES(vfnmadd, ss), NAMES(vfnmsub, ss),
  NAMES(vfmadd, sd), NAMES(vfmsub, sd), NAMES(vfnmadd, sd), NAMES(vfnmsub, sd),
  {"vcvtps2ph", vcvtps2ph}, {"vcvtph2ps", vcvtph2ps},
};

int main(int argc, char **argv) { return serve(argc, argv, ops, sizeof ops / sizeof ops[0]); }
