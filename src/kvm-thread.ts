// Entry point on Node of the thread of a processor that the kernel runs.
import { setThreadNumber } from './base/lock.ts'
import { nodeNative } from './host/node/native.ts'
import { nameThread, nowNs, threadData } from './host/node/threads.ts'
import { ExitRequest } from './isa/isa.ts'
import { bindMachine, Control } from './vm/binding.ts'
import { KvmLoop, type KvmThreadData } from './vm/kvm-loop.ts'
import { live } from './vm/life.ts'
import { sendLog } from './vm/threads.ts'

const { data, ports: [port] } = await threadData<KvmThreadData>()
const native = nodeNative()
if (native.missing !== undefined) throw new Error(native.reason) // the main thread has it
setThreadNumber(data.index + 2)
nameThread(`CPU ${data.index}/KVM`)
const bound = bindMachine(data.shape, data.memory, nowNs, () => {})
const loop = new KvmLoop(bound, native, data, failure => port!.post(failure))
loop.settleLog = sendLog(bound.views, bound.logRings[data.index]!, bound.bell,
  () => void Atomics.or(bound.views.i32, bound.cpus[data.index]!.state >>> 2, ExitRequest.LOG))
bound.views.i32[(bound.controls[data.index]! + Control.THREAD) >>> 2] = native.threadId()
try {
  live(bound, data.index, loop)
} finally {
  loop.settleLog() // the end of the log tells most of a failure
  loop.vcpu.close()
}
