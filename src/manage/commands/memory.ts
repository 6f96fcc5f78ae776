// Looking at memory and registers, and saving memory to files.
import { disassembler } from '../monitor/scope.ts'
import { dumpLines, formatNumber, instructionLines, LONGEST, parseFormat } from '../monitor/examine.ts'
import { badArgument } from './arguments.ts'
import { command, type CommandContext } from './command.ts'

const CHUNK = 1 << 20

const examineArgs = {
  format: { type: 'format', help: 'count, x d u o c i, and size b h w g' },
  address: { type: 'integer', help: 'where; left out: where the last dump ended', optional: true },
} as const

async function examine(ctx: CommandContext, formatText: string, address: bigint | undefined,
  read: (at: bigint, length: number) => Promise<Uint8Array>): Promise<string> {
  const format = parseFormat(formatText, ctx.examined)
  const at = BigInt.asUintN(64, address ?? ctx.examined.next)
  ctx.examined.format = format.format
  ctx.examined.size = format.size
  if (format.format === 'i') {
    const { text, length } = instructionLines(
      await read(at, format.count * LONGEST),
      at,
      format.count,
      disassembler(ctx),
    )
    ctx.examined.next = at + BigInt(length)
    return text
  }
  const length = format.count * format.size
  const bytes = await read(at, length)
  ctx.examined.next = at + BigInt(length)
  return dumpLines(bytes, at, format)
}

const readPhysical = async (ctx: CommandContext, at: bigint, length: number): Promise<Uint8Array> =>
  at > BigInt(Number.MAX_SAFE_INTEGER) ? new Uint8Array(0) : ctx.machine.readPhysical(Number(at), length)

async function* inPieces(
  at: bigint,
  size: bigint,
  read: (at: bigint, length: number) => Promise<Uint8Array>,
): AsyncIterable<Uint8Array> {
  for (let done = 0n; done < size; ) {
    const wanted = Number(size - done < BigInt(CHUNK) ? size - done : BigInt(CHUNK))
    const bytes = await read(at + done, wanted)
    if (bytes.length < wanted)
      throw badArgument(`no memory at 0x${(at + done + BigInt(bytes.length)).toString(16)}`)
    yield bytes
    done += BigInt(wanted)
  }
}

const saveArgs = {
  val: { type: 'integer', help: 'where' },
  size: { type: 'integer', help: 'bytes' },
  filename: { type: 'word', help: 'the file' },
} as const

export const memoryCommands = [
  command({
    hmp: ['x'], help: 'shows memory at a virtual address', args: examineArgs,
    run: (ctx, { format, address }) =>
      examine(ctx, format, address, async (at, n) => ctx.machine.debug.readMemory(ctx.cpu, at, n)),
  }),
  command({
    hmp: ['xp'], help: 'shows memory at a physical address', args: examineArgs,
    run: (ctx, { format, address }) => examine(ctx, format, address, (at, n) => readPhysical(ctx, at, n)),
  }),
  command({
    hmp: ['print', 'p'], help: 'shows the value of an expression; $NAME is a register',
    args: { format: { type: 'format', help: 'x d u o c' }, value: { type: 'integer', help: 'expression' } },
    run: (_ctx, { format, value }) =>
      `${formatNumber(value, parseFormat(format, { format: 'x', size: 8 }).format, 8, true)}\n`,
  }),
  command({
    hmp: ['sum'], help: 'a 16-bit sum over physical memory (rotate right, add)',
    args: { start: { type: 'integer', help: 'where' }, size: { type: 'integer', help: 'bytes' } },
    async run(ctx, { start, size }) {
      let sum = 0
      for await (const bytes of inPieces(start, size, (at, n) => readPhysical(ctx, at, n)))
        for (const b of bytes) sum = (((sum >> 1) | (sum << 15)) + b) & 0xffff
      return `${String(sum).padStart(5, '0')}\n`
    },
  }),
  command({
    hmp: ['gva2gpa'],
    help: 'the physical address of a virtual one',
    args: { address: { type: 'integer', help: 'virtual address' } },
    async run(ctx, { address }) {
      const pa = await ctx.machine.debug.translate(ctx.cpu, address)
      return pa === undefined ? 'Unmapped\n' : `gpa: 0x${pa.toString(16)}\n`
    },
  }),
  command({
    hmp: ['memsave'], qmp: 'memsave', help: 'saves virtual memory to a file',
    args: { ...saveArgs, 'cpu-index': { type: 'integer', help: 'whose memory', optional: true } },
    async run(ctx, { val, size, filename, 'cpu-index': cpu }) {
      const index = cpu === undefined ? ctx.cpu : Number(cpu)
      if (!ctx.machine.cpus[index]) throw badArgument(`no processor ${index}`)
      await ctx.host.files.writeChunks(filename,
        inPieces(val, size, async (at, n) => ctx.machine.debug.readMemory(index, at, n)))
    },
  }),
  command({
    hmp: ['pmemsave'], qmp: 'pmemsave', help: 'saves physical memory to a file', args: saveArgs,
    run: (ctx, { val, size, filename }) =>
      ctx.host.files.writeChunks(filename, inPieces(val, size, (at, n) => readPhysical(ctx, at, n))),
  }),
]
