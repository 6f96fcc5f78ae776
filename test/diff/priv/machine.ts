// The smallest machine around our processor code that the programs run on: the IR evaluator instead of the
// recompiler, no TLB at all, RAM, a transmitter, CLINT and the test finisher at the `virt` board's addresses.
// A clock of its own: 100 ns an instruction. Slow, and right by being short.
import { readFileSync } from 'node:fs'
import { floatContext, type Rounding } from '../../../src/base/softfloat.ts'
import { Builder } from '../../../src/ir/build.ts'
import type { Block } from '../../../src/ir/block.ts'
import { evaluate, type EvalMachine } from '../../../src/ir/eval.ts'
import { MemOp } from '../../../src/ir/ops.ts'
import { Access, type CpuServices, ExitRequest, Fault } from '../../../src/isa/isa.ts'
import { hartLayout, Mmu } from '../../../src/isa/riscv/cpu.ts'
import { makeCpu } from '../../../src/isa/riscv/processor.ts'
import { riscv64 } from '../../../src/isa/riscv/riscv64.ts'
import { bind } from '../../../src/state/bind.ts'
import { viewsOf } from '../../../src/state/views.ts'

const RAM = 0x80000000, STATE = 0x1000, HOST = 0x10000
const UART = 0x10000000, FINISHER = 0x100000, CLINT = 0x2000000
const MSIP = 1 << 3, MTIP = 1 << 7

/** Loads the segments of a 64-bit little-endian ELF file; its entry point. */
function loadElf(path: string, put: (pa: number, bytes: Uint8Array) => void): bigint {
  const b = readFileSync(path)
  if (b.readUInt32BE(0) !== 0x7f454c46) throw new Error(`${path} is no ELF file`)
  const at = Number(b.readBigUInt64LE(32)), size = b.readUInt16LE(54), n = b.readUInt16LE(56)
  for (let i = 0; i < n; i++) {
    const h = at + i * size
    if (b.readUInt32LE(h) !== 1) continue
    const [offset, , pa, bytes] = [8, 16, 24, 32].map(o => Number(b.readBigUInt64LE(h + o)))
    put(pa!, b.subarray(offset!, offset! + bytes!))
  }
  return b.readBigUInt64LE(24)
}

export type RunResult = { output: string; instructions: number; finished: boolean }

const unused = (): never => { throw new Error('a service that harts have no use for') }

