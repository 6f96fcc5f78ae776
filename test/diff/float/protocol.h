// What the oracles have in common: `--list` prints the names of the operations, one a line; without it,
// requests come on standard input and one reply for each leaves on standard output. All fields are
// little-endian.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct {
  uint32_t op;       // line in the list
  uint32_t rounding; // RISC-V's numbers: 0 RNE, 1 RTZ, 2 RDN, 3 RUP, 4 RMM
  uint32_t mode;     // meaning is the target's
  uint32_t unused;
  uint8_t a[16], b[16], c[16];
} request;

typedef struct {
  uint8_t result[16];
  uint32_t flags; // the target's own bits
  uint32_t unused[3];
} reply;

typedef struct {
  const char *name;
  void (*run)(const request *in, reply *out);
} operation;

static int serve(int argc, char **argv, const operation *ops, unsigned count) {
  static request in[4096];
  static reply out[4096];
  if (argc > 1 && strcmp(argv[1], "--list") == 0) {
    for (unsigned i = 0; i < count; i++) puts(ops[i].name);
    return 0;
  }
  size_t n;
  while ((n = fread(in, sizeof in[0], 4096, stdin)) > 0) {
    memset(out, 0, sizeof out);
    for (size_t i = 0; i < n; i++) {
      if (in[i].op >= count) return 2;
      ops[in[i].op].run(&in[i], &out[i]);
    }
    if (fwrite(out, sizeof out[0], n, stdout) != n) return 3;
  }
  return fflush(stdout) ? 3 : 0;
}
