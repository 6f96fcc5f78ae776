// The command line on Node.
import { nodeHost } from '../../host/node/host.ts'
import { prepareThreads } from '../../host/node/threads.ts'
import { internalErrorLine } from './parse.ts'
import { run } from './run.ts'

/** What prints something and ends, or wants no threads. */
const ONLY_TELLS = /^-{1,2}(h|help|version)$|^help$|,help$|\?$|thread=single/

/** Runs `program` on its arguments and ends the process with its exit status. */
export async function main(argv: readonly string[], program: string): Promise<void> {
  const process = nodeHost.process!
  const fail = (error: unknown) => {
    process.writeError(internalErrorLine(program, error))
    process.exit(1)
  }
  process.onUncaught(fail)
  // Most invocations run a machine on threads: they start while the modules of this one are loaded.
  if (!argv.some(a => ONLY_TELLS.test(a))) prepareThreads(['cpu', 'compile'])
  try {
    const assembly = await import('../../vm/machine.ts')
    process.exit(await run(argv, program, { host: nodeHost, assembly, nowMs: () => Date.now() }))
  } catch (error) {
    fail(error)
  }
}
