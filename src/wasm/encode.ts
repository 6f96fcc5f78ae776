// WebAssembly modules, assembled at run time. A module is made of imports, then functions whose indices are
// final at once, so that functions can call each other in any order; finish() puts the sections together in
// one allocation. After the WebAssembly Core Specification 2.0, section 5.5, with the threads and memory64
// proposals' limits.
//
//   const m = moduleBuilder()
//   m.importMemory('env', 'memory', { min: 1, max: 65536, shared: true })
//   const log = m.importFunction('env', 'log', m.type([I32], []))
//   const f = m.function(m.type([], []), { name: 'riscv:80000000', export: 'f' })
//   f.i32c(1).call(log)
//   new WebAssembly.Module(m.finish())
//
// Not supported: several memories, 64-bit tables, tags, component model.

import { F32_CONST, F64_CONST, GLOBAL_GET, I32_CONST, I64_CONST, END, REF_NULL } from './opcodes.ts'
import { Bytes, sizeOfU32, type Buffer8 } from './bytes.ts'
import {
  Code, type Callee, type DataIndex, type FuncIndex, type GlobalIndex, type TableIndex, type TypeIndex,
} from './code.ts'
import { EXTERNREF, F32, F64, FUNCREF, I32, I64, type ValType } from './table.ts'

export {
  Code, VOID, type Callee, type DataIndex, type FuncIndex, type GlobalIndex, type Label, type TableIndex,
  type TypeIndex,
} from './code.ts'
export { EXTERNREF, F32, F64, FUNCREF, I32, I64, V128, type ValType } from './table.ts'

/** In pages of 64 KiB. */
export interface MemoryType { min: number, max?: number, shared?: boolean, memory64?: boolean }
export interface TableType { min: number, max?: number, type?: ValType }
/** Where an active segment begins: a constant, or an imported global that the instance provides. */
export type SegmentOffset = number | { global: GlobalIndex }
export interface FunctionOptions { name?: string, export?: string }

const SECTION = {
  CUSTOM: 0, TYPE: 1, IMPORT: 2, FUNCTION: 3, TABLE: 4, MEMORY: 5, GLOBAL: 6, EXPORT: 7, START: 8, ELEMENT: 9,
  CODE: 10, DATA: 11, DATA_COUNT: 12,
}
const KIND = { FUNCTION: 0, TABLE: 1, MEMORY: 2, GLOBAL: 3 }
const NAMES = { MODULE: 0, FUNCTIONS: 1 }

export function moduleBuilder(name?: string): ModuleBuilder {
  return new ModuleBuilder(name)
}

export class ModuleBuilder {
  private readonly name: string | undefined
  private readonly typeIndex = new Map<string, TypeIndex>()
  private readonly typeParams: (readonly ValType[])[] = []
  private readonly types = new Section()
  private readonly imports = new Section()
  private readonly tables = new Section()
  private readonly memories = new Section()
  private readonly globals = new Section()
  private readonly exports = new Section()
  private readonly elements = new Section()
  private readonly segments = new Section()
  private readonly names = new Section()
  private readonly functions: Code[] = []
  private importedFunctions = 0
  private tableCount = 0
  private globalCount = 0
  private memory64: boolean | undefined
  private startFunction = -1

  constructor(name?: string) {
    this.name = name
  }

  /** The index of a function type; the same types give the same index. */
  type(params: readonly ValType[], results: readonly ValType[]): TypeIndex {
    const key = params.join() + ':' + results.join()
    let index = this.typeIndex.get(key)
    if (index === undefined) {
      index = this.types.count++ as TypeIndex
      this.typeIndex.set(key, index)
      this.typeParams.push(params)
      this.types.u8(0x60)
      for (const list of [params, results]) {
        this.types.u32(list.length)
        for (const type of list) this.types.u8(type & 0x7f)
      }
    }
    return index
  }

  // Imports

  importFunction(module: string, name: string, type: TypeIndex, functionName?: string): FuncIndex {
    if (this.functions.length) throw new Error(`import ${module}.${name} after the first function`)
    this.import(module, name, KIND.FUNCTION)
    this.imports.u32(type)
    const index = this.importedFunctions++ as FuncIndex
    if (functionName !== undefined) this.nameFunction(index, functionName)
    return index
  }

  importMemory(module: string, name: string, type: MemoryType): void {
    this.import(module, name, KIND.MEMORY)
    this.memoryType(this.imports, type)
  }

  importTable(module: string, name: string, type: TableType): TableIndex {
    if (this.tables.count) throw new Error(`import ${module}.${name} after the first table`)
    this.import(module, name, KIND.TABLE)
    tableType(this.imports, type)
    return this.tableCount++ as TableIndex
  }

