// Brings both machines to the same place and state: each runs there by itself, then ours takes over what differs (the device
// tree that QEMU makes, what its firmware has counted, registers that a boot ROM leaves behind).
import { VmError } from '../../../src/base/errors.ts'
import { commonStatus, registerName } from './compare.ts'
import { maskOf } from './differences.ts'
import type { OurSide } from './ours.ts'
import { CSR0, F0, PC, type Side } from './side.ts'

const RAM = 0x8000_0000, ROM = 0x1000, ROM_BYTES = 0xf000, PAGE = 4096
const PLAIN = [...Array.from({ length: 32 }, (_, i) => i), ...Array.from({ length: 32 }, (_, i) => F0 + i)]

export async function begin(
  ours: OurSide, theirs: Side, at: bigint, skip: number, note: (line: string) => void,
): Promise<void> {
  await Promise.all([ours.runTo(at), theirs.runTo(at)])
  for (const side of [ours, theirs]) {
    const pc = (await side.core())[PC]!
    if (pc !== at) throw new Error(`${side.name} stopped at 0x${pc.toString(16)}, not at 0x${at.toString(16)}`)
  }
  for (let n = 0; n < skip; n++) await Promise.all([ours.step(), theirs.step()])
  const [here, there] = [(await ours.core())[PC]!, (await theirs.core())[PC]!]
  if (here !== there)
    throw new VmError('cli.usage', `after ${skip} instructions ours is at 0x${here.toString(16)} and QEMU at 0x${there.toString(16)}`, {
      hint: 'compare from the start: leave --skip out',
    })
  await copyMemory(ours, theirs, RAM, ours.ramBytes, (pa, bytes) => ours.writePhysical(pa, bytes), note)
  // Where addresses are virtual, the ROM is far behind.
  if (await ours.translate(BigInt(ROM)) === BigInt(ROM))
    await copyMemory(ours, theirs, ROM, ROM_BYTES, (pa, bytes) => ours.patch(BigInt(pa), bytes), note)
  const status = await commonStatus(ours, theirs)
  await copyRegisters(ours, theirs, [...status, ...PLAIN], note)
}

async function copyMemory(
  ours: Side, theirs: Side, from: number, length: number, write: (pa: number, bytes: Uint8Array) => Promise<void>,
  note: (line: string) => void,
): Promise<void> {
  const [a, b] = [await ours.physical(from, length), await theirs.physical(from, length)]
  let pages = 0
  for (let at = 0; at < length; at += PAGE) {
    const theirPage = b.subarray(at, at + PAGE)
    if (Buffer.compare(a.subarray(at, at + PAGE), theirPage) === 0) continue
    await write(from + at, theirPage)
    pages++
  }
  if (pages > 0) note(`start: ${pages} pages from 0x${from.toString(16)} on are QEMU's`)
}

async function copyRegisters(
  ours: Side, theirs: Side, numbers: readonly number[], note: (line: string) => void,
): Promise<void> {
  const [a, b] = [await ours.read(numbers), await theirs.read(numbers)]
  for (const [i, n] of numbers.entries()) {
    const mask = n >= CSR0 ? maskOf(n - CSR0) : 0n
    if (!((a[i]! ^ b[i]!) & ~mask) || n === 0) continue
    note(`start: ${registerName(n)} is 0x${a[i]!.toString(16)} and in QEMU 0x${b[i]!.toString(16)}`)
    await ours.write(n, (b[i]! & ~mask) | (a[i]! & mask))
    const [now] = await ours.read([n])
    if ((now! ^ b[i]!) & ~mask)
      throw new Error(`${registerName(n)} cannot be 0x${b[i]!.toString(16)}, which it is in QEMU; ours says 0x${now!.toString(16)}`)
  }
}

