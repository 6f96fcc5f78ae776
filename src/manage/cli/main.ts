// The command line on Node.
import { nodeHost } from '../../host/node/host.ts'
import type { Assembly } from '../../vm/control.ts'
import { run } from './run.ts'

/** Runs `program` on its arguments and ends the process with its exit status. */
export async function main(argv: readonly string[], program: string): Promise<void> {
  const assembly: Assembly = await import(new URL('../../vm/machine.ts', import.meta.url).href)
  const status = await run(argv, program, { host: nodeHost, assembly, nowMs: () => Date.now() })
  nodeHost.process!.exit(status)
}
