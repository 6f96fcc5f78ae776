/* Runs FXSAVE, XSAVE and their relatives on the processor underneath: reads cases from standard input, loads the registers of x87 and
 * SSE, executes one instruction on an area, and writes the area and the registers to standard output. */
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

typedef unsigned char u8;
/* The same in xstate.ts. */
#define AREA_BYTES 576
struct in { unsigned op, asked, skew, pad; u8 fx[512], area[AREA_BYTES]; };
struct out { unsigned fault, pad[3]; u8 fx[512], area[AREA_BYTES]; };

static struct in in;
static struct out out;
static u8 area[AREA_BYTES + 64] __attribute__((aligned(64)));
static u8 image[512] __attribute__((aligned(16)));
static sigjmp_buf back;

static void fault(int signal) { siglongjmp(back, signal); }

static int take(void) {
  for (size_t have = 0; have < sizeof in;) {
    ssize_t n = read(0, (char *)&in + have, sizeof in - have);
    if (n <= 0) return 0;
    have += n;
  }
  return 1;
}
static void give(void) {
  for (size_t done = 0; done < sizeof out;) {
    ssize_t n = write(1, (char *)&out + done, sizeof out - done);
    if (n <= 0) _exit(1);
    done += n;
  }
}

#define ON(text) __asm__ volatile(text " (%0)" : : "r"(at), "a"(in.asked), "d"(0) : "memory")
int main(void) {
  struct sigaction action = { .sa_handler = fault, .sa_flags = SA_NODEFER };
  sigaction(SIGSEGV, &action, 0);
  sigaction(SIGILL, &action, 0);
  while (take()) {
    u8 *volatile at = area + in.skew;
    memcpy(area, in.area, AREA_BYTES);
    memcpy(image, in.fx, 512);
    memset(&out, 0, sizeof out);
    out.fault = sigsetjmp(back, 0);
    if (!out.fault) {
      __asm__ volatile("fxrstor64 (%0)" : : "r"(image) : "memory");
      switch (in.op) {
        case 0: ON("xsave64"); break;
        case 1: ON("xsaveopt64"); break;
        case 2: ON("xsavec64"); break;
        case 3: ON("xrstor64"); break;
        case 4: ON("fxsave64"); break;
        case 5: ON("fxrstor64"); break;
        case 6: ON("xsave"); break;
        case 7: ON("xrstor"); break;
        case 8: ON("fxsave"); break;
        case 9: ON("fxrstor"); break;
      }
    }
    __asm__ volatile("fxsave64 (%0)" : : "r"(image) : "memory");
    __asm__ volatile("fninit\n\tldmxcsr %0" : : "m"((unsigned){ 0x1f80 }));
    memcpy(out.area, area, AREA_BYTES);
    memcpy(out.fx, image, 512);
    give();
  }
}
