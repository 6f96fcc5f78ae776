/* A guest's long run: stress SECONDS DISK. Workers of all kinds check what they do; each second a line BEAT tells how far
   they are. FAIL lines say what went wrong. With the word `child` it is what the fork worker executes. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FORK, MAP, DISK, SLEEP, SIGNAL, FLOAT_A, FLOAT_B, CODE, COUNT_A, COUNT_B, WORKERS };
static const char *const names[WORKERS] = { "fork", "map", "disk", "sleep", "signal", "float", "float", "code", "count", "count" };
/* A worker stands still that does nothing while the first one of floating point has so many turns: that is independent of how
   much of a processor the guest gets. */
#define STALL_TURNS 100

static struct shared {
  _Atomic int stop, failures;
  _Atomic uint64_t done[WORKERS];
  _Atomic uint64_t total; /* of both counting workers */
  uint64_t guarded;       /* the same, under a lock */
  _Atomic int lock;
  _Atomic uint64_t sums[64]; /* what the first floating-point worker got for a seed */
  _Atomic long worst_sleep_us;
} *shared;

static void fail(const char *format, ...) {
  char text[200];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  printf("FAIL stress: %s\n", text);
  fflush(stdout);
  shared->failures++;
  _exit(1);
}
#define CHECK(what, ...) do { if (!(what)) fail(__VA_ARGS__); } while (0)

static int64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000ll + t.tv_nsec / 1000;
}
static uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}
static uint64_t random_state;
static uint64_t next(void) { return mix(random_state += 0x9e3779b97f4a7c15ull); }
static void fill(uint64_t *p, size_t bytes, uint64_t seed) {
  for (size_t i = 0; i < bytes / 8; i++) p[i] = mix(seed + i);
}
static void same(const char *what, const uint64_t *p, size_t bytes, uint64_t seed) {
  for (size_t i = 0; i < bytes / 8; i++)
    CHECK(p[i] == mix(seed + i), "%s: word %zu is %lx, not %lx", what, i, (long)p[i], (long)mix(seed + i));
}
static uint64_t sum(const uint64_t *p, size_t bytes) {
  uint64_t s = 0;
  for (size_t i = 0; i < bytes / 8; i++) s = mix(s ^ p[i]);
  return s;
}
static void whole(ssize_t (*io)(int, void *, size_t), int fd, void *p, size_t bytes) {
  for (char *at = p; bytes > 0;) {
    ssize_t n = io(fd, at, bytes);
    if (n < 0 && errno == EINTR) continue;
    CHECK(n > 0, "pipe: %zd, %s", n, strerror(errno));
    at += n;
    bytes -= n;
  }
}
#define READ(...) whole(read, __VA_ARGS__)
#define WRITE(...) whole((ssize_t (*)(int, void *, size_t))write, __VA_ARGS__)

#define LETTER 65536
static int child(void) {
  static uint64_t letter[LETTER / 8];
  READ(0, letter, LETTER);
  uint64_t s = sum(letter, LETTER);
  WRITE(1, &s, 8);
  return 7;
}
static void work_fork(void) {
  static uint64_t letter[LETTER / 8];
  int to[2], from[2], status;
  uint64_t s;
  CHECK(pipe(to) == 0 && pipe(from) == 0, "pipe: %s", strerror(errno));
  fill(letter, LETTER, next());
  pid_t p = fork();
  CHECK(p >= 0, "fork: %s", strerror(errno));
  if (p == 0) {
    dup2(to[0], 0);
    dup2(from[1], 1);
    for (int i = 0; i < 2; i++) close(to[i]), close(from[i]);
    execl("/proc/self/exe", "stress", "child", (char *)0);
    _exit(99);
  }
  close(to[0]);
  close(from[1]);
  WRITE(to[1], letter, LETTER);
  READ(from[0], &s, 8);
  close(to[1]);
  close(from[0]);
  CHECK(waitpid(p, &status, 0) == p && WIFEXITED(status) && WEXITSTATUS(status) == 7, "fork: status %x", status);
  CHECK(s == sum(letter, LETTER), "pipe: what went through is another");
}

