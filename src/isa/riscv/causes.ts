// Names of privilege levels, and of what traps are taken for: the privileged specification's table of mcause values.
const exceptions: { readonly [cause: number]: string } = {
  0: 'instruction address misaligned', 1: 'instruction access fault', 2: 'illegal instruction', 3: 'breakpoint',
  4: 'load address misaligned', 5: 'load access fault', 6: 'store/AMO address misaligned', 7: 'store/AMO access fault',
  8: 'environment call from U-mode', 9: 'environment call from S-mode', 11: 'environment call from M-mode',
  12: 'instruction page fault', 13: 'load page fault', 15: 'store/AMO page fault',
}
const interrupts: { readonly [cause: number]: string } = {
  1: 'supervisor software', 3: 'machine software', 5: 'supervisor timer', 7: 'machine timer',
  9: 'supervisor external', 11: 'machine external',
}
/** Interrupts by number, for tables of them. */
export const interruptNames: readonly (readonly [number, string])[] =
  Object.entries(interrupts).map(([n, name]) => [Number(n), name])

export const causeName = (cause: number, interrupt: boolean): string =>
  interrupt ? `${interrupts[cause] ?? cause} interrupt` : exceptions[cause] ?? `exception ${cause}`

export const levelName = (level: number): string => ['U', 'S', '?', 'M'][level]!
