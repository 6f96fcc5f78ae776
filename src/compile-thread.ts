// Entry point of the compiler's thread on Node.
import { nameThread, threadData } from './host/node/threads.ts'
import { archSupport } from './vm/arch.ts'
import { type CompileThreadData, compilerIn, sendLog, serveCompiler } from './vm/threads.ts'
import { Watch } from './vm/watch.ts'
import { viewsOf } from './state/views.ts'
import { wasmFeatures } from './wasm/features.ts'

const { data, ports } = threadData<CompileThreadData>()
nameThread('JIT compiler')
const views = viewsOf(data.memory.buffer)
const compiler = compilerIn(archSupport(data.arch).isa, views, data.shape, wasmFeatures(), data, data.passes)
const settleLog = sendLog(views, data.logRing, data.bell, () => {})
serveCompiler(compiler, views, ports, data.cpus, new Watch(views, data.watch), settleLog)
