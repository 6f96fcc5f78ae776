// Oracle: executes the RISC-V instructions of F, D and Zfh with the dynamic rounding mode, and reports
// fflags.
#include "protocol.h"

static uint64_t load(const uint8_t *from) { uint64_t v; memcpy(&v, from, 8); return v; }
static void store(reply *out, uint64_t v, uint64_t flags) { memcpy(out->result, &v, 8); out->flags = flags; }

#define PREPARE ".option push\n .option arch, +zfh\n fsrm %[rm]\n csrw fflags, zero\n"
#define REPORT "csrr %[flags], fflags\n .option pop\n"
#define IN [a] "r"(load(in->a)), [b] "r"(load(in->b)), [c] "r"(load(in->c)), [rm] "r"((uint64_t)in->rounding)
#define RUN(text) \
  uint64_t r, flags; \
  asm volatile(PREPARE text REPORT : [r] "=&r"(r), [flags] "=&r"(flags) : IN : "ft0", "ft1", "ft2", "ft3"); \
  store(out, r, flags)

// x: suffix of fmv for the operands' format; y: the same for the result.
#define FLOAT1(id, insn, x, y) static void id(const request *in, reply *out) { \
  RUN("fmv." #x ".x ft0, %[a]\n" insn " ft3, ft0\n fmv.x." #y " %[r], ft3\n"); }
#define FLOAT2(id, insn, x) static void id(const request *in, reply *out) { \
  RUN("fmv." #x ".x ft0, %[a]\n fmv." #x ".x ft1, %[b]\n" insn " ft3, ft0, ft1\n fmv.x." #x " %[r], ft3\n"); }
#define FLOAT3(id, insn, x) static void id(const request *in, reply *out) { \
  RUN("fmv." #x ".x ft0, %[a]\n fmv." #x ".x ft1, %[b]\n fmv." #x ".x ft2, %[c]\n" \
      insn " ft3, ft0, ft1, ft2\n fmv.x." #x " %[r], ft3\n"); }
#define TO_X1(id, insn, x) static void id(const request *in, reply *out) { \
  RUN("fmv." #x ".x ft0, %[a]\n" insn " %[r], ft0\n"); }
#define TO_X2(id, insn, x) static void id(const request *in, reply *out) { \
  RUN("fmv." #x ".x ft0, %[a]\n fmv." #x ".x ft1, %[b]\n" insn " %[r], ft0, ft1\n"); }
#define FROM_X(id, insn, y) static void id(const request *in, reply *out) { \
  RUN(insn " ft3, %[a]\n fmv.x." #y " %[r], ft3\n"); }

// f: suffix of the instructions; x: suffix of fmv.
#define FORMAT(f, x) \
  FLOAT2(fadd_##f, "fadd." #f, x) FLOAT2(fsub_##f, "fsub." #f, x) \
  FLOAT2(fmul_##f, "fmul." #f, x) FLOAT2(fdiv_##f, "fdiv." #f, x) \
  FLOAT2(fmin_##f, "fmin." #f, x) FLOAT2(fmax_##f, "fmax." #f, x) \
  FLOAT1(fsqrt_##f, "fsqrt." #f, x, x) \
  FLOAT3(fmadd_##f, "fmadd." #f, x) FLOAT3(fmsub_##f, "fmsub." #f, x) \
  FLOAT3(fnmsub_##f, "fnmsub." #f, x) FLOAT3(fnmadd_##f, "fnmadd." #f, x) \
  TO_X2(feq_##f, "feq." #f, x) TO_X2(flt_##f, "flt." #f, x) TO_X2(fle_##f, "fle." #f, x) \
  TO_X1(fclass_##f, "fclass." #f, x) \
  TO_X1(fcvt_w_##f, "fcvt.w." #f, x) TO_X1(fcvt_wu_##f, "fcvt.wu." #f, x) \
  TO_X1(fcvt_l_##f, "fcvt.l." #f, x) TO_X1(fcvt_lu_##f, "fcvt.lu." #f, x) \
  FROM_X(fcvt_##f##_w, "fcvt." #f ".w", x) FROM_X(fcvt_##f##_wu, "fcvt." #f ".wu", x) \
  FROM_X(fcvt_##f##_l, "fcvt." #f ".l", x) FROM_X(fcvt_##f##_lu, "fcvt." #f ".lu", x)
#define NAMES(f) \
  {"fadd." #f, fadd_##f}, {"fsub." #f, fsub_##f}, {"fmul." #f, fmul_##f}, {"fdiv." #f, fdiv_##f}, \
  {"fmin." #f, fmin_##f}, {"fmax." #f, fmax_##f}, {"fsqrt." #f, fsqrt_##f}, \
  {"fmadd." #f, fmadd_##f}, {"fmsub." #f, fmsub_##f}, {"fnmsub." #f, fnmsub_##f}, \
  {"fnmadd." #f, fnmadd_##f}, \
  {"feq." #f, feq_##f}, {"flt." #f, flt_##f}, {"fle." #f, fle_##f}, {"fclass." #f, fclass_##f}, \
  {"fcvt.w." #f, fcvt_w_##f}, {"fcvt.wu." #f, fcvt_wu_##f}, \
  {"fcvt.l." #f, fcvt_l_##f}, {"fcvt.lu." #f, fcvt_lu_##f}, \
  {"fcvt." #f ".w", fcvt_##f##_w}, {"fcvt." #f ".wu", fcvt_##f##_wu}, \
  {"fcvt." #f ".l", fcvt_##f##_l}, {"fcvt." #f ".lu", fcvt_##f##_lu}

FORMAT(h, h)
FORMAT(s, w)
FORMAT(d, d)
FLOAT1(fcvt_s_d, "fcvt.s.d", d, w)
FLOAT1(fcvt_d_s, "fcvt.d.s", w, d)
FLOAT1(fcvt_h_s, "fcvt.h.s", w, h)
FLOAT1(fcvt_s_h, "fcvt.s.h", h, w)
FLOAT1(fcvt_h_d, "fcvt.h.d", d, h)
FLOAT1(fcvt_d_h, "fcvt.d.h", h, d)

static const operation ops[] = {
  NAMES(h), NAMES(s), NAMES(d),
  {"fcvt.s.d", fcvt_s_d}, {"fcvt.d.s", fcvt_d_s}, {"fcvt.h.s", fcvt_h_s}, {"fcvt.s.h", fcvt_s_h},
  {"fcvt.h.d", fcvt_h_d}, {"fcvt.d.h", fcvt_d_h},
};

int main(int argc, char **argv) { return serve(argc, argv, ops, sizeof ops / sizeof ops[0]); }
