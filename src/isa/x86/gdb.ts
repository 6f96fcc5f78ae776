// The processor as gdb sees it: numbers, names and sizes as in gdb's own i386 and x86-64 targets.
import type { DebugRegister, DebugTarget } from '../isa.ts'
import { type Core, flags, isCode64, isLong, segment, selectTlb, setFlags, updateMode, SEG } from './core.ts'
import { Seg } from './cpu.ts'

type Entry = DebugRegister & { readonly type: string; readonly feature: 'core' | 'sse'; get(c: Core): bigint; set(c: Core, v: bigint): void }

const ORDER = [0, 3, 1, 2, 6, 7, 5, 4] // ax bx cx dx si di bp sp
const NAMES = ['ax', 'bx', 'cx', 'dx', 'si', 'di', 'bp', 'sp']
const SEGMENTS = [['cs', Seg.CS], ['ss', Seg.SS], ['ds', Seg.DS], ['es', Seg.ES], ['fs', Seg.FS], ['gs', Seg.GS]] as const
const CONTROL = ['fctrl', 'fstat', 'ftag', 'fiseg', 'fioff', 'foseg', 'fooff', 'fop'] as const

/** pc is a linear address; a debugger wants the offset in CS. */
const base = (c: Core): bigint => (isCode64(c) ? 0n : BigInt(segment(c, Seg.CS, SEG.base) >>> 0))

/** The tag word with two bits for each register: 3 is empty. */
function tagWord(c: Core): number {
  let word = 0
  for (let n = 0; n < 8; n++) if (!(c.s.ftw >> n & 1)) word |= 3 << (2 * n)
  return word
}
const fpu: { readonly [N in (typeof CONTROL)[number]]: readonly [(c: Core) => number, (c: Core, v: number) => void] } = {
  fctrl: [c => c.s.fcw, (c, v) => { c.s.fcw = v }],
  fstat: [c => (c.s.fsw & ~0x3800) | ((c.s.ftop & 7) << 11), (c, v) => {
    c.s.fsw = v & ~0x3800
    c.s.ftop = (v >> 11) & 7
  }],
  ftag: [tagWord, (c, v) => {
    let tags = 0
    for (let n = 0; n < 8; n++) if (((v >> (2 * n)) & 3) !== 3) tags |= 1 << n
    c.s.ftw = tags
  }],
  fiseg: [c => c.s.fcs, (c, v) => { c.s.fcs = v }],
  fioff: [c => Number(c.s.fip & 0xffffffffn), (c, v) => { c.s.fip = BigInt(v >>> 0) }],
  foseg: [c => c.s.fds, (c, v) => { c.s.fds = v }],
  fooff: [c => Number(c.s.fdp & 0xffffffffn), (c, v) => { c.s.fdp = BigInt(v >>> 0) }],
  fop: [c => c.s.fop, (c, v) => { c.s.fop = v }],
}

function entries(wide: boolean): Entry[] {
  const bits = wide ? 64 as const : 32 as const, out: Entry[] = []
  const add = (name: string, size: Entry['bits'], type: string, read: Entry['get'], write: Entry['set'], feature: Entry['feature'] = 'core') =>
    out.push({ number: out.length, name, bits: size, general: feature === 'core' || name !== '', type, feature, get: read, set: write })
  const mask = (v: bigint) => BigInt.asUintN(bits, v)
  for (let i = 0; i < (wide ? 16 : 8); i++) {
    const n = i < 8 ? ORDER[i]! : i, name = i < 8 ? `${wide ? 'r' : 'e'}${NAMES[i]}` : `r${i}`
    const pointer = i === 6 || i === 7
    add(name, bits, pointer ? 'data_ptr' : wide ? 'int64' : 'int32', c => mask(c.s.gpr.get(n)), (c, v) => c.s.gpr.set(n, mask(v)))
  }
  add(wide ? 'rip' : 'eip', bits, 'code_ptr', c => mask(c.s.pc - base(c)), (c, v) => { c.s.pc = BigInt.asUintN(isLong(c) ? 64 : 32, v + base(c)) })
  add('eflags', 32, 'i386_eflags', c => BigInt(flags(c) >>> 0), (c, v) => setFlags(c, Number(BigInt.asIntN(32, v)), -1))
  for (const [name, seg] of SEGMENTS)
    add(name, 32, 'int32', c => BigInt(segment(c, seg, SEG.selector) & 0xffff), () => {})
  for (let n = 0; n < 8; n++) {
    const at = (c: Core) => (c.s.ftop + n) & 7
    add(`st${n}`, 80, 'i387_ext', c => (BigInt(c.s.fpExponent[at(c)]!) << 64n) | c.s.fpMantissa.get(at(c)), (c, v) => {
      c.s.fpMantissa.set(at(c), BigInt.asUintN(64, v))
      c.s.fpExponent[at(c)] = Number((v >> 64n) & 0xffffn)
    })
  }
  for (const name of CONTROL) {
    const [read, write] = fpu[name]
    add(name, 32, 'int', c => BigInt(read(c) >>> 0), (c, v) => write(c, Number(v & 0xffffffffn)))
  }
  for (let n = 0; n < (wide ? 16 : 8); n++)
    add(`xmm${n}`, 128, 'vec128', c => (c.s.xmm.get(2 * n + 1) << 64n) | c.s.xmm.get(2 * n), (c, v) => {
      c.s.xmm.set(2 * n, BigInt.asUintN(64, v))
      c.s.xmm.set(2 * n + 1, BigInt.asUintN(64, v >> 64n))
    }, 'sse')
  add('mxcsr', 32, 'i386_mxcsr', c => BigInt(c.s.mxcsr), (c, v) => { c.s.mxcsr = Number(v & 0xffffn) }, 'sse')
  return out
}