/** Runs a program until it finishes, or for so many instructions. */
export function runProgram(elf: string, maxInstructions = 20_000_000, ramBytes = 32 << 20): RunResult {
  const views = viewsOf(new SharedArrayBuffer(HOST + ramBytes)), { data, i32 } = views
  const s = bind(hartLayout, views, STATE)
  let now = 0, armed = Infinity, mtimecmp = Infinity, output = '', finished = false, instructions = 0
  let dataMode: number = Mmu.MACHINE, fetchMode: number = Mmu.MACHINE
  /** Blocks by physical page; an instruction fence drops those of pages that were written. */
  const blocks = new Map<number, Map<string, Block>>(), written = new Set<number>()
  const hostOf = (pa: number) => (pa >= RAM && pa < RAM + ramBytes ? pa - RAM + HOST : -1)
  const request = () => { s.exitRequest |= ExitRequest.INTERRUPT }
  const services: CpuServices = {
    hart: 0,
    ramAt: hostOf,
    casWord(pa, expectedLo, expectedHi, lo, hi) {
      const i = hostOf(pa) / 4
      if (i32[i] !== (expectedLo | 0) || i32[i + 1] !== (expectedHi | 0)) return false
      i32[i] = lo
      i32[i + 1] = hi
      return true
    },
    casHalf: unused, read: unused, write: unused,
    nowNs: () => now,
    flushTlb() {},
    flushPage() {},
    selectTlb(_space, mode, _fetchSpace, fetch) {
      dataMode = mode
      fetchMode = fetch
    },
    flushCode() {
      for (const page of written) blocks.delete(page)
      written.clear()
    },
    armTimer: ns => { armed = ns },
  }
  const cpu = makeCpu(riscv64, views, STATE, services)
  cpu.reset()
  s.pc = loadElf(elf, (pa, bytes) => views.u8.set(bytes, hostOf(pa)))

  // Devices.
  const lines = (bit: number, on: boolean) => {
    s.lines = on ? s.lines | bit : s.lines & ~bit
    request()
  }
  function deviceRead(pa: number, bytes: number): bigint | undefined {
    if (pa >= UART && pa < UART + 8) return pa === UART + 5 ? 0x60n : 0n
    if (pa >= CLINT && pa < CLINT + 0x10000) {
      if (pa === CLINT) return s.lines & MSIP ? 1n : 0n
      if (pa === CLINT + 0xbff8) return BigInt(Math.floor(now / 100))
      return 0n
    }
    return pa === FINISHER && bytes === 4 ? 0n : undefined
  }
  function deviceWrite(pa: number, bytes: number, value: bigint): boolean {
    if (pa === UART) output += String.fromCharCode(Number(value & 0xffn))
    else if (pa === CLINT) lines(MSIP, (value & 1n) !== 0n)
    else if (pa === CLINT + 0x4000 && bytes === 8) {
      mtimecmp = Number(value) * 100
      lines(MTIP, now >= mtimecmp)
    } else if (pa === FINISHER) finished = (value & 0xffffn) === 0x5555n
    else return (pa > UART && pa < UART + 8) || (pa >= CLINT && pa < CLINT + 0x10000)
    return true
  }
  function tick(ns: number): void {
    now += ns
    if (now >= armed) {
      armed = Infinity
      request()
    }
    if (now >= mtimecmp && !(s.lines & MTIP)) lines(MTIP, true)
  }

  // Memory as the processor sees it: each byte of a misaligned access that crosses a page by itself.
  const halves = (va: bigint) =>
    [Number(BigInt.asIntN(32, va)), Number(BigInt.asIntN(32, va >> 32n))] as const
  type Access_ = (typeof Access)[keyof typeof Access]
  function physical(va: bigint, bytes: number, access: Access_, memop: number): number {
    const [lo, hi] = halves(va)
    if (memop & MemOp.ALIGNED && va % BigInt(bytes) !== 0n) {
      cpu.fault(Fault.MISALIGNED, lo, hi, access)
      return -1
    }
    return cpu.translate(lo, hi, access, dataMode, bytes)?.pa ?? -1
  }
  const crosses = (va: bigint, bytes: number) => (va & 0xfffn) + BigInt(bytes) > 0x1000n
  function read(pa: number, bytes: number): bigint | undefined {
    const host = hostOf(pa)
    if (host < 0) return deviceRead(pa, bytes)
    return bytes === 8 ? data.getBigUint64(host, true)
      : bytes === 4 ? BigInt(data.getUint32(host, true))
      : BigInt(bytes === 2 ? data.getUint16(host, true) : data.getUint8(host))
  }
  function write(pa: number, bytes: number, v: bigint): boolean {
    const host = hostOf(pa)
    if (host < 0) return deviceWrite(pa, bytes, v)
    written.add(Math.floor(pa / 4096)).add(Math.floor((pa + bytes - 1) / 4096))
    if (bytes === 8) data.setBigUint64(host, v, true)
    else if (bytes === 4) data.setUint32(host, Number(v), true)
    else if (bytes === 2) data.setUint16(host, Number(v), true)
    else data.setUint8(host, Number(v))
    return true
  }
  const bus = (va: bigint, access: Access_) => {
    cpu.fault(Fault.BUS, ...halves(va), access)
    return undefined
  }

  const registers: bigint[] = new Array(64).fill(0n)
  const float = floatContext('canonical')
  const m: EvalMachine = {
    registers,
    fields: new DataView(views.buffer, STATE, hartLayout.sizeBytes),
    load(va, bytes, memop) {
      if (crosses(va, bytes) && !(memop & MemOp.ALIGNED)) {
        let v = 0n
        for (let i = 0; i < bytes; i++) {
          const byte = m.load(BigInt.asUintN(64, va + BigInt(i)), 1, 0)
          if (byte === undefined) return undefined
          v |= byte << BigInt(8 * i)
        }
        return v
      }
      const pa = physical(va, bytes, Access.READ, memop)
      return pa < 0 ? undefined : read(pa, bytes) ?? bus(va, Access.READ)
    },
    store(va, bytes, v, memop) {
      if (crosses(va, bytes) && !(memop & MemOp.ALIGNED)) {
        const at = Array.from({ length: bytes }, (_, i) => BigInt.asUintN(64, va + BigInt(i)))
        if (at.some(a => physical(a, 1, Access.WRITE, 0) < 0)) return false
        return at.every((a, i) => m.store(a, 1, (v >> BigInt(8 * i)) & 0xffn, 0))
      }
      const pa = physical(va, bytes, Access.WRITE, memop)
      if (pa < 0) return false
      return write(pa, bytes, v) || bus(va, Access.WRITE) === null
    },
    update(va, bytes, next) {
      const pa = physical(va, bytes, Access.WRITE, MemOp.ALIGNED)
      if (pa < 0) return undefined
      const old = read(pa, bytes)
      if (old === undefined) return bus(va, Access.WRITE)
      const v = next(old)
      if (v !== undefined) write(pa, bytes, v)
      return old
    },
    call(helper) {
      cpu.call(helper)
      return s.result
    },
    float,
    dynamicRounding: () => s.frm as Rounding,
  }
  const spill = () => registers.forEach((v, i) => (i < 32 ? s.x.set(i, v) : s.f.set(i - 32, v)))
  const reload = () => registers.forEach((_, i) => { registers[i] = i < 32 ? s.x.get(i) : s.f.get(i - 32) })

  /** The block at pc, or undefined and a fault noted. */
  function fetch(): Block | undefined {
    const pc = s.pc, [lo, hi] = halves(pc)
    const t = cpu.translate(lo, hi, Access.EXECUTE, fetchMode, 2)
    if (!t) return undefined
    const { pa, whole } = t, page = Math.floor(pa / 4096), key = `${pc} ${s.mode}`
    const known = whole ? blocks.get(page)?.get(key) : undefined
    if (known) return known
    let faulted = false, crossed = false
    const u16 = (offset: number): number => {
      const va = BigInt.asUintN(64, pc + BigInt(offset)), other = va >> 12n !== pc >> 12n
      if (other) crossed = true
      const anew = other || !whole
      const at = anew ? cpu.translate(...halves(va), Access.EXECUTE, fetchMode, 2)?.pa : pa + offset
      const half = at === undefined ? undefined : hostOf(at) < 0 ? bus(va, Access.EXECUTE) : read(at, 2)
      if (half === undefined) {
        faulted = true
        return -1
      }
      return Number(half)
    }
    const g = new Builder()
    g.begin(lo, hi)
    const limits = { maxInsns: whole ? 16 : 1, endOffset: 0x1000 - (lo & 0xfff) }
    riscv64.lift(g, { u16, u8: o => (u16(o & ~1) >> (8 * (o & 1))) & 0xff }, s.mode, limits)
    if (g.block.n === 0) {
      if (!faulted) throw new Error(`no block at ${pc.toString(16)}`)
      return undefined
    }
    const block = g.block.copy()
    if (whole && !crossed) {
      if (!blocks.has(page)) blocks.set(page, new Map())
      blocks.get(page)!.set(key, block)
    }
    return block
  }

  while (!finished && instructions < maxInstructions) {
    if (s.halted) {
      if (!cpu.wakes()) {
        const next = Math.min(armed, mtimecmp > now ? mtimecmp : Infinity)
        if (next === Infinity) break
        tick(next - now)
        continue
      }
      s.halted = 0
    }
    if (s.exitRequest) {
      s.exitRequest = 0
      spill()
      cpu.interrupt()
      reload()
    }
    const block = fetch()
    if (!block) {
      cpu.deliver()
      continue
    }
    float.flags = 0
    const out = evaluate(block, m)
    instructions += block.insns
    tick(100 * block.insns)
    if (float.flags) cpu.float.raise(float.flags)
    s.pc = out.pc
    if (out.kind === 'fault') cpu.deliver()
    else if (out.kind === 'system') {
      spill()
      cpu.system(out.helper, out.arg)
      reload()
    }
  }
  return { output, instructions, finished }
}
