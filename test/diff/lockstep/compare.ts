// Steps two machines together and finds the first instruction after which they differ.
import { csrName, csrNumbers, FCSR, MSTATUS } from './csrs.ts'
import { keptOf, maskOf } from './differences.ts'
import { type Instruction, instructionAt } from './instruction.ts'
import type { OurSide } from './ours.ts'
import { CORE, CSR0, F0, PC, type Side } from './side.ts'
import { registers } from '../../../src/isa/riscv/cpu.ts'

export type Options = {
  readonly count: number
  /** Our side steps whole blocks. */
  readonly blocks: boolean
  /** Told of what was taken over from QEMU. */
  note(line: string): void
}
export type RegisterDifference = { readonly name: string; readonly before?: bigint; readonly ours: bigint; readonly theirs: bigint }
export type Difference = {
  /** The instruction; several where our side stepped a block. */
  readonly instructions: readonly { readonly at: bigint; readonly text: string }[]
  readonly registers: readonly RegisterDifference[]
  /** The registers of the instruction before it. */
  readonly before: readonly bigint[]
}
export type Result = { readonly instructions: number; readonly taken: number; readonly difference?: Difference }

/** What is rarely changed is compared this often besides. */
const SWEEP = 2048
const MAX_BLOCK = 48

type Executed = { readonly at: bigint; readonly insn: Instruction | undefined }

export const registerName = (n: number): string =>
  n === PC ? 'pc' : n < PC ? registers[n]!.name : n < CSR0 ? registers[32 + n - F0]!.name : csrName(n)

export async function lockstep(ours: OurSide, theirs: Side, o: Options): Promise<Result> {
  const floats = Array.from({ length: 32 }, (_, i) => F0 + i)
  const status = await commonStatus(ours, theirs)
  let core = await theirs.core(), instructions = 0, taken = 0, swept = 0

  const fetch = async (pc: bigint): Promise<Instruction | undefined> => {
    const bytes = await ours.memory(pc, 4)
    return bytes.length >= 2 ? instructionAt(bytes, pc) : undefined
  }
  /** Whether an instruction's result comes from a device. */
  const reads = async (insn: Instruction, x: readonly bigint[]): Promise<boolean> => {
    if (!insn.load) return false
    const pa = await ours.translate(BigInt.asUintN(64, x[insn.load.base]! + insn.load.offset))
    return pa !== undefined && (await ours.physical(Number(pa), 1)).length === 0
  }
  async function compare(numbers: readonly number[]): Promise<RegisterDifference[]> {
    const [mine, other] = [await ours.read(numbers), await theirs.read(numbers)]
    return numbers.flatMap((n, i) => {
      const mask = n >= CSR0 ? maskOf(n - CSR0) : 0n, [a, b] = [mine[i], other[i]]
      if (a === undefined || b === undefined) throw new Error(`${registerName(n)} cannot be read on both sides`)
      return (a ^ b) & ~mask ? [{ name: registerName(n), ours: a, theirs: b }] : []
    })
  }

  /** Steps our side, which keeps its own bits of some status registers. */
  async function stepOurs(insn: Instruction | undefined): Promise<void> {
    const kept = insn?.csr ? keptOf(insn.csr.number) : 0n
    if (kept === 0n) return ours.step()
    const number = CSR0 + insn!.csr!.number, [before] = await ours.read([number])
    await ours.step()
    const [after] = await ours.read([number])
    if ((before! ^ after!) & kept) await ours.write(number, (after! & ~kept) | (before! & kept))
  }

  /** Lets QEMU's side execute what is to be compared next; ours too, if that is one instruction. */
  async function lead(): Promise<{ run: Executed[]; special: boolean; to: readonly bigint[] }> {
    const run: Executed[] = []
    let at = core
    for (;;) {
      const pc = at[PC]!, insn = await fetch(pc)
      const special = insn !== undefined && (await reads(insn, at) || (insn.csr !== undefined && maskOf(insn.csr.number) !== 0n))
      if (run.length > 0 && (special || insn?.waits)) return { run, special: false, to: at }
      run.push({ at: pc, insn })
      if (insn?.waits) {
        for (const side of [ours, theirs]) await side.write(PC, pc + 4n)
        o.note(`0x${pc.toString(16)}: wfi: passed over`)
        return { run, special: true, to: await theirs.core() }
      }
      const alone = !o.blocks || special
      const mine = alone ? stepOurs(insn) : undefined
      await theirs.step()
      at = await theirs.core()
      await mine
      if (alone || !insn || insn.ends || at[PC] !== pc + BigInt(insn.length) || run.length >= MAX_BLOCK)
        return { run, special, to: at }
    }
  }

  /** Lets our side execute the same, in blocks. */
  async function follow(run: readonly Executed[]): Promise<void> {
    for (let done = 0; done >= 0 && done < run.length;) {
      await ours.stepBlock(run.length - done)
      const pc = (await ours.core())[PC]!
      done = run.findIndex((e, i) => i > done && e.at === pc) // -1: it left the run, or is through
    }
  }

  while (instructions < o.count) {
    const before = core
    const { run, special, to } = await lead()
    if (run[0]!.insn?.waits) {
      core = to
      instructions++
      continue
    }
    if (o.blocks && !special) await follow(run)
    const mine = await ours.core()
    instructions += run.length

    const found: RegisterDifference[] = []
    for (let n = 0; n < CORE; n++) {
      if (mine[n] === to[n]) continue
      const { insn, at } = run[0]!
      if (special && n === (insn?.csr ?? insn?.load)!.rd && (!insn?.csr || !((mine[n]! ^ to[n]!) & ~maskOf(insn.csr.number)))) {
        o.note(`0x${at.toString(16)}: ${insn!.text}: ${registerName(n)} = 0x${to[n]!.toString(16)} taken over, not 0x${mine[n]!.toString(16)}`)
        await ours.write(n, to[n]!)
        taken++
      } else found.push({ name: registerName(n), before: before[n]!, ours: mine[n]!, theirs: to[n]! })
    }
    const last = run.at(-1)!, jumped = !last.insn || (!last.insn.ends && to[PC] !== last.at + BigInt(last.insn.length))
    if (run.some(e => e.insn?.float)) found.push(...await compare([...floats, FCSR, MSTATUS]))
    if (jumped || run.some(e => e.insn?.system)) found.push(...await compare(status))
    else if (found.length > 0 || instructions - swept > SWEEP) {
      swept = instructions
      found.push(...await compare([...floats, ...status]))
    }
    if (found.length > 0) {
      const shown = run.map(({ at, insn }) => ({ at, text: insn?.text ?? 'not mapped' }))
      return { instructions, taken, difference: { instructions: shown, registers: unique(found), before } }
    }
    core = to
  }
  return { instructions, taken }
}

const unique = (list: readonly RegisterDifference[]): RegisterDifference[] =>
  [...new Map(list.map(d => [d.name, d])).values()]

/** Status registers that both sides show and that are not wholly explained. */
export async function commonStatus(ours: Side, theirs: Side): Promise<number[]> {
  const all = [...csrNumbers.values()].filter(n => maskOf(n) !== (1n << 64n) - 1n).map(n => CSR0 + n)
  const [a, b] = [await ours.read(all), await theirs.read(all)]
  return all.filter((_, i) => a[i] !== undefined && b[i] !== undefined)
}
