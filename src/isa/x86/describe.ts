// The registers of a processor and of its local APIC as text, in the form that QEMU's monitor gives them; memory types.
import { currentCount, ppr } from './apic.ts'
import { type Core, cplOf, flags, isCode64, isLong, isProtected } from './core.ts'
import { type CpuState, Flag, Seg } from './cpu.ts'
import { Attribute } from './segment.ts'

const hex = (n: bigint | number, digits: number): string => BigInt.asUintN(4 * digits, BigInt(n)).toString(16).padStart(digits, '0')

const LEGACY = ['AX', 'BX', 'CX', 'DX', 'SI', 'DI', 'BP', 'SP'], ORDER = [0, 3, 1, 2, 6, 7, 5, 4]
const SEGMENTS = [['ES', Seg.ES], ['CS', Seg.CS], ['SS', Seg.SS], ['DS', Seg.DS], ['FS', Seg.FS], ['GS', Seg.GS], ['LDT', Seg.LDTR],
  ['TR', Seg.TR]] as const
/** Types of system descriptors. Intel SDM volume 3, table 3-2; outside and in long mode. */
const TYPES = [
  ['Reserved', 'TSS16-avl', 'LDT', 'TSS16-busy', 'CallGate16', 'TaskGate', 'IntGate16', 'TrapGate16', 'Reserved', 'TSS32-avl', 'Reserved',
    'TSS32-busy', 'CallGate32', 'Reserved', 'IntGate32', 'TrapGate32'],
  ['<hiword>', 'Reserved', 'LDT', 'Reserved', 'Reserved', 'Reserved', 'Reserved', 'Reserved', 'Reserved', 'TSS64-avl', 'Reserved', 'TSS64-busy',
    'CallGate64', 'Reserved', 'IntGate64', 'TrapGate64'],
]

export function describeRegisters(c: Core, index: number): string {
  const { s } = c, wide = isCode64(c), digits = wide ? 16 : 8, rfl = flags(c)
  const value = (n: bigint | number) => hex(n, digits)
  const names = wide
    ? [...LEGACY.map(n => `R${n}`), ...Array.from({ length: 8 }, (_, i) => `R${i + 8}`.padEnd(3))] : LEGACY.map(n => `E${n}`)
  const registers = names.map((name, i) => `${name}=${value(s.gpr.get(i < 8 ? ORDER[i]! : i))}`)
  const letter = (bit: number, name: string) => (rfl & bit ? name : '-')
  const arithmetic = [[Flag.DF, 'D'], [Flag.OF, 'O'], [Flag.SF, 'S'], [Flag.ZF, 'Z'], [Flag.AF, 'A'], [Flag.PF, 'P'], [Flag.CF, 'C']] as const
  const ip = wide ? s.pc : s.pc - s.seg[Seg.CS]!.base
  const control = (name: string, n: bigint | number, d = digits) => `${name}=${hex(n, d)}`
  return [
    `\nCPU#${index}`,
    ...rows(registers, 4),
    `${wide ? 'RIP' : 'EIP'}=${value(ip)} ${wide ? 'RFL' : 'EFL'}=${hex(rfl, 8)} [${arithmetic.map(([bit, name]) => letter(bit, name)).join('')}]`
      + ` CPL=${cplOf(c)} II=${s.shadow ? 1 : 0} A20=${s.a20 ? 1 : 0} SMM=0 HLT=${s.halted ? 1 : 0}`,
    ...SEGMENTS.map(([name, n]) => segmentLine(c, name, n, digits)),
    `GDT=     ${value(s.gdtBase)} ${hex(s.gdtLimit, 8)}`,
    `IDT=     ${value(s.idtBase)} ${hex(s.idtLimit, 8)}`,
    [control('CR0', s.cr0, 8), control('CR2', s.cr2), control('CR3', s.cr3), control('CR4', s.cr4, 8)].join(' '),
    [0, 1, 2, 3].map(n => `${control(`DR${n}`, s.dr.get(n), 16)} `).join(''),
    `${control('DR6', s.dr.get(6), 16)} ${control('DR7', s.dr.get(7), 16)}`,
    control('EFER', s.efer, 16),
    ...floating(s, wide ? 16 : 8),
  ].join('\n')
}

const rows = (cells: readonly string[], perRow: number): string[] =>
  Array.from({ length: Math.ceil(cells.length / perRow) }, (_, i) => cells.slice(i * perRow, (i + 1) * perRow).join(' '))

