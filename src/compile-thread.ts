// Entry point of the compiler's thread on Node.
import { nameThread, threadData } from './host/node/threads.ts'
import { archSupport } from './vm/arch.ts'
import { type CompileThreadData, compilerIn, serveCompiler } from './vm/threads.ts'
import { viewsOf } from './state/views.ts'
import { wasmFeatures } from './wasm/features.ts'

const { data, ports } = threadData<CompileThreadData>()
nameThread('JIT compiler')
const views = viewsOf(data.memory.buffer)
serveCompiler(compilerIn(archSupport(data.arch).isa, views, data.shape, wasmFeatures(), data, data.passes), views, ports, data.cpus)