const FLAG_NAMES = ['CF', '', 'PF', '', 'AF', '', 'ZF', 'SF', 'TF', 'IF', 'DF', 'OF', '', '', 'NT', '', 'RF', 'VM', 'AC', 'VIF', 'VIP', 'ID']
const MXCSR_NAMES = ['IE', 'DE', 'ZE', 'OE', 'UE', 'PE', 'DAZ', 'IM', 'DM', 'ZM', 'OM', 'UM', 'PM', '', '', 'FZ']
const flagsType = (id: string, names: readonly string[]) =>
  `  <flags id="${id}" size="4">\n${names.flatMap((name, bit) => (name ? [`    <field name="${name}" start="${bit}" end="${bit}"/>\n`] : [])).join('')}  </flags>\n`
const VECTOR = `  <vector id="v4f" type="ieee_single" count="4"/>
  <vector id="v2d" type="ieee_double" count="2"/>
  <vector id="v16i8" type="int8" count="16"/>
  <vector id="v8i16" type="int16" count="8"/>
  <vector id="v4i32" type="int32" count="4"/>
  <vector id="v2i64" type="int64" count="2"/>
  <union id="vec128">
    <field name="v4_float" type="v4f"/>
    <field name="v2_double" type="v2d"/>
    <field name="v16_int8" type="v16i8"/>
    <field name="v8_int16" type="v8i16"/>
    <field name="v4_int32" type="v4i32"/>
    <field name="v2_int64" type="v2i64"/>
    <field name="uint128" type="uint128"/>
  </union>
`

function xmlOf(list: readonly Entry[], wide: boolean): Record<string, string> {
  const prefix = wide ? '64bit' : '32bit'
  const feature = (name: 'core' | 'sse', types: string) => `<?xml version="1.0"?>
<!DOCTYPE feature SYSTEM "gdb-target.dtd">
<feature name="org.gnu.gdb.i386.${name}">
${types}${list.filter(r => r.feature === name).map(r => `  <reg name="${r.name}" bitsize="${r.bits}" type="${r.type}" regnum="${r.number}"/>\n`).join('')}</feature>
`
  return {
    'target.xml': `<?xml version="1.0"?>
<!DOCTYPE target SYSTEM "gdb-target.dtd">
<target>
  <architecture>${wide ? 'i386:x86-64' : 'i386'}</architecture>
  <xi:include href="${prefix}-core.xml"/>
  <xi:include href="${prefix}-sse.xml"/>
</target>
`,
    [`${prefix}-core.xml`]: feature('core', flagsType('i386_eflags', FLAG_NAMES)),
    [`${prefix}-sse.xml`]: feature('sse', VECTOR + flagsType('i386_mxcsr', MXCSR_NAMES)),
  }
}

const targets = [false, true].map(wide => {
  const list = entries(wide)
  const indexOf = (name: string) => list.findIndex(r => r.name === name)
  return { list, xml: xmlOf(list, wide), pc: indexOf(wide ? 'rip' : 'eip'), plain: indexOf('gs') + 1 }
})

/** Segment registers are shown, not changed: a debugger does not give what loading one needs. */
export function debugTarget(c: Core): DebugTarget {
  const { list, xml, pc, plain } = targets[c.model.has('lm') ? 1 : 0]!
  return {
    xml, registers: list, pc, plain, control: [],
    read: number => list[number]?.get(c),
    write(number, value) {
      const r = list[number]
      if (!r) return false
      r.set(c, value)
      updateMode(c)
      selectTlb(c)
      return true
    },
  }
}