static void work_map(void) {
  uint64_t seed = next();
  size_t pages = 1 + seed % 400, bytes = pages * 4096;
  char *p = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(p != MAP_FAILED, "mmap: %s", strerror(errno));
  for (size_t i = 0; i < bytes; i += 4096) CHECK(p[i + 8] == 0, "mmap: a page is not empty");
  fill((uint64_t *)p, bytes, seed);
  CHECK(mprotect(p, bytes, PROT_READ) == 0, "mprotect: %s", strerror(errno));
  same("memory that is read-only now", (uint64_t *)p, bytes, seed);
  char *q = mremap(p, bytes, 2 * bytes, MREMAP_MAYMOVE);
  CHECK(q != MAP_FAILED, "mremap: %s", strerror(errno));
  same("memory that was moved", (uint64_t *)q, bytes, seed);
  pid_t c = fork(); /* copies on write */
  CHECK(c >= 0, "fork: %s", strerror(errno));
  if (c == 0) {
    mprotect(q, bytes, PROT_READ | PROT_WRITE);
    fill((uint64_t *)q, bytes, seed + 1);
    _exit(0);
  }
  int status;
  waitpid(c, &status, 0);
  CHECK(status == 0, "map: status %x", status);
  same("memory that a child wrote its copy of", (uint64_t *)q, bytes, seed);
  munmap(q, 2 * bytes);
}

#define BLOCK 65536
#define BLOCKS 256
static int disk;
static uint64_t generations[BLOCKS];
static void work_disk(void) {
  static uint64_t buffer[BLOCK / 8] __attribute__((aligned(4096)));
  uint64_t block = next() % BLOCKS, at = block * BLOCK;
  if (generations[block]) {
    CHECK(pread(disk, buffer, BLOCK, at) == BLOCK, "disk: read: %s", strerror(errno));
    same("disk", buffer, BLOCK, generations[block]);
  }
  generations[block] = next() | 1;
  fill(buffer, BLOCK, generations[block]);
  CHECK(pwrite(disk, buffer, BLOCK, at) == BLOCK, "disk: write: %s", strerror(errno));
  if (next() % 16 == 0) CHECK(fsync(disk) == 0, "disk: fsync: %s", strerror(errno));
}

static void work_sleep(void) {
  long us = 1000 + next() % 50000;
  struct timespec t = { 0, us * 1000 };
  int64_t before = now_us();
  CHECK(nanosleep(&t, 0) == 0, "nanosleep: %s", strerror(errno));
  long took = now_us() - before, late = took - us;
  CHECK(late >= 0, "a sleep of %ld us took %ld", us, took);
  if (late > shared->worst_sleep_us) shared->worst_sleep_us = late;
}

static volatile sig_atomic_t alarms;
static void on_alarm(int s) { (void)s; alarms++; }
/* Signals to and from a child, while a timer interrupts. */
static void work_signal(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigprocmask(SIG_BLOCK, &set, 0);
  pid_t parent = getpid(), p = fork();
  CHECK(p >= 0, "fork: %s", strerror(errno));
  siginfo_t info;
  struct timespec limit = { 100, 0 };
  int got;
#define TAKE() do { got = sigtimedwait(&set, &info, &limit); } while (got < 0 && errno == EINTR)
  if (p == 0) {
    for (int i = 0; i < 50; i++) {
      TAKE();
      if (got != SIGUSR1) _exit(1);
      kill(parent, SIGUSR1);
    }
    _exit(0);
  }
  struct itimerval timer = { { 0, 3000 }, { 0, 3000 } }, off = { 0 };
  signal(SIGALRM, on_alarm);
  setitimer(ITIMER_REAL, &timer, 0);
  for (int i = 0; i < 50; i++) {
    kill(p, SIGUSR1);
    TAKE();
    CHECK(got == SIGUSR1, "signal: none came back");
  }
  setitimer(ITIMER_REAL, &off, 0);
  int status;
  while (waitpid(p, &status, 0) < 0 && errno == EINTR) {}
  CHECK(status == 0, "signal: status %x", status);
}

/* A series that depends on every bit, from a seed. Both workers do the same seeds; the first to finish leaves its sum. */
static void work_float(uint64_t turn) {
  int slot = turn % 64;
  double x = 0.1 + slot / 80.0, y = 1;
  float z = 0.3f;
  for (int i = 0; i < 200000; i++) {
    x = 3.99 * x * (1 - x);
    y = fma(y, x, sqrt(x)) / 1.7;
    z = z * (float)x + 1 / (1 + z);
    if ((i & 255) == 0) y += (double)(int64_t)(x * 1e6) - (double)(uint32_t)(z * 1e3f);
  }
  uint64_t a, b;
  memcpy(&a, &x, 8);
  memcpy(&b, &y, 8);
  uint32_t c;
  memcpy(&c, &z, 4);
  uint64_t s = mix(a ^ mix(b ^ c)) | 1, none = 0;
  if (!atomic_compare_exchange_strong(&shared->sums[slot], &none, s)) CHECK(none == s, "float: %lx, not %lx", (long)s, (long)none);
}

