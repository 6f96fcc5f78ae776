// Entry point of the compiler's thread on Node.
import { Compiler } from './accel/jit/tier1/compiler.ts'
import { nameThread, threadData } from './host/node/threads.ts'
import { archSupport } from './vm/arch.ts'
import { type CompileThreadData, serveCompiler } from './vm/threads.ts'
import { viewsOf } from './state/views.ts'
import { wasmFeatures } from './wasm/features.ts'

const { data, ports } = threadData<CompileThreadData>()
nameThread('JIT compiler')
const views = viewsOf(data.memory.buffer)
const compiler = new Compiler(archSupport(data.arch).isa, views, wasmFeatures(), data.shape, data.tables)
serveCompiler(compiler, views, ports, data.states)
