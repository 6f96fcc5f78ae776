// Oracle: the host processor's scalar SSE, SSE2 and SSE4.1 instructions.
#include "x86.h"

#define FORMAT(s) \
  OP(add##s, "add" #s " %%xmm1, %%xmm0\n" XMM0) OP(sub##s, "sub" #s " %%xmm1, %%xmm0\n" XMM0) \
  OP(mul##s, "mul" #s " %%xmm1, %%xmm0\n" XMM0) OP(div##s, "div" #s " %%xmm1, %%xmm0\n" XMM0) \
  OP(min##s, "min" #s " %%xmm1, %%xmm0\n" XMM0) OP(max##s, "max" #s " %%xmm1, %%xmm0\n" XMM0) \
  OP(sqrt##s, "sqrt" #s " %%xmm0, %%xmm0\n" XMM0) \
  OP(comi##s, "comi" #s " %%xmm1, %%xmm0\n" CONDITIONS) \
  OP(ucomi##s, "ucomi" #s " %%xmm1, %%xmm0\n" CONDITIONS) \
  OP(cvt##s##2si32, "cvt" #s "2si %%xmm0, %%eax\n" EAX) \
  OP(cvt##s##2si64, "cvt" #s "2si %%xmm0, %%rax\n" RAX) \
  OP(cvtt##s##2si32, "cvtt" #s "2si %%xmm0, %%eax\n" EAX) \
  OP(cvtt##s##2si64, "cvtt" #s "2si %%xmm0, %%rax\n" RAX) \
  OP(cvtsi2##s##32, "cvtsi2" #s "l (%[a]), %%xmm0\n" XMM0) \
  OP(cvtsi2##s##64, "cvtsi2" #s "q (%[a]), %%xmm0\n" XMM0) \
  OP(round##s, "round" #s " $4, %%xmm0, %%xmm0\n" XMM0) \
  OP(round##s##_quiet, "round" #s " $12, %%xmm0, %%xmm0\n" XMM0)
#define NAMES(s) \
  {"add" #s, add##s}, {"sub" #s, sub##s}, {"mul" #s, mul##s}, {"div" #s, div##s}, {"min" #s, min##s}, \
  {"max" #s, max##s}, {"sqrt" #s, sqrt##s}, {"comi" #s, comi##s}, {"ucomi" #s, ucomi##s}, \
  {"cvt" #s "2si32", cvt##s##2si32}, {"cvt" #s "2si64", cvt##s##2si64}, \
  {"cvtt" #s "2si32", cvtt##s##2si32}, {"cvtt" #s "2si64", cvtt##s##2si64}, \
  {"cvtsi2" #s "32", cvtsi2##s##32}, {"cvtsi2" #s "64", cvtsi2##s##64}, \
  {"round" #s, round##s}, {"round" #s " quiet", round##s##_quiet}

FORMAT(ss)
FORMAT(sd)
OP(cvtsd2ss, "cvtsd2ss %%xmm0, %%xmm0\n" XMM0)
OP(cvtss2sd, "cvtss2sd %%xmm0, %%xmm0\n" XMM0)

static const operation ops[] = {NAMES(ss), NAMES(sd), {"cvtsd2ss", cvtsd2ss}, {"cvtss2sd", cvtss2sd}};

int main(int argc, char **argv) { return serve(argc, argv, ops, sizeof ops / sizeof ops[0]); }