function segmentLine(c: Core, name: string, n: number, digits: number): string {
  const { selector, base, limit, attributes: a } = c.s.seg[n]!
  // As the descriptor's second word; of the limit it holds four bits, in pages where G is set.
  const word = (a << 8) | (limit >>> (a & Attribute.G ? 28 : 16) & 15) << 16
  const head = `${name.padEnd(3)}=${hex(selector, 4)} ${hex(base, digits)} ${hex(limit, 8)} ${hex(word, 8)}`
  if (!isProtected(c) || !(a & Attribute.PRESENT)) return head
  const dpl = ` DPL=${(a & Attribute.DPL) >> 5} `
  if (!(a & Attribute.S)) return head + dpl + TYPES[isLong(c) ? 1 : 0]![a & Attribute.TYPE]
  const bit = (mask: number, letter: string) => (a & mask ? letter : '-')
  const width = a & Attribute.DB ? '32' : '16'
  const kind = a & Attribute.CODE
    ? `${(a & Attribute.L ? 'CS64' : `CS${width}`)} [${bit(Attribute.EXPAND_DOWN, 'C')}${bit(Attribute.READABLE, 'R')}`
    : `${a & Attribute.DB || isLong(c) ? 'DS  ' : 'DS16'} [${bit(Attribute.EXPAND_DOWN, 'E')}${bit(Attribute.WRITABLE, 'W')}`
  return `${head}${dpl}${kind}${bit(Attribute.ACCESSED, 'A')}]`
}

function floating(s: CpuState, registers: number): string[] {
  const xmm = Array.from({ length: registers }, (_, n) =>
    `XMM${String(n).padStart(2, '0')}=${hex(s.xmm.get(2 * n + 1), 16)} ${hex(s.xmm.get(2 * n), 16)}`)
  const x87 = Array.from({ length: 8 }, (_, n) => `FPR${n}=${hex(s.fpMantissa.get(n), 16)} ${hex(s.fpExponent[n]!, 4)}`)
  const status = (s.fsw & ~0x3800) | ((s.ftop & 7) << 11)
  return [
    `FCW=${hex(s.fcw, 4)} FSW=${hex(status, 4)} [ST=${s.ftop & 7}] FTW=${hex(s.ftw, 2)} MXCSR=${hex(s.mxcsr, 8)}`,
    ...rows(x87, 2), ...rows(xmm, 2),
  ]
}

// The local APIC.

const DELIVERY = ['Fixed', 'LowPri', 'SMI', '...', 'NMI', 'INIT', 'SIPI', 'ExtINT']
const TIMER_MODES = ['one-shot', 'periodic', 'tsc-deadline', '...']
const SHORTHANDS = ['no-shorthand', 'self', 'all-self', 'all']
/** In the order of the text: name, index in the table, whether it is the timer's. */
const LVTS = [['LVT0', 3], ['LVT1', 4], ['LVTPC', 2], ['LVTERR', 5], ['LVTTHMR', 1], ['LVTT', 0]] as const
const TIMER_ENTRY = 0

export function describeApic(c: Core, index: number): string {
  const { s } = c, divide = 1 << ((((s.apicDivide & 3) | ((s.apicDivide & 8) >> 1)) + 1) & 7)
  return [
    `dumping local APIC state for CPU ${index} `, '',
    ...LVTS.map(([name, n]) => lvtLine(name, s.apicLvt[n]!, n === TIMER_ENTRY)),
    `Timer\t DCR=0x${hex(s.apicDivide, 1)} (divide by ${divide}) initial_count = ${s.apicInitial >>> 0} current_count = ${currentCount(c) >>> 0}`,
    `SPIV\t 0x${hex(s.apicSvr, 8)} APIC ${s.apicSvr & 0x100 ? 'enabled' : 'disabled'}, focus=${s.apicSvr & 0x200 ? 'on' : 'off'}, spurious vec ${s.apicSvr & 0xff}`,
    ...commandLines(s),
    `ESR\t 0x${hex(s.apicEsr, 8)}`,
    `ISR\t ${vectors(s, s.apicIsr)}`,
    `IRR\t ${vectors(s, s.apicIrr)}`, '',
    `APR 0x00 TPR 0x${hex(s.apicTpr, 2)} DFR 0x${hex(s.apicDfr >>> 28, 2)} LDR 0x${hex(s.apicLdr >>> 24, 2)} PPR 0x${hex(ppr(c), 2)}`,
  ].join('\n')
}

