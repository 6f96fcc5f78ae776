// What the programs share: output on the UART, CSR access by number, and running code at a privilege level.
#pragma once
typedef unsigned long u64;
typedef unsigned int u32;
typedef unsigned char u8;

struct trap { u64 cause, epc, tval, status, inS, a0, a7, vector; };
enum { U, S, M = 3 };
enum { LOAD, STORE, FETCH };
#define RETURNED 0x1eaf /* a7 when the code came back by itself */

void run(u64 priv, const void *code, u64 a, u64 b, u64 c, struct trap *trap);
u64 access_load(u64 address, u64 log2size);
u64 access_store(u64 address, u64 log2size, u64 value);
extern u64 loaded, leave_virtual;
extern char s_handler[], m_handler[], leave[];

void put(const char *s);
void hex(u64 x);
void field(const char *name, u64 x);
void end(void);
void show(const char *what, const struct trap *t);

/** No device and no leftover interrupts; traps to machine mode; memory open. To be called first. */
void quiet(void);
#define CLINT_MSIP (*(volatile u32 *)0x2000000)
#define CLINT_MTIMECMP (*(volatile u64 *)0x2004000)
#define CLINT_MTIME (*(volatile u64 *)0x200bff8)

/** CSR access by number: an instruction is written, then called. */
const void *csr_code(u32 number, u32 funct3, u32 rd, u32 rs1);
u64 csr_read(u32 number);
u64 csr_swap(u32 number, u64 value);
u64 csr_set(u32 number, u64 bits);
u64 csr_clear(u32 number, u64 bits);
/** Code of up to eight instruction words followed by a return. */
const void *code_of(int n, const u32 *words);
void fence_i(void);

#define MSTATUS 0x300
#define MEDELEG 0x302
#define MIDELEG 0x303
#define MIE 0x304
#define MTVEC 0x305
#define MCOUNTEREN 0x306
#define MENVCFG 0x30a
#define MIP 0x344
#define PMPCFG0 0x3a0
#define PMPADDR0 0x3b0
#define STVEC 0x105
#define SEPC 0x141
#define SATP 0x180
#define STIMECMP 0x14d

/** Bits of mstatus. */
enum { SIE = 1 << 1, MIE_ = 1 << 3, SPIE = 1 << 5, MPIE = 1 << 7, SPP = 1 << 8, MPP = 3 << 11, FS = 3 << 13, MPRV = 1 << 17,
  SUM = 1 << 18, MXR = 1 << 19, TVM = 1 << 20, TW = 1 << 21, TSR = 1 << 22 };
/** Instructions. */
enum { ECALL = 0x73, EBREAK = 0x100073, C_EBREAK = 0x9002, SRET = 0x10200073, MRET = 0x30200073, WFI = 0x10500073,
  SFENCE_VMA = 0x12000073, NOP = 0x13 };
