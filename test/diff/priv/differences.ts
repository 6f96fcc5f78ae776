// Where we differ from QEMU 7.2 on purpose: which lines, what ours must be, and why. Lines that match are
// taken out of both outputs before they are compared.

export type Difference = {
  readonly program: RegExp
  /** Matches lines of either side. */
  readonly lines: RegExp
  /** Every line of ours that `lines` matches must be like this. */
  readonly ours: RegExp
  readonly why: string
}

const hpm = '(3(2[3-9a-f]|3.)|b(0[3-9a-f]|1.)|c(0[3-9a-f]|1.))'
export const differences: readonly Difference[] = [
  {
    program: /^csr$/, lines: /^keeps n=(100|300) /,
    ours: / ones=(80000002000c6122 zeros=200000000|8000000a007e79aa zeros=a00000000)$/,
    why: 'VS exists only with V, MPV and GVA only with H; UXL and SXL are fixed at 2, QEMU changes SXL',
  },
  {
    program: /^csr$/, lines: /^keeps n=(106|306) is/, ours: /^keeps n=.06 is=0 ones=ffffffff zeros=0$/,
    why: 'the counter-enable registers have 32 bits',
  },
  {
    program: /^csr$/, lines: /^keeps n=(10a|30a) is/,
    ours: /^keeps n=(10a is=0 ones=1 zeros=0|30a is=a000000000000000 ones=a000000000000001 zeros=0)$/,
    why: 'there are FIOM, STCE and ADUE; QEMU 7.2 has bits of Zicbom, Zicboz and Svpbmt, and no ADUE',
  },
  {
    program: /^csr$/, lines: /^keeps n=(141|341) /, ours: /ones=fffffffffffffffe zeros=0$/,
    why: 'bit 0 of mepc and sepc is always 0',
  },
  {
    program: /^csr$/, lines: /^(keeps|csr) n=24d/, ours: /^$/,
    why: 'vstimecmp belongs to H, which is switched off; QEMU 7.2 lets it through',
  },
  {
    program: /^csr$/, lines: /^keeps n=(302|303|304|344) is/,
    ours: /^keeps n=(302 is=0 ones=b3ff|303 is=0 ones=222|304 is=0 ones=aaa|344 is=0 ones=202) zeros=0$/,
    why: 'nothing of H; QEMU 7.2 keeps its bits. STIP is not writable while STCE is set',
  },
  {
    program: /^csr$/, lines: /^keeps n=320 is/, ours: /ones=5 zeros=0$/,
    why: 'of the counters only cycle and instret can be stopped',
  },
  {
    program: /^csr$/, lines: new RegExp(`^(keeps|csr) n=${hpm} `),
    ours: /is=0( ones=0 zeros=0)?$|read=[02] write=2$/,
    why: 'all hpmcounters exist and are 0; QEMU has 16 of them, with events',
  },
  {
    program: /^csr$/, lines: /^keeps n=3b. is/, ours: /ones=3fffffffffffff zeros=0$/,
    why: 'pmpaddr has 54 bits on RV64',
  },
  {
    program: /^csr$/, lines: /^keeps n=f1[23] /, ours: /is=0$/,
    why: 'no architecture and implementation number of our own',
  },
  {
    program: /^csr$/, lines: /^ FS=\S* FS=\S* FS=/, ours: /FS=8000000a00006000 FS=8000000a00006000 fcsr=\w+$/,
    why: 'CSRRS with a register that holds 0 writes, and that makes the floating-point state dirty',
  },
  {
    program: /^csr$/, lines: /^ MPP=/,
    ours: /^( MPP=a00000000){2}( MPP=a00000800){2} MPP=a00001800 MPP=a00000000( MPP=a00001800){2}$/,
    why: 'MPP is WARL: the reserved 2 leaves it as it was',
  },
  {
    program: /^csr$/, lines: /^ satp=/, ours: /satp=8abcd123456789ab satp=9abcd123456789ab( satp=0){6}$/,
    why: 'no Sv57',
  },
  {
    program: /^exceptions$/, lines: /ebreak M cause=3/, ours: /epc=(\w+) tval=\1 /,
    why: 'the value of a breakpoint is its address, as in the Sail model and later QEMUs; QEMU 7.2 gives 0',
  },
  {
    program: /^exceptions$/, lines: /^. (amoadd|sc)\.. odd /, ours: /cause=6 /,
    why: 'SC and AMO raise store/AMO exceptions; a misaligned SC does so with or without a reservation',
  },
  {
    program: /^exceptions$/, lines: /^. amoadd.w nowhere /, ours: /cause=7 /,
    why: 'an AMO raises a store/AMO access fault also for its read',
  },
  {
    program: /^interrupts$/, lines: /^priority /, ours: /cause=800000000000000[13579] /,
    why: 'the order is MEI, MSI, MTI, SEI, SSI, STI; QEMU 7.2 without AIA takes the lowest number first',
  },
  {
    program: /^xret$/, lines: /^ bits=[4-7c-f] priv=[01] a0=0 cause/, ours: /status=a00000[0189][08]0$/,
    why: 'MRET to a lower privilege clears MPRV (privileged architecture 1.12)',
  },
  {
    program: /^mmu/, lines: /^table beyond memory/, ours: /^table beyond memory571$/,
    why: 'a page-table entry that cannot be read is an access fault, not a page fault',
  },
  {
    program: /^pmp$/, lines: /^ cfg=(601f1f|1f1f)$/, ours: /^ cfg=1f1f$/,
    why: 'bits 5 and 6 of a PMP configuration are reserved and read 0',
  },
]
