// Oracle: the host processor's AVX512-FP16 arithmetic and AVX-512's conversions to and from unsigned
// integers.
#include "x86.h"

#define HALF(id) OP(id, #id " %%xmm1, %%xmm0, %%xmm0\n" XMM0)
#define UNSIGNED(s) \
  OP(vcvt##s##2usi32, "vcvt" #s "2usi %%xmm0, %%eax\n" EAX) \
  OP(vcvt##s##2usi64, "vcvt" #s "2usi %%xmm0, %%rax\n" RAX) \
  OP(vcvtusi2##s##32, "vcvtusi2" #s "l (%[a]), %%xmm0, %%xmm0\n" XMM0) \
  OP(vcvtusi2##s##64, "vcvtusi2" #s "q (%[a]), %%xmm0, %%xmm0\n" XMM0)
#define NAMES(s) \
  {"vcvt" #s "2usi32", vcvt##s##2usi32}, {"vcvt" #s "2usi64", vcvt##s##2usi64}, \
  {"vcvtusi2" #s "32", vcvtusi2##s##32}, {"vcvtusi2" #s "64", vcvtusi2##s##64}

HALF(vaddsh) HALF(vsubsh) HALF(vmulsh) HALF(vdivsh) HALF(vminsh) HALF(vmaxsh) HALF(vsqrtsh)
OP(vfmadd231sh, "vfmadd231sh %%xmm1, %%xmm0, %%xmm2\n movdqa %%xmm2, %%xmm0\n" XMM0)
OP(vcvtsd2sh, "vcvtsd2sh %%xmm0, %%xmm0, %%xmm0\n" XMM0)
OP(vcvtsh2sd, "vcvtsh2sd %%xmm0, %%xmm0, %%xmm0\n" XMM0)
UNSIGNED(ss)
UNSIGNED(sd)
UNSIGNED(sh)

static const operation ops[] = {
  {"vaddsh", vaddsh}, {"vsubsh", vsubsh}, {"vmulsh", vmulsh}, {"vdivsh", vdivsh}, {"vminsh", vminsh},
  {"vmaxsh", vmaxsh}, {"vsqrtsh", vsqrtsh}, {"vfmadd231sh", vfmadd231sh},
  {"vcvtsd2sh", vcvtsd2sh}, {"vcvtsh2sd", vcvtsh2sd}, NAMES(ss), NAMES(sd), NAMES(sh),
};

int main(int argc, char **argv) { return serve(argc, argv, ops, sizeof ops / sizeof ops[0]); }
