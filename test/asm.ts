// An assembler for generated programs: instructions by their rows in the tables, labels, branches to them.
import { encode, type Row } from '../src/isa/pattern.ts'
import { decode16, decode32 } from '../src/isa/riscv/decode.ts'

export type AnyRow = Row<never>
export type Insn = { readonly word: number; readonly bytes: number }
export type OperandValues = { readonly [name: string]: number }

const byName = new Map<string, AnyRow>([...decode32.rows, ...decode16.rows].map(r => [r.name, r]))
export function rowOf(name: string): AnyRow {
  const row = byName.get(name)
  if (!row) throw new Error(`no instruction ${name}`)
  return row
}

export function insn(name: string, operands: OperandValues = {}): Insn {
  const row = rowOf(name)
  return { word: encode(row, { aq: 0, rl: 0, ...operands }), bytes: row.bytes }
}

type Fixup = { readonly at: number; readonly label: string; readonly name: string; readonly operands: OperandValues }

export class Asm {
  readonly bytes: Uint8Array
  private readonly view: DataView
  private readonly labels = new Map<string, number>()
  private fixups: Fixup[] = []
  at = 0

  constructor(sizeBytes: number) {
    this.bytes = new Uint8Array(sizeBytes)
    this.view = new DataView(this.bytes.buffer)
  }

  put(i: Insn): this {
    if (i.bytes === 2) this.view.setUint16(this.at, i.word, true)
    else this.view.setUint32(this.at, i.word >>> 0, true)
    this.at += i.bytes
    return this
  }

  op(name: string, operands: OperandValues = {}): this { return this.put(insn(name, operands)) }

  label(name: string): this {
    this.labels.set(name, this.at)
    return this
  }

  /** An instruction whose `imm` is the distance to a label. */
  to(name: string, label: string, operands: OperandValues = {}): this {
    this.fixups.push({ at: this.at, label, name, operands })
    this.at += rowOf(name).bytes
    return this
  }

  /** Skips to the next place with this offset in its page. */
  toPageOffset(offset: number): this {
    this.at += (offset - this.at) & 4095
    return this
  }

  offsetOf(label: string): number | undefined { return this.labels.get(label) }

  /** Fills the distances in. */
  link(): this {
    const end = this.at
    for (const f of this.fixups) {
      const target = this.labels.get(f.label)
      if (target === undefined) throw new Error(`no label ${f.label}`)
      this.at = f.at
      this.put(insn(f.name, { ...f.operands, imm: target - f.at }))
    }
    this.fixups = []
    this.at = end
    return this
  }
}

/** Instructions that load a constant. */
export function loadConstant(a: Asm, rd: number, value: bigint): Asm {
  const v = BigInt.asIntN(64, value), low = BigInt.asIntN(12, v)
  if (v === low) return a.op('addi', { rd, rs1: 0, imm: Number(v) })
  if (v === BigInt.asIntN(32, v)) {
    a.op('lui', { rd, imm: Number(BigInt.asIntN(32, v - low)) })
    return low === 0n ? a : a.op('addiw', { rd, rs1: rd, imm: Number(low) })
  }
  loadConstant(a, rd, (v - low) >> 12n).op('slli', { rd, rs1: rd, shamt: 12 })
  return low === 0n ? a : a.op('addi', { rd, rs1: rd, imm: Number(low) })
}