function lvtLine(name: string, entry: number, timer: boolean): string {
  const mode = (entry >> 8) & 7
  const vector = mode === 4 || mode === 5 ? '' : ` (vec ${entry & 0xff})`
  return `${name}\t 0x${hex(entry, 8)} ${entry & 0x2000 ? 'active-lo' : 'active-hi'} ${entry & 0x8000 ? 'level' : 'edge '} `
    + `${entry & 0x10000 ? 'masked' : '      '} ${entry & 0x1000 ? 'pending' : '       '} ${(timer ? TIMER_MODES[(entry >> 17) & 3]! : '').padEnd(12)} `
    + `${DELIVERY[mode]!.padEnd(6)}${vector}`
}

function commandLines(s: CpuState): string[] {
  const lo = Number(s.apicIcr & 0xffffffffn), hi = Number(s.apicIcr >> 32n), logical = (lo & 0x800) !== 0, shorthand = (lo >> 18) & 3
  const destination = shorthand ? '' : logical ? ` mask ${(hi >>> 24).toString(2).padStart(8, '0')} (APIC ID)` : ` cpu ${hi >>> 24} (APIC ID)`
  return [
    `ICR\t 0x${hex(lo, 8)} ${logical ? 'logical' : 'physical'} ${lo & 0x8000 ? 'level' : 'edge'} ${lo & 0x4000 ? 'assert' : 'de-assert'} ${SHORTHANDS[shorthand]}`,
    `ICR2\t 0x${hex(hi, 8)}${destination}`,
  ]
}

/** Vectors whose bits are set; those that are levels say so. */
function vectors(s: CpuState, bits: ArrayLike<number>): string {
  const found: string[] = []
  for (let v = 0; v < 256; v++) {
    const of = (words: ArrayLike<number>) => words[v >> 5]! >>> (v & 31) & 1
    if (of(bits)) found.push(`${v}${of(s.apicTmr) ? '(level)' : ''}`)
  }
  return found.join(' ') || '(none)'
}

/** What a processor waits for: what `info irq` adds to the counts of the controllers. */
export function describeInterrupts(c: Core): string {
  const { s } = c
  return `  IF=${flags(c) & Flag.IF ? 1 : 0}, requested: ${vectors(s, s.apicIrr)}, in service: ${vectors(s, s.apicIsr)}, NMI ${s.nmiBlocked ? 'held off' : 'let through'}`
}

// Memory types. Intel SDM volume 3, 12.11.

const MEMORY_TYPES: { readonly [type: number]: string } = { 0: 'uncachable', 1: 'write-combining', 4: 'write-through', 5: 'write-protect', 6: 'write-back' }
/** Where each fixed register begins, and the size of its eight ranges. */
const FIXED = [[0, 0x10000], [0x80000, 0x4000], [0xa0000, 0x4000], ...Array.from({ length: 8 }, (_, i) => [0xc0000 + 0x8000 * i, 0x1000])] as const

export function describeMemoryTypes({ s }: Core): string {
  const on = Number(s.mtrrDefType), type = (n: number) => MEMORY_TYPES[n] ?? `type ${n}`
  const lines = [`default ${type(on & 0xff)}, ${on & 0x800 ? 'enabled' : 'disabled'}, fixed ranges ${on & 0x400 ? 'on' : 'off'}`]
  let last: { from: number; end: number; type: number } | undefined
  const flush = () => { if (last) lines.push(`fixed    ${hex(last.from, 8)}-${hex(last.end - 1, 8)} ${type(last.type)}`) }
  FIXED.forEach(([base, size], n) => {
    for (let i = 0; i < 8; i++) {
      const from = base + size * i, t = Number((s.mtrrFixed.get(n) >> BigInt(8 * i)) & 0xffn)
      if (last?.type === t && last.end === from) last.end += size
      else {
        flush()
        last = { from, end: from + size, type: t }
      }
    }
  })
  flush()
  for (let n = 0; n < s.mtrrVariable.length / 2; n++) {
    const base = s.mtrrVariable.get(2 * n), mask = s.mtrrVariable.get(2 * n + 1)
    if (mask & 0x800n) lines.push(`variable base=${hex(base & ~0xfffn, 16)} mask=${hex(mask & ~0xfffn, 16)} ${type(Number(base & 0xffn))}`)
  }
  return lines.join('\n')
}
