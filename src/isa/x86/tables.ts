// All of x86's tables and the decoder made from them.
import { arith } from './arith.insn.ts'
import { bits } from './bit.insn.ts'
import { control } from './control.insn.ts'
import { data } from './data.insn.ts'
import { Decoder } from './decode.ts'
import { logicRows } from './logic.insn.ts'
import { pairs } from './pair.insn.ts'
import { shifts } from './shift.insn.ts'
import { sseFloats } from './sse-float.insn.ts'
import { sseIntegers } from './sse-int.insn.ts'
import { sseMoves } from './sse-move.insn.ts'
import { sse4 } from './sse4.insn.ts'
import { sse4Strings } from './sse4-string.insn.ts'
import { strings } from './string.insn.ts'
import { system } from './system.insn.ts'
import { x87Rows } from './x87.insn.ts'
import type { Row } from './row.ts'

export const rows: readonly Row[] = [...data, ...arith, ...pairs, ...logicRows, ...shifts, ...strings, ...control, ...bits, ...system,
  ...sseMoves, ...sseIntegers, ...sseFloats, ...sse4, ...sse4Strings, ...x87Rows]
export const decoder = new Decoder(rows)