/* Writes a function, and another over it, as a compiler at run time does. */
static void work_code(void) {
  static uint32_t *page;
  if (!page) page = mmap(0, 16 * 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED, "code: %s", strerror(errno));
  for (int i = 0; i < 100; i++) {
    uint32_t *f = page + next() % (16 * 1024 - 8), k = next() % 2000;
    f[0] = 0x00000513 | k << 20;  /* li a0, k */
    f[1] = 0x00150513;            /* addi a0, a0, 1 */
    f[2] = 0x00008067;            /* ret */
    __builtin___clear_cache((char *)f, (char *)(f + 3));
    for (int n = 0; n < 3; n++) {
      uint32_t got = ((uint32_t(*)(void))f)();
      CHECK(got == k + 1, "code: %u, not %u", got, k + 1);
    }
  }
}

static void work_count(void) {
  for (int i = 0; i < 20000; i++) {
    shared->total++;
    while (atomic_exchange(&shared->lock, 1)) {}
    shared->guarded++;
    atomic_store(&shared->lock, 0);
  }
}

static void work(int kind, const char *path) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  random_state = kind * 1000003ull;
  if (kind == DISK) {
    disk = open(path, O_RDWR | O_DIRECT);
    CHECK(disk >= 0, "%s: %s", path, strerror(errno));
  }
  while (!shared->stop) {
    switch (kind) {
      case FORK: work_fork(); break;
      case MAP: work_map(); break;
      case DISK: work_disk(); break;
      case SLEEP: work_sleep(); break;
      case SIGNAL: work_signal(); break;
      case FLOAT_A: case FLOAT_B: work_float(shared->done[kind]); break;
      case CODE: work_code(); break;
      default: work_count();
    }
    shared->done[kind]++;
  }
  _exit(0);
}

int main(int c, char **v) {
  shared = mmap(0, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (c > 1 && !strcmp(v[1], "child")) return child();
  if (c != 3) return puts("stress SECONDS DISK"), 1;
  int seconds = atoi(v[1]);
  uint64_t last[WORKERS] = { 0 }, since[WORKERS] = { 0 };
  pid_t pids[WORKERS];
  for (int i = 0; i < WORKERS; i++)
    if ((pids[i] = fork()) == 0) work(i, v[2]);
  int64_t due = now_us();
  for (int beat = 1; beat <= seconds && !shared->failures; beat++) {
    due += 1000000;
    struct timespec t = { due / 1000000, due % 1000000 * 1000 };
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, 0);
    printf("BEAT %d late %ld ms:", beat, (long)(now_us() - due) / 1000);
    for (int i = 0; i < WORKERS; i++) {
      uint64_t done = shared->done[i];
      printf(" %s %lu", names[i], (long)done);
      if (done != last[i]) since[i] = shared->done[FLOAT_A];
      last[i] = done;
    }
    puts("");
    fflush(stdout);
    for (int i = 0; i < WORKERS; i++)
      if (shared->done[FLOAT_A] - since[i] > STALL_TURNS) {
        printf("FAIL stress: %s stands still\n", names[i]);
        shared->failures++;
      }
  }
  shared->stop = 1;
  for (int i = 0; i < WORKERS; i++) {
    int status;
    waitpid(pids[i], &status, 0);
    if (status && !shared->failures) printf("FAIL stress: %s ended with %x\n", names[i], status), shared->failures++;
  }
  uint64_t wanted = (shared->done[COUNT_A] + shared->done[COUNT_B]) * 20000;
  if (shared->total != wanted || shared->guarded != wanted)
    printf("FAIL stress: counted %lu and %lu, not %lu\n", (long)shared->total, (long)shared->guarded, (long)wanted), shared->failures++;
  printf("%s stress: %d seconds, worst sleep %ld us late\n", shared->failures ? "FAIL" : "PASS", seconds, shared->worst_sleep_us);
  return shared->failures != 0;
}
