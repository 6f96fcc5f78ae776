// System instructions, far transfers, input and output: rows for decoding; the processor code does them. Intel SDM volume 1,
// 7.3.10-7.3.17, volume 3, 2.8.
import { cpuLayout, Mode, Seg, segmentField, type SystemName } from './cpu.ts'
import { type Lift, row, type Row } from './row.ts'

const helper = (name: SystemName): Lift => g => g.helper(name)
/** MOV with control and debug registers ignores the operand size: it is that of the mode. */
const REGISTERS = { force64: true }
const none: Lift = () => {}
/** Faults as a load does. */
const touch: Lift = g => void g.read(0)

const swapgs: Lift = g => {
  if (g.mode & Mode.CPL) return g.helper('SWAPGS')
  const base = segmentField(Seg.GS, 'base'), other = cpuLayout.offsets.kernelGsBase, a = g.field(base), b = g.field(other)
  g.setField(base, b)
  g.setField(other, a)
}

export const system: readonly Row[] = [
  row('E4 ib', 'in al, Ib', helper('IN')),
  row('E5 ib', 'in eAX, Ib', helper('IN')),
  row('EC', 'in al, dx', helper('IN')),
  row('ED', 'in eAX, dx', helper('IN')),
  row('E6 ib', 'out Ib, al', helper('OUT')),
  row('E7 ib', 'out Ib, eAX', helper('OUT')),
  row('EE', 'out dx, al', helper('OUT')),
  row('EF', 'out dx, eAX', helper('OUT')),
  row('9A cp', 'call Ap', helper('CALL_FAR'), { no64: true }),
  row('EA cp', 'jmp Ap', helper('JMP_FAR'), { no64: true }),
  row('FF /3', 'call Mp', helper('CALL_FAR')),
  row('FF /5', 'jmp Mp', helper('JMP_FAR')),
  row('CB', 'retf', helper('RET_FAR')),
  row('CA iw', 'retf Iw', helper('RET_FAR')),
  row('CF', 'iretw|iret|iretq', helper('IRET')),
  row('F4', 'hlt', helper('HLT')),
  row('63 /r', 'arpl Ew, Gw', helper('ARPL'), { no64: true, protected: true }),
  row('0F 00 /0', 'sldt Mw', helper('SLDT'), { protected: true }),
  row('0F 00 /0', 'sldt Rv', helper('SLDT'), { protected: true }),
  row('0F 00 /1', 'str Mw', helper('STR'), { protected: true }),
  row('0F 00 /1', 'str Rv', helper('STR'), { protected: true }),
  row('0F 00 /2', 'lldt Ew', helper('LLDT'), { protected: true }),
  row('0F 00 /3', 'ltr Ew', helper('LTR'), { protected: true }),
  row('0F 00 /4', 'verr Ew', helper('VERR'), { protected: true }),
  row('0F 00 /5', 'verw Ew', helper('VERW'), { protected: true }),
  row('0F 01 /0 mem', 'sgdt Ms', helper('SGDT')),
  row('0F 01 /1 mem', 'sidt Ms', helper('SIDT')),
  row('0F 01 /2 mem', 'lgdt Ms', helper('LGDT')),
  row('0F 01 /3 mem', 'lidt Ms', helper('LIDT')),
  row('0F 01 /4', 'smsw Mw', helper('SMSW')),
  row('0F 01 /4', 'smsw Rv', helper('SMSW')),
  row('0F 01 /6', 'lmsw Ew', helper('LMSW')),
  row('0F 01 /7 mem', 'invlpg Mb', helper('INVLPG')),
  row('0F 01 C1', 'vmcall', helper('VMCALL')),
  row('0F 01 D9', 'vmmcall', helper('VMCALL')),
  row('0F 01 C8', 'monitor', helper('MONITOR')),
  row('0F 01 C9', 'mwait', helper('MWAIT')),
  row('0F 01 CA', 'clac', helper('CLAC')),
  row('0F 01 CB', 'stac', helper('STAC')),
  row('0F 01 D0', 'xgetbv', helper('XGETBV')),
  row('0F 01 D1', 'xsetbv', helper('XSETBV')),
  row('0F 01 F8', 'swapgs', swapgs, { only64: true }),
  row('0F 01 F9', 'rdtscp', helper('RDTSCP')),
  row('0F 02 /r', 'lar Gv, Mw', helper('LAR'), { protected: true }),
  row('0F 02 /r', 'lar Gv, Rv', helper('LAR'), { protected: true }),
  row('0F 03 /r', 'lsl Gv, Mw', helper('LSL'), { protected: true }),
  row('0F 03 /r', 'lsl Gv, Rv', helper('LSL'), { protected: true }),
  row('0F 05', 'syscall', helper('SYSCALL')),
  row('0F 06', 'clts', helper('CLTS')),
  row('0F 07', 'sysret', helper('SYSRET')),
  row('0F 08', 'invd', helper('INVD')),
  row('0F 09', 'wbinvd', helper('WBINVD')),
  row('0F 20 /r', 'mov Rq, Cq', helper('MOV_FROM_CR'), REGISTERS),
  row('0F 21 /r', 'mov Rq, Dq', helper('MOV_FROM_DR'), REGISTERS),
  row('0F 22 /r', 'mov Cq, Rq', helper('MOV_TO_CR'), REGISTERS),
  row('0F 23 /r', 'mov Dq, Rq', helper('MOV_TO_DR'), REGISTERS),
  row('0F 30', 'wrmsr', helper('WRMSR')),
  row('0F 31', 'rdtsc', helper('RDTSC')),
  row('0F 32', 'rdmsr', helper('RDMSR')),
  row('0F 33', 'rdpmc', helper('RDPMC')),
  row('0F 34', 'sysenter', helper('SYSENTER')),
  row('0F 35', 'sysexit', helper('SYSEXIT')),
  row('0F A2', 'cpuid', helper('CPUID')),
  row('0F AA', 'rsm', helper('RSM')),
  row('NP 0F AE /0', 'fxsave M', helper('FXSAVE')),
  row('NP 0F AE /1', 'fxrstor M', helper('FXRSTOR')),
  row('NP 0F AE /4', 'xsave M', helper('XSAVE')),
  row('NP 0F AE /5', 'xrstor M', helper('XRSTOR')),
  row('NP 0F AE /6', 'xsaveopt M', helper('XSAVEOPT')),
  row('NP 0F C7 /4', 'xsavec M', helper('XSAVEC')),
  row('F3 0F AE /0 reg', 'rdfsbase Ry', helper('RDFSBASE'), { only64: true }),
  row('F3 0F AE /1 reg', 'rdgsbase Ry', helper('RDGSBASE'), { only64: true }),
  row('F3 0F AE /2 reg', 'wrfsbase Ry', helper('WRFSBASE'), { only64: true }),
  row('F3 0F AE /3 reg', 'wrgsbase Ry', helper('WRGSBASE'), { only64: true }),
  row('NP 0F AE /5 reg', 'lfence', g => g.fence()),
  row('NP 0F AE /6 reg', 'mfence', g => g.fence()),
  row('NP 0F AE /7 reg', 'sfence', none),
  row('NP 0F AE /7', 'clflush Mb', touch),
  row('66 0F AE /7', 'clflushopt Mb', touch),
  row('66 0F AE /6', 'clwb Mb', touch),
  row('F3 0F C7 /7 reg', 'rdpid Rq', helper('RDPID')),
  row('0F C7 /6 reg', 'rdrand Rv', helper('RDRAND')),
  row('0F C7 /7 reg', 'rdseed Rv', helper('RDSEED')),
  row('66 0F 38 82 /r', 'invpcid Gq, M', helper('INVPCID'), { protected: true }),
]