  importGlobal(module: string, name: string, type: ValType, mutable = false): GlobalIndex {
    if (this.globals.count) throw new Error(`import ${module}.${name} after the first global`)
    this.import(module, name, KIND.GLOBAL)
    this.imports.u8(type & 0x7f)
    this.imports.u8(mutable ? 1 : 0)
    return this.globalCount++ as GlobalIndex
  }

  // Definitions

  function(type: TypeIndex, options: FunctionOptions = {}): Code {
    const params = this.typeParams[type]
    if (!params) throw new RangeError(`no function type ${type}`)
    const code = new Code((this.importedFunctions + this.functions.length) as FuncIndex, type, params)
    this.functions.push(code)
    if (options.name !== undefined) this.nameFunction(code.index, options.name)
    if (options.export !== undefined) this.exportFunction(options.export, code)
    return code
  }

  memory(type: MemoryType): void {
    this.memories.count++
    this.memoryType(this.memories, type)
  }

  table(type: TableType): TableIndex {
    this.tables.count++
    tableType(this.tables, type)
    return this.tableCount++ as TableIndex
  }

  /** An i64 starts as two halves, a floating-point number as itself, a reference null. */
  global(type: ValType, mutable: boolean, lo = 0, hi = lo < 0 ? -1 : 0): GlobalIndex {
    const out = this.globals
    out.count++
    out.u8(type & 0x7f)
    out.u8(mutable ? 1 : 0)
    switch (type) {
      case I32: out.u8(I32_CONST); out.s32(lo); break
      case I64: out.u8(I64_CONST); out.s64(lo, hi); break
      case F32: out.u8(F32_CONST); out.f32(lo); break
      case F64: out.u8(F64_CONST); out.f64(lo); break
      case FUNCREF: case EXTERNREF: out.u8(REF_NULL); out.u8(type & 0x7f); break
      default: throw new Error(`not implemented: a global of type ${type}`)
    }
    out.u8(END)
    return this.globalCount++ as GlobalIndex
  }

  exportFunction(name: string, callee: Callee): void {
    this.export(name, KIND.FUNCTION, typeof callee === 'number' ? callee : callee.index)
  }

  exportMemory(name: string): void {
    this.export(name, KIND.MEMORY, 0)
  }

  exportTable(name: string, table: TableIndex): void {
    this.export(name, KIND.TABLE, table)
  }

  exportGlobal(name: string, global: GlobalIndex): void {
    this.export(name, KIND.GLOBAL, global)
  }

  /** Runs when the module is instantiated. */
  start(callee: Callee): void {
    this.startFunction = typeof callee === 'number' ? callee : callee.index
  }

  /** Functions written into a table when the module is instantiated. */
  elementsAt(table: TableIndex, offset: SegmentOffset, callees: readonly Callee[]): void {
    const out = this.elements
    out.count++
    out.u8(table ? 2 : 0)
    if (table) out.u32(table)
    segmentOffset(out, offset, false)
    if (table) out.u8(0)
    calleeList(out, callees)
  }

  /** Makes functions known to `ref.func` and does nothing else. */
  declareElements(callees: readonly Callee[]): void {
    this.elements.count++
    this.elements.u8(3)
    this.elements.u8(0)
    calleeList(this.elements, callees)
  }

  /** Bytes written to memory when the module is instantiated. */
  dataAt(offset: SegmentOffset, bytes: Uint8Array): void {
    this.segments.u8(0)
    segmentOffset(this.segments, offset, this.memory64 ?? false)
    this.dataBytes(bytes)
  }

  /** Bytes for `memory.init`. */
  passiveData(bytes: Uint8Array): DataIndex {
    this.segments.u8(1)
    this.dataBytes(bytes)
    return (this.segments.count - 1) as DataIndex
  }

  /** The module's bytes. The builder and its functions cannot be used afterwards. */
  finish(): Buffer8 {
    const { functions } = this
    const declarations = new Bytes()
    const starts: number[] = []
    let codeSize = sizeOfU32(functions.length)
    for (const code of functions) {
      code.finish()
      starts.push(declarations.length)
      code.writeLocals(declarations)
      const size = declarations.length - starts[starts.length - 1] + code.length
      codeSize += sizeOfU32(size) + size
    }
    starts.push(declarations.length)

    const out = new Bytes()
    out.grow(codeSize + this.segments.length + this.elements.length + this.names.length + 4096)
    out.word(0x6d736100)
    out.word(1)
    this.types.write(out, SECTION.TYPE)
    this.imports.write(out, SECTION.IMPORT)
    const kinds = new Section()
    for (const code of functions) kinds.u32(code.type)
    kinds.count = functions.length
    kinds.write(out, SECTION.FUNCTION)
    this.tables.write(out, SECTION.TABLE)
    this.memories.write(out, SECTION.MEMORY)
    this.globals.write(out, SECTION.GLOBAL)
    this.exports.write(out, SECTION.EXPORT)
    if (this.startFunction >= 0) {
      out.u8(SECTION.START)
      out.u32(sizeOfU32(this.startFunction))
      out.u32(this.startFunction)
    }
    this.elements.write(out, SECTION.ELEMENT)
    if (this.segments.count) {
      out.u8(SECTION.DATA_COUNT)
      out.u32(sizeOfU32(this.segments.count))
      out.u32(this.segments.count)
    }
    this.writeHints(out, starts)
    if (functions.length) {
      out.u8(SECTION.CODE)
      out.u32(codeSize)
      out.u32(functions.length)
      functions.forEach((code, i) => {
        out.u32(starts[i + 1] - starts[i] + code.length)
        out.append(declarations.data.subarray(starts[i], starts[i + 1]))
        out.append(code.data.subarray(0, code.length))
        code.release()
      })
    }
    this.segments.write(out, SECTION.DATA)
    this.writeNames(out)
    const bytes = out.copy()
    const { types, imports, tables, memories, globals, exports, elements, segments, names } = this
    for (const used of [
      out, declarations, kinds, types, imports, tables, memories, globals, exports, elements, segments, names,
    ]) used.release()
    return bytes
  }

