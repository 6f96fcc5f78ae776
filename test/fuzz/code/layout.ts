// Where a generated program lies. Physically each has an area of pages of its own, so that one boot of a machine runs
// many; its virtual addresses are its own choice.
export const PAGE = 4096
export const RAM = 0x80000000, HARNESS_PAGES = 16
/** Number of programs, for the harness. */
export const COUNT_AT = 8 * PAGE

/** Pages of an area. */
export const CONTROL = 0, TABLES = 1, TABLE_PAGES = 16, CODE = 17, CODE_PAGES = 10, DATA = 27, DATA_PAGES = 4,
  POOL = 31, STACK = 32,
  FRAMES = 33, AREA_PAGES = 34
export const AREA_BYTES = AREA_PAGES * PAGE
export const areaPa = (index: number): number => RAM + HARNESS_PAGES * PAGE + index * AREA_BYTES
export const FINISHER = 0x100000

/** The control page: what the harness loads into the registers, and where it leaves what it found. */
export const C = {
  x: 0, f: 256, fcsr: 512, mstatus: 520, entry: 528, satp: 536, endPc: 544, traps: 552, save: 560,
  outX: 640, outF: 896, outFcsr: 1152, log: 1200, logBytes: 24,
} as const
/** The log holds the last traps; after MAX_TRAPS the program ends. */
export const LOG_TRAPS = 64, MAX_TRAPS = 1000

/** Registers with a fixed use; the others are the program's. */
export const X = { ra: 1, sp: 2, pool: 3, p: 8, q: 9, count: 18, inner: 19, temp: 21, address: 22, frame: 23 } as const
export const reserved: ReadonlySet<number> = new Set(Object.values(X))
