// The command line on Node.
import { nodeHost } from '../../host/node/host.ts'
import { internalErrorLine } from './parse.ts'
import { run } from './run.ts'

/** Runs `program` on its arguments and ends the process with its exit status. */
export async function main(argv: readonly string[], program: string): Promise<void> {
  const process = nodeHost.process!
  const fail = (error: unknown) => {
    process.writeError(internalErrorLine(program, error))
    process.exit(1)
  }
  process.onUncaught(fail)
  try {
    const assembly = await import('../../vm/machine.ts')
    process.exit(await run(argv, program, { host: nodeHost, assembly, nowMs: () => Date.now() }))
  } catch (error) {
    fail(error)
  }
}
