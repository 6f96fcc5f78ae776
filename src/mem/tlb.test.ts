import assert from 'node:assert/strict'
import { test } from 'node:test'
import { viewsOf } from '../state/views.ts'
import { JumpEntry, jumpIndex, PAGE, Tlb, tlbAreaBytes, TlbEntry } from './tlb.ts'

test('pages that follow each other have different entries, at any carry', () => {
  const shared = new SharedArrayBuffer(Math.ceil((4096 + tlbAreaBytes(1)) / 65536) * 65536)
  const tlb = new Tlb(viewsOf(shared), 4096, 1)
  const page = { host: 0, readDirect: true, writeDirect: true, read: true, write: true, pageBits: 12, global: false }
  for (let k = 12; k <= 32; k++) {
    const last = (2 ** k - PAGE) | 0, next = (last + PAGE) | 0, nextHi = k === 32 ? 1 : 0
    tlb.fill(0, last, 0, page)
    tlb.fill(0, next, nextHi, page)
    assert.ok(tlb.lookup(0, TlbEntry.READ, last, 0) >= 0, `the page below 2^${k}`)
    assert.ok(tlb.lookup(0, TlbEntry.READ, next, nextHi) >= 0, `the page at 2^${k}`)
  }
})

test('a change of address space keeps global pages, and what leads to them', () => {
  const shared = new SharedArrayBuffer(Math.ceil((4096 + tlbAreaBytes(2)) / 65536) * 65536)
  const tlb = new Tlb(viewsOf(shared), 4096, 2)
  const page = (global: boolean, pageBits = 12) =>
    ({ host: 0x10000, readDirect: true, writeDirect: true, read: true, write: true, pageBits, global })
  const has = (va: number, mode = 0) => tlb.lookup(mode, TlbEntry.READ, va, 0) >= 0
  const jumps = (pc: number) => {
    const e = (tlb.jumpCacheAt(0) + (jumpIndex(pc) << JumpEntry.BITS)) >>> 2
    return new Uint32Array(shared)[e] === pc
  }
  tlb.select(0)
  tlb.fill(0, 0x1000, 0, page(true))
  tlb.fill(0, 0x2000, 0, page(false))
  tlb.fill(1, 0x3000, 0, page(false))
  tlb.fillCode(0, 0x5000, 0, 0x10000, page(true))
  tlb.fillCode(0, 0x6000, 0, 0x10000, page(false))
  for (const pc of [0x5010, 0x6010]) tlb.setJump(0, pc, 0, 0, 8, false)
  tlb.setJump(0, 0x5ffe, 0, 0, 8, true) // crosses into a page that is not global
  tlb.flush(0)
  assert.deepEqual([has(0x1000), has(0x2000), has(0x3000, 1)], [true, false, false])
  assert.deepEqual([tlb.lookupCode(0, 0x5000, 0), tlb.lookupCode(0, 0x6000, 0)], [0x10000, -1])
  assert.deepEqual([jumps(0x5010), jumps(0x6010), jumps(0x5ffe)], [true, false, false])
  // More pages than are listed.
  for (let n = 0; n < 600; n++) tlb.fill(0, 0x100000 + n * PAGE, 0, page(false))
  tlb.flush(0)
  for (let n = 0; n < 600; n++) assert.equal(has(0x100000 + n * PAGE), false)
  // All of it.
  tlb.fill(0, 0x1000, 0, page(true))
  tlb.flush()
  assert.equal(has(0x1000), false)
})

test('one page: all of a large mapping goes with any address in it, others stay', () => {
  const shared = new SharedArrayBuffer(Math.ceil((4096 + tlbAreaBytes(1)) / 65536) * 65536)
  const tlb = new Tlb(viewsOf(shared), 4096, 1)
  const page = (pageBits: number) => ({ host: 0, readDirect: true, writeDirect: true, read: true, write: true, pageBits, global: true })
  const has = (va: number) => tlb.lookup(0, TlbEntry.READ, va, 0) >= 0
  tlb.fill(0, 0x200000, 0, page(21))
  tlb.fill(0, 0x800000, 0, page(21))
  tlb.fill(0, 0x401000, 0, page(12))
  tlb.flush(-1, 0x402000, 0)
  assert.deepEqual([has(0x200000), has(0x401000)], [true, true])
  tlb.flush(-1, 0x401000, 0)
  assert.deepEqual([has(0x200000), has(0x401000)], [true, false])
  tlb.flush(-1, 0x3ff000, 0)
  assert.equal(has(0x200000), false)
})
