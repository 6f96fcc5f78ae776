import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ExitRequest } from '../../isa.ts'
import { fixtures, type Fixture, RAM } from '../fixture.ts'
import { HsmState } from '../cpu.ts'
import { fenceHere } from './sbi.ts'
import { sbiBoot } from './hsm.ts'

const BASE = 0x10n, TIME = 0x54494d45n, IPI = 0x735049n, RFNC = 0x52464e43n, HSM = 0x48534dn,
  SRST = 0x53525354n, DBCN = 0x4442434en
const OK = 0n, FAILED = -1n, NOT_SUPPORTED = -2n, INVALID_PARAM = -3n, INVALID_ADDRESS = -5n,
  ALREADY_AVAILABLE = -6n
const ALL = 0xffffffffffffffffn

/** `count` harts, the first of them started; what the platform was asked for. */
function machine(count = 3) {
  const log: string[] = [], out: number[] = [], input: number[] = []
  const harts: Fixture[] = fixtures(count, (views, states) => ({
    views, harts: states,
    kick(hart) {
      log.push(`kick ${hart}`)
      harts[hart]!.s.exitRequest |= ExitRequest.INTERRUPT
    },
    remoteFence(hart, fence) {
      log.push(`fence ${hart} ${fence.kind}`)
      fenceHere(harts[hart]!, fence)
    },
    reset(kind, failure) { log.push(`${kind} ${failure}`) },
    console: { put: byte => out.push(byte) < 8, get: () => input.shift() ?? -1 },
  }))
  harts.forEach((h, i) => sbiBoot(h.s, i ? undefined : { address: 0x80000200n, opaque: 0x82000000n }))
  assert.ok(harts[0]!.cpu.interrupt())
  const take = () => log.splice(0)
  const call = (hart: number, ext: bigint, fid: bigint, ...args: bigint[]): [bigint, bigint] => {
    const { s, cpu } = harts[hart]!
    for (let i = 0; i < 6; i++) s.x.set(10 + i, args[i] ?? 0n)
    s.x.set(16, fid)
    s.x.set(17, ext)
    const { pc } = s
    cpu.system(1, 0x73)
    assert.equal(s.pc, pc + 4n)
    return [BigInt.asIntN(64, s.x.get(10)), s.x.get(11)]
  }
  return { harts, call, take, out, input }
}

test('the first hart starts in supervisor mode with its number and the device tree, the others wait', () => {
  const { harts } = machine(), { s } = harts[0]!
  assert.deepEqual([s.priv, s.pc, s.x.get(10), s.x.get(11), s.satp, s.halted],
    [1, 0x80000200n, 0n, 0x82000000n, 0n, 0])
  assert.deepEqual([s.medeleg, s.mideleg, s.mcounteren, s.mode & 3], [0xb1ffn, 0x222n, 0xffffffffn, 1])
  assert.ok(harts[0]!.cpu.translate(RAM | 0, 0, 1, harts[0]!.tlb[1], 8)?.whole)
  for (const h of harts.slice(1)) {
    h.s.mie = h.s.mip = 0x222n
    assert.deepEqual([h.s.halted, h.cpu.wakes(), h.cpu.interrupt()], [1, false, false])
  }
})

test('without the built-in SBI, and from user mode with it, ECALL traps', () => {
  const { harts } = machine(), { s, cpu } = harts[0]!
  s.priv = 0
  cpu.refresh()
  cpu.system(1, 0x73)
  assert.deepEqual([s.priv, s.scause], [1, 8n])
})

test('base: version, probing, identification', () => {
  const { call } = machine()
  assert.deepEqual(call(0, BASE, 0n), [OK, 0x2000000n])
  for (const ext of [BASE, TIME, IPI, RFNC, HSM, SRST, DBCN, 0n, 1n, 2n, 8n])
    assert.deepEqual(call(0, BASE, 3n, ext), [OK, 1n])
  for (const ext of [3n, 0x504d55n, 0x53555350n, (1n << 32n) | BASE])
    assert.deepEqual(call(0, BASE, 3n, ext), [OK, 0n])
  for (const fid of [4n, 5n, 6n]) assert.deepEqual(call(0, BASE, fid), [OK, 0n])
  assert.deepEqual(call(0, BASE, 7n), [NOT_SUPPORTED, 0n])
})

