// Checks a block. What must hold:
//
//   1. Operations have known numbers. Every operand is an earlier operation that makes a value of the
//      signature's type.
//   2. A block that is not empty has exactly one operation that ends it: the last.
//   3. It begins with an instruction mark. Marks follow each other without gaps, and add up to the block's
//      size and count.
//   4. Registers exist, and are read and written with their own type. Fields are aligned.
//   5. Accesses fit the type of their value. Atomics have a known kind.
//   6. Precise faults: within an instruction no access to memory, and no way out in its middle, comes after a
//      write of a register or a field, so that an instruction which does not complete has changed nothing but
//      memory.
//   7. `uses` counts the operands that name an operation.
import type { Block } from './block.ts'
import { arity, AmoKind, effects, MemOp, op, opNames, resultType, rows, type Type } from './ops.ts'

const KNOWN_AMO = new Set<number>(Object.values(AmoKind))
const ACCESS_BITS = MemOp.SIZE | MemOp.SIGNED | MemOp.ALIGNED | MemOp.STACK | MemOp.UPDATE
const MAX_SIZE: Record<Type, number> = { i: 2, l: 3, f: 2, d: 3, v: 3 }

/** The first thing that is wrong, or undefined. `registers` gives the type of each register, if known. */
export function verify(b: Block, registers?: readonly Type[]): string | undefined {
  const uses = new Int32Array(b.n)
  let size = 0, insns = 0, written = false
  for (let i = 0; i < b.n; i++) {
    const row = b.op[i]!, name = opNames[row], last = i === b.n - 1
    const at = `%${i} ${name}`
    if (name === undefined) return `%${i}: unknown operation ${row}`
    const { sig } = rows[row]!, effect = effects[row]!
    for (const [k, v] of [b.a[i]!, b.b[i]!, b.c[i]!].slice(0, arity[row]!).entries()) {
      if (v < 0 || v >= i) return `${at}: operand ${k} is %${v}, which is not earlier`
      const type = resultType[b.op[v]!]
      if (type !== sig[k]) return `${at}: operand %${v} has type '${type}', not '${sig[k]}'`
      uses[v]!++
    }
    if ((effect === 'end') !== last) return `${at}: ${last ? 'the block has no end' : 'an end in the middle'}`
    if (i === 0 && effect !== 'mark') return `${at}: no instruction has begun`
    if (effect === 'mark') {
      if (b.lo[i] !== size) return `${at}: at offset ${b.lo[i]}, not ${size}`
      if (b.hi[i]! <= 0) return `${at}: length ${b.hi[i]}`
      size += b.hi[i]!
      insns++
      written = false
    }
    const mayLeave = effect === 'memory' || effect === 'leave'
    if (written && mayLeave) return `${at}: comes after a register was written`
    if (name.startsWith('set')) written = true
    const wrong = immediates(b, i, registers)
    if (wrong) return `${at}: ${wrong}`
  }
  if (size !== b.sizeBytes) return `instructions take ${size} bytes, not ${b.sizeBytes}`
  if (insns !== b.insns) return `${insns} instructions, not ${b.insns}`
  for (let i = 0; i < b.n; i++) {
    if (uses[i] !== b.uses[i]) return `%${i}: used ${uses[i]} times, not ${b.uses[i]}`
  }
  return undefined
}

function immediates(b: Block, i: number, registers?: readonly Type[]): string | undefined {
  const lo = b.lo[i]!
  const [family, suffix] = opNames[b.op[i]!]!.split('.') as [string, Type?]
  switch (family) {
    case 'get':
    case 'set':
      if (lo < 0 || (registers && lo >= registers.length)) return `no register ${lo}`
      if (registers && registers[lo] !== suffix) return `register ${lo} has type '${registers[lo]}'`
      return undefined
    case 'field':
    case 'setfield':
      return lo < 0 || lo % (suffix === 'l' ? 8 : 4) !== 0 ? `field at ${lo}` : undefined
    case 'load':
    case 'store': {
      if ((lo & ~ACCESS_BITS) !== 0) return `access ${lo}`
      const size = lo & MemOp.SIZE, max = MAX_SIZE[suffix!]
      const exact = suffix === 'f' || suffix === 'd'
      if (lo & MemOp.UPDATE && family === 'store') return 'a store that updates'
      return size > max || (exact && size < max) ? `${1 << size} bytes of type '${suffix}'` : undefined
    }
    case 'fill':
    case 'copy':
      return (lo & ~MemOp.SIZE) !== 0 ? `access ${lo}` : undefined
    case 'amo':
    case 'cas':
      if ((lo & 0xff & ~ACCESS_BITS) !== 0) return `access ${lo & 0xff}`
      if (family === 'cas' ? lo >> 8 !== 0 : !KNOWN_AMO.has(lo >> 8)) return `kind ${lo >> 8}`
      return undefined
    default:
      return b.op[i] === op['i32.const'] && b.hi[i] !== 0 ? 'bits above 32' : undefined
  }
}
