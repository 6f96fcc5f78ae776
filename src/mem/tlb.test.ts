import assert from 'node:assert/strict'
import { test } from 'node:test'
import { viewsOf } from '../state/views.ts'
import { PAGE, Tlb, tlbAreaBytes, TlbEntry } from './tlb.ts'

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
