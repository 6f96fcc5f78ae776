// From the command to the first guest instruction, told by the first byte of a guest that does nothing else.
// Beside it what it takes to start the bare Node.
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Engine, ROOT } from './engines.ts'
import { type Session, type SessionOptions, runSession } from './session.ts'
import { median } from './statistics.ts'
import { alternate, type Pair } from './suite.ts'

const REPEAT = 5, TIMEOUT_SECONDS = 60

/** RISC-V, position-independent: a newline to the UART, then off at the first byte that comes back. */
const PROGRAM = Uint32Array.of(
  0x1000_02b7, //          lui  t0, 0x10000      UART
  0x00a0_0313, //          li   t1, '\n'
  0x0062_8023, //          sb   t1, 0(t0)        transmitter
  0x0052_c303, // wait:    lbu  t1, 5(t0)        line status
  0x0013_7313, //          andi t1, t1, 1        data ready
  0xfe03_0ce3, //          beqz t1, wait
  0x0010_02b7, //          lui  t0, 0x100        test finisher
  0x0000_5337, //          lui  t1, 5
  0x5553_0313, //          addi t1, t1, 0x555    pass
  0x0062_a023, //          sw   t1, 0(t0)
  0x0000_006f, // end:     j    end
)

export interface Start {
  /** To the first byte: elapsed, and processor time of all threads. */
  readonly ms: number
  readonly cpuMs: number
}

export interface Starts {
  readonly engines: Pair<Start>
  readonly node: Start
}

const middle = (sessions: readonly Session[]): Start => ({
  ms: median(sessions.map(({ first }) => first.atMs)),
  cpuMs: median(sessions.map(({ first }) => first.cpuMs)),
})

/** Answers the first line, which is the first byte. */
const answer: SessionOptions = { timeoutSeconds: TIMEOUT_SECONDS, onLine: (_, { send }) => send('.') }

export async function measureStarts(engines: Pair<Engine>, note: (text: string) => void): Promise<Starts> {
  const program = join(ROOT, '.cache/bench/first-byte.bin')
  await mkdir(dirname(program), { recursive: true })
  await writeFile(program, PROGRAM)
  const args = ['-smp', '1', '-m', '512', '-nographic', '-bios', 'none', '-kernel', program]
  const node = ['-e', 'process.stdout.write("\\n"); process.stdin.once("data", () => process.exit())']
  const nodes: Session[] = []
  const run = (engine: Engine) => runSession([...engine.command, ...args], answer)
  const runs = await alternate(engines, REPEAT, run)
  for (let i = 0; i < REPEAT; i++) nodes.push(await runSession([process.execPath, ...node], answer))
  note(`start: ${REPEAT} times each`)
  return { engines: [middle(runs[0]), middle(runs[1])], node: middle(nodes) }
}