  private import(module: string, name: string, kind: number): void {
    this.imports.count++
    this.imports.name(module)
    this.imports.name(name)
    this.imports.u8(kind)
  }

  private export(name: string, kind: number, index: number): void {
    this.exports.count++
    this.exports.name(name)
    this.exports.u8(kind)
    this.exports.u32(index)
  }

  private nameFunction(index: FuncIndex, name: string): void {
    this.names.count++
    this.names.u32(index)
    this.names.name(name)
  }

  private memoryType(out: Bytes, { min, max, shared = false, memory64 = false }: MemoryType): void {
    if (this.memory64 !== undefined) throw new Error('not implemented: several memories in a module')
    if (shared && max === undefined) throw new Error('a shared memory needs a maximum')
    this.memory64 = memory64
    out.u8((max === undefined ? 0 : 1) | (shared ? 2 : 0) | (memory64 ? 4 : 0))
    out.u53(min)
    if (max !== undefined) out.u53(max)
  }

  private dataBytes(bytes: Uint8Array): void {
    this.segments.count++
    this.segments.u32(bytes.length)
    this.segments.append(bytes)
  }

  /** The section of the branch hinting proposal: offsets count from a function's declarations of locals on. An engine that does
   * not know it passes it over. */
  private writeHints(out: Bytes, starts: readonly number[]): void {
    const hinted = this.functions.flatMap((code, i) => (code.hints.length ? [{ code, declared: starts[i + 1] - starts[i] }] : []))
    if (!hinted.length) return
    const section = new Section()
    section.name('metadata.code.branch_hint')
    section.u32(hinted.length)
    for (const { code, declared } of hinted) {
      section.u32(code.index)
      section.u32(code.hints.length)
      for (const { at, likely } of code.hints) {
        section.u32(declared + at)
        section.u32(1)
        section.u8(likely ? 1 : 0)
      }
    }
    out.u8(SECTION.CUSTOM)
    out.sized(section)
    section.release()
  }

  /** The name section (core specification, appendix 7.4): what stack traces and profilers show. */
  private writeNames(out: Bytes): void {
    if (this.name === undefined && !this.names.count) return
    const section = new Section()
    section.name('name')
    if (this.name !== undefined) {
      const name = new Section()
      name.name(this.name)
      section.u8(NAMES.MODULE)
      section.sized(name)
      name.release()
    }
    this.names.write(section, NAMES.FUNCTIONS)
    out.u8(SECTION.CUSTOM)
    out.sized(section)
    section.release()
  }
}

/** The content of a section that is a list. */
class Section extends Bytes {
  count = 0

  write(out: Bytes, id: number): void {
    if (!this.count) return
    out.u8(id)
    out.u32(sizeOfU32(this.count) + this.length)
    out.u32(this.count)
    out.append(this.data.subarray(0, this.length))
  }
}

function tableType(out: Bytes, { min, max, type = FUNCREF }: TableType): void {
  out.u8(type & 0x7f)
  out.u8(max === undefined ? 0 : 1)
  out.u32(min)
  if (max !== undefined) out.u32(max)
}

function segmentOffset(out: Bytes, offset: SegmentOffset, memory64: boolean): void {
  if (typeof offset !== 'number') {
    out.u8(GLOBAL_GET)
    out.u32(offset.global)
  } else if (memory64) {
    out.u8(I64_CONST)
    out.s64(offset, Math.floor(offset / 0x1_0000_0000))
  } else {
    out.u8(I32_CONST)
    out.s32(offset)
  }
  out.u8(END)
}

function calleeList(out: Bytes, callees: readonly Callee[]): void {
  out.u32(callees.length)
  for (const callee of callees) out.u32(typeof callee === 'number' ? callee : callee.index)
}
