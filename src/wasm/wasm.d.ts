// The WebAssembly JavaScript interface as far as Typevisor uses it. TypeScript has these types in its DOM
// library only, and the core compiles without the DOM: it runs in workers and in Node as well. Shared
// memories, 64-bit addresses, and `js-api` of the threads and memory64 proposals are included; streaming
// compilation is not.

declare namespace WebAssembly {
  type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128' | 'anyfunc' | 'externref'
  type ImportExportKind = 'function' | 'table' | 'memory' | 'global' | 'tag'
  type ExportValue = Function | Memory | Table | Global
  type Exports = Record<string, ExportValue>
  type ImportValue = ExportValue | ((...args: never[]) => unknown) | number | bigint
  type Imports = Record<string, Record<string, ImportValue>>
  /** Bytes that a compiler may read: never the view of a shared buffer, which browsers refuse. */
  type Source = ArrayBuffer | ArrayBufferView<ArrayBuffer>

  interface ModuleExportDescriptor { name: string, kind: ImportExportKind }
  interface ModuleImportDescriptor { module: string, name: string, kind: ImportExportKind }

  class Module {
    constructor(bytes: Source)
    static exports(module: Module): ModuleExportDescriptor[]
    static imports(module: Module): ModuleImportDescriptor[]
    static customSections(module: Module, name: string): ArrayBuffer[]
  }

  class Instance {
    constructor(module: Module, imports?: Imports)
    readonly exports: Exports
  }

  /** Sizes are in pages of 64 KiB: numbers, or BigInts where `address` is `i64`. */
  interface MemoryDescriptor {
    initial: number | bigint
    maximum?: number | bigint
    shared?: boolean
    address?: 'i32' | 'i64'
  }

  class Memory {
    constructor(descriptor: MemoryDescriptor)
    readonly buffer: ArrayBuffer | SharedArrayBuffer
    grow(pages: number): number
    grow(pages: bigint): bigint
  }

  interface TableDescriptor { element: 'anyfunc' | 'externref', initial: number, maximum?: number }

  class Table {
    constructor(descriptor: TableDescriptor, value?: unknown)
    readonly length: number
    get(index: number): any
    set(index: number, value?: unknown): void
    grow(by: number, value?: unknown): number
  }

  interface GlobalDescriptor { value: ValueType, mutable?: boolean }

  class Global {
    constructor(descriptor: GlobalDescriptor, value?: any)
    value: any
    valueOf(): any
  }

  /** An exported function: 64-bit parameters and results are BigInts. */
  interface Function { (...args: any[]): any }

  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}

  interface InstantiatedSource { module: Module, instance: Instance }

  function validate(bytes: Source): boolean
  function compile(bytes: Source): Promise<Module>
  function instantiate(bytes: Source, imports?: Imports): Promise<InstantiatedSource>
  function instantiate(module: Module, imports?: Imports): Promise<Instance>
}
