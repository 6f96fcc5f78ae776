// The command line on Node.
import { nodeHost } from '../../host/node/host.ts'
import { run } from './run.ts'

/** Runs `program` on its arguments and ends the process with its exit status. */
export async function main(argv: readonly string[], program: string): Promise<void> {
  const assembly = await import('../../vm/machine.ts')
  const status = await run(argv, program, { host: nodeHost, assembly, nowMs: () => Date.now() })
  nodeHost.process!.exit(status)
}
