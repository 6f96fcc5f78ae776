// Oracle: the host processor's x87 instructions. Mode: precision control; 0 extended, 1 double, 2 single.
#include "protocol.h"

static uint16_t control(const request *in) {
  static const uint16_t rounding[] = {0 << 10, 3 << 10, 1 << 10, 2 << 10};
  static const uint16_t precision[] = {3 << 8, 2 << 8, 0 << 8};
  return 0x3f | rounding[in->rounding & 3] | precision[in->mode % 3];
}

// Loading and storing 80 bits raises no exception, so the status word is that of the instruction.
#define OP(id, text) static void id(const request *in, reply *out) { \
  uint16_t cw = control(in), sw = 0; \
  asm volatile("fninit\n fldcw %[cw]\n" text "fnstsw %%ax\n orw %%ax, %[sw]\n fninit\n" : [sw] "+m"(sw) \
    : [cw] "m"(cw), [a] "r"(in->a), [b] "r"(in->b), [r] "r"(out->result) : "rax", "cc", "memory"); \
  out->flags = sw & 0x3f; }
#define BOTH "fldt (%[b])\n fldt (%[a])\n"
#define STORE "fstpt (%[r])\n"
#define UNTIL_COMPLETE(insn) "1: " insn "\n fnstsw %%ax\n testb $4, %%ah\n jnz 1b\n"
#define CONDITIONS "fnstsw %%ax\n andw $0x4500, %%ax\n movw %%ax, (%[r])\n"

OP(fadd, BOTH "fadd %%st(1), %%st\n" STORE)
OP(fsub, BOTH "fsub %%st(1), %%st\n" STORE)
OP(fmul, BOTH "fmul %%st(1), %%st\n" STORE)
OP(fdiv, BOTH "fdiv %%st(1), %%st\n" STORE)
OP(fsqrt, "fldt (%[a])\n fsqrt\n" STORE)
OP(frndint, "fldt (%[a])\n frndint\n" STORE)
OP(fprem, BOTH UNTIL_COMPLETE("fprem") STORE)
OP(fprem1, BOTH UNTIL_COMPLETE("fprem1") STORE)
OP(fcom, BOTH "fcom %%st(1)\n" CONDITIONS)
OP(fucom, BOTH "fucom %%st(1)\n" CONDITIONS)
OP(fxam, "fldt (%[a])\n fxam\n" CONDITIONS)
OP(fst_s, "fldt (%[a])\n fstps (%[r])\n")
OP(fst_l, "fldt (%[a])\n fstpl (%[r])\n")
OP(fld_s, "flds (%[a])\n" STORE)
OP(fld_l, "fldl (%[a])\n" STORE)
OP(fistp_s, "fldt (%[a])\n fistps (%[r])\n")
OP(fistp_l, "fldt (%[a])\n fistpl (%[r])\n")
OP(fistp_ll, "fldt (%[a])\n fistpll (%[r])\n")
OP(fisttp_ll, "fldt (%[a])\n fisttpll (%[r])\n")
OP(fild_s, "filds (%[a])\n" STORE)
OP(fild_l, "fildl (%[a])\n" STORE)
OP(fild_ll, "fildll (%[a])\n" STORE)

static const operation ops[] = {
  {"fadd", fadd}, {"fsub", fsub}, {"fmul", fmul}, {"fdiv", fdiv}, {"fsqrt", fsqrt}, {"frndint", frndint},
  {"fprem", fprem}, {"fprem1", fprem1}, {"fcom", fcom}, {"fucom", fucom}, {"fxam", fxam},
  {"fst m32", fst_s}, {"fst m64", fst_l}, {"fld m32", fld_s}, {"fld m64", fld_l},
  {"fistp m16", fistp_s}, {"fistp m32", fistp_l}, {"fistp m64", fistp_ll}, {"fisttp m64", fisttp_ll},
  {"fild m16", fild_s}, {"fild m32", fild_l}, {"fild m64", fild_ll},
};

int main(int argc, char **argv) { return serve(argc, argv, ops, sizeof ops / sizeof ops[0]); }
