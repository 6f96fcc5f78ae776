// What a guest of the benchmark's initial RAM disk says on its console, line by line.

export type Said =
  /** The first user program runs; time since the guest's kernel started. */
  | { readonly kind: 'booted'; readonly uptimeMs: number; readonly harts: number }
  /** The first kernel begins. */
  | { readonly kind: 'start' }
  | { readonly kind: 'kernel'; readonly name: string; readonly ms: number; readonly checksum: string }
  | { readonly kind: 'parallel'; readonly copies: number; readonly ms: number }
  /** The shell benchmark is over. */
  | { readonly kind: 'shell'; readonly ms: Readonly<Record<ShellPart, number>> }
  /** All is over; the guest waits for a line before it powers off. */
  | { readonly kind: 'hold'; readonly uptimeMs: number }

export const SHELL_PARTS = ['sha256', 'gzip', 'shloop'] as const
export type ShellPart = (typeof SHELL_PARTS)[number]

const BOOTED = /^BOOTED (\d+\.\d+) nproc=(\d+) \w+$/
const KERNEL = /^B (\w+) +(\d+\.\d) ([0-9a-f]{16})$/
const PARALLEL = /^P [\w,]+ (\d+) (\d+\.\d)$/
const HOLD = /^HOLD (\d+\.\d+)$/
const SHELL = /^T sha256 (\d+\.\d+) (\d+\.\d+) gzip (\d+\.\d+) shloop (\d+\.\d+)$/

/** From seconds with two decimals. */
const toMs = (seconds: string): number => Math.round(Number(seconds) * 1000)

/** What a console line says about the benchmark; undefined for the kernel's messages and the like. */
export function understand(line: string): Said | undefined {
  if (line === 'START') return { kind: 'start' }
  const booted = BOOTED.exec(line)
  if (booted) return { kind: 'booted', uptimeMs: toMs(booted[1]!), harts: Number(booted[2]) }
  const kernel = KERNEL.exec(line)
  if (kernel) return { kind: 'kernel', name: kernel[1]!, ms: Number(kernel[2]), checksum: kernel[3]! }
  const parallel = PARALLEL.exec(line)
  if (parallel) return { kind: 'parallel', copies: Number(parallel[1]), ms: Number(parallel[2]) }
  const hold = HOLD.exec(line)
  if (hold) return { kind: 'hold', uptimeMs: toMs(hold[1]!) }
  const shell = SHELL.exec(line)
  if (!shell) return undefined
  const [t0 = 0, t1 = 0, t2 = 0, t3 = 0] = shell.slice(1).map(toMs)
  return { kind: 'shell', ms: { sha256: t1 - t0, gzip: t2 - t1, shloop: t3 - t2 } }
}