test('what does not exist is not supported', () => {
  const { call } = machine()
  for (const ext of [TIME, IPI, RFNC, HSM, SRST, DBCN])
    assert.deepEqual(call(0, ext, 9n), [NOT_SUPPORTED, 0n])
  for (const ext of [0x504d55n, 9n, TIME | (1n << 33n)])
    assert.deepEqual(call(0, ext, 0n), [NOT_SUPPORTED, 0n])
  assert.deepEqual(call(0, TIME, 1n << 32n), [NOT_SUPPORTED, 0n])
})

test('TIME: pending when reached, cleared by the next', () => {
  const { harts, call } = machine(), [h] = harts as [Fixture]
  h.now = 1000
  assert.deepEqual(call(0, TIME, 0n, 100n), [OK, 0n])
  assert.equal(h.armed, 10_000)
  h.now = 10_000
  h.s.mie = 0x20n
  h.s.mstatus |= 2n
  assert.ok(h.cpu.interrupt())
  assert.equal(h.s.scause, (1n << 63n) | 5n)
  call(0, TIME, 0n, ALL)
  assert.deepEqual([h.armed, h.cpu.wakes()], [Infinity, false])
})

test('IPI: by mask and base, or to all', () => {
  const { harts, call, take } = machine()
  const pending = () => harts.map(h => (h.s.lines >> 1) & 1)
  assert.deepEqual(call(0, IPI, 0n, 0b11n, 1n), [OK, 0n])
  assert.deepEqual([pending(), take()], [[0, 1, 1], ['kick 1', 'kick 2']])
  call(0, IPI, 0n, 0n, ALL)
  assert.deepEqual(pending(), [1, 1, 1])
  assert.deepEqual(call(0, IPI, 0n, 1n, 3n), [INVALID_PARAM, 0n])
  assert.deepEqual(call(0, IPI, 0n, 1n << 40n, 0n), [INVALID_PARAM, 0n])
  assert.deepEqual(call(0, IPI, 0n, 0n, 99n), [OK, 0n])
})

test('RFENCE: instructions, ranges, ASIDs, here and there', () => {
  const { harts, call, take } = machine(2), calls = () => harts.map(h => h.take())
  calls()
  assert.deepEqual(call(0, RFNC, 0n, 3n, 0n), [OK, 0n])
  assert.deepEqual([take(), calls()], [['fence 1 fence.i'], [['code'], ['code']]])
  call(0, RFNC, 1n, 2n, 0n, 0xffffffff_fffff800n, 0x1000n)
  assert.deepEqual([take(), calls()], [['fence 1 sfence.vma'], [[], ['flush fffffffffffff000', 'flush 0']]])
  call(0, RFNC, 1n, 2n, 0n, 0x3f_9234_5000n, 0x2000n)
  assert.deepEqual([take(), calls()], [['fence 1 sfence.vma'], [[], ['flush 3f92345000', 'flush 3f92346000']]])
  call(0, RFNC, 2n, 1n, 0n, 0x12345000n, 0x1001n, 77n)
  assert.deepEqual(calls(), [['flush 12345000 asid 77', 'flush 12346000 asid 77'], []])
  for (const [start, size] of [[0n, 0n], [0n, ALL], [0x1000n, 1n << 30n]] as const) {
    call(0, RFNC, 1n, 0n, ALL, start, size)
    assert.deepEqual(calls(), [['flush'], ['flush']])
    call(0, RFNC, 2n, 0n, ALL, start, size, 5n)
    assert.deepEqual(calls(), [['flush asid 5'], ['flush asid 5']])
  }
  assert.deepEqual(call(0, RFNC, 3n, 0n, ALL), [NOT_SUPPORTED, 0n])
})

test('HSM: start, status, stop, start again', () => {
  const { harts, call, take } = machine(), h = harts[1]!, status = () => call(0, HSM, 2n, 1n)
  assert.deepEqual(status(), [OK, 1n])
  assert.deepEqual(call(0, HSM, 0n, 1n, 0x1000n, 0n), [INVALID_ADDRESS, 0n])
  assert.deepEqual(call(0, HSM, 0n, 7n, BigInt(RAM), 0n), [INVALID_PARAM, 0n])
  assert.deepEqual(call(0, HSM, 0n, 1n, BigInt(RAM + 64), 0x123456789abcn), [OK, 0n])
  assert.deepEqual([status(), take()], [[OK, 2n], ['kick 1']])
  assert.deepEqual(call(0, HSM, 0n, 1n, BigInt(RAM), 0n), [ALREADY_AVAILABLE, 0n])
  assert.ok(h.cpu.wakes() && h.cpu.interrupt())
  assert.deepEqual([h.s.priv, h.s.pc, h.s.x.get(10), h.s.x.get(11), h.s.halted],
    [1, BigInt(RAM + 64), 1n, 0x123456789abcn, 0])
  assert.deepEqual(status(), [OK, 0n])
  assert.deepEqual(call(0, HSM, 0n, 0n, BigInt(RAM), 0n), [ALREADY_AVAILABLE, 0n])
  call(1, HSM, 1n)
  assert.deepEqual([status(), h.s.halted, h.cpu.wakes()], [[OK, 1n], 1, false])
  assert.deepEqual(call(0, HSM, 0n, 1n, BigInt(RAM), 0n), [OK, 0n])
  assert.ok(h.cpu.interrupt())
})

