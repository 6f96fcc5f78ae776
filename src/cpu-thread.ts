// Entry point of a processor's thread on Node.
import { setThreadNumber } from './base/lock.ts'
import { nameThread, nowNs, threadData } from './host/node/threads.ts'
import { ExitRequest } from './isa/isa.ts'
import { bindMachine, Control } from './vm/binding.ts'
import { CpuLoop } from './vm/cpu-loop.ts'
import { live } from './vm/life.ts'
import { compilerPort, type CpuThreadData, sendLog } from './vm/threads.ts'
import { wasmFeatures } from './wasm/features.ts'

const { data, ports: [compiler] } = await threadData<CpuThreadData>()
setThreadNumber(data.index + 2)
const thread = nameThread(`CPU ${data.index}/JIT`)
let loop: CpuLoop | undefined
const bound = bindMachine(data.shape, data.memory, nowNs, () => loop?.vcpu.readMail())
loop = new CpuLoop(bound, { ...data, features: wasmFeatures(), compiler: compilerPort(compiler!, bound.views, bound.compilerPlaces) })
const { vcpu } = loop
vcpu.settleLog = sendLog(bound.views, bound.logRings[data.index]!, bound.bell, () => vcpu.core.requestExit(ExitRequest.LOG))
bound.views.i32[(bound.controls[data.index]! + Control.THREAD) >>> 2] = thread ?? 0
try {
  live(bound, data.index, loop)
} finally {
  vcpu.settleLog() // the end of the log tells most of a failure
}
compiler!.post(null) // lets the compiler's side know that nobody asks any more