test('HSM: a suspended hart waits for an interrupt', () => {
  const { harts, call } = machine(2), [h] = harts as [Fixture]
  call(0, HSM, 0n, 1n, BigInt(RAM), 0n)
  harts[1]!.cpu.interrupt()
  assert.deepEqual(call(0, HSM, 3n, 0n), [OK, 0n])
  assert.deepEqual(call(1, HSM, 2n, 0n), [OK, BigInt(HsmState.SUSPENDED)])
  h.s.mie = 2n
  assert.equal(h.cpu.wakes(), false)
  call(1, IPI, 0n, 1n, 0n)
  assert.equal(h.cpu.wakes(), true)
  h.s.halted = 0
  assert.deepEqual(call(1, HSM, 2n, 0n), [OK, 0n])
  assert.deepEqual(call(0, HSM, 3n, 0x80000000n), [NOT_SUPPORTED, 0n])
  assert.deepEqual(call(0, HSM, 3n, 5n), [INVALID_PARAM, 0n])
})

test('SRST', () => {
  const { harts, call, take } = machine()
  call(0, SRST, 0n, 0n, 0n)
  harts[0]!.s.mie = harts[0]!.s.mip = 2n
  assert.deepEqual([harts[0]!.s.halted, harts[0]!.cpu.wakes()], [1, false])
  call(0, SRST, 0n, 1n, 1n)
  call(0, SRST, 0n, 2n, 0n)
  assert.deepEqual(take(), ['shutdown false', 'coldReboot true', 'warmReboot false'])
  assert.deepEqual(call(0, SRST, 0n, 3n, 0n), [INVALID_PARAM, 0n])
  assert.deepEqual(call(0, SRST, 0n, 0n, 2n), [INVALID_PARAM, 0n])
  assert.deepEqual(take(), [])
})

test('DBCN: bytes through memory and one by one', () => {
  const { harts, call, out, input } = machine(), [h] = harts as [Fixture]
  h.write(RAM + 0x100, 0x6f6c6c6568n)
  assert.deepEqual(call(0, DBCN, 0n, 5n, BigInt(RAM + 0x100), 0n), [OK, 5n])
  assert.equal(String.fromCharCode(...out), 'hello')
  assert.deepEqual(call(0, DBCN, 0n, 5n, BigInt(RAM + 0x100), 0n), [OK, 2n], 'full')
  assert.deepEqual(call(0, DBCN, 0n, 5n, 0x1000n, 0n), [INVALID_PARAM, 0n])
  assert.deepEqual(call(0, DBCN, 0n, 5n, BigInt(RAM), 1n), [INVALID_PARAM, 0n])
  input.push(0x41, 0x42)
  assert.deepEqual(call(0, DBCN, 1n, 8n, BigInt(RAM + 0x200), 0n), [OK, 2n])
  assert.equal(h.read(RAM + 0x200), 0x4241n)
  out.length = 0
  assert.deepEqual(call(0, DBCN, 2n, 0x158n), [OK, 0n])
  assert.deepEqual(out, [0x58])
  out.length = 8
  assert.deepEqual(call(0, DBCN, 2n, 0x58n), [FAILED, 0n])
})

test('legacy calls give one result and leave a1', () => {
  const { harts, call, take, out, input } = machine()
  assert.deepEqual(call(0, 1n, 0n, 0x41n, 99n), [0n, 99n])
  assert.deepEqual(out, [0x41])
  input.push(7)
  assert.deepEqual(call(0, 2n, 0n, 0n, 99n), [7n, 99n])
  assert.deepEqual(call(0, 2n, 0n, 0n, 99n), [-1n, 99n])
  call(0, 0n, 0n, 500n)
  assert.equal(harts[0]!.armed, 50_000)
  call(0, 8n, 0n)
  assert.deepEqual(take(), ['shutdown false'])
})
