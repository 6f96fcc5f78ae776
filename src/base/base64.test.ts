import { test } from 'node:test'
import assert from 'node:assert/strict'
import { fromBase64, toBase64 } from './base64.ts'

test('as RFC 4648 says, for every length', () => {
  for (let n = 0; n < 40; n++) {
    const bytes = Uint8Array.from({ length: n }, (_, i) => i * 37 + n)
    assert.equal(toBase64(bytes), Buffer.from(bytes).toString('base64'))
    assert.deepEqual(fromBase64(toBase64(bytes)), bytes)
  }
  for (const bad of ['A', 'AA=A', '====', 'A===', 'AAA', 'AA A', 'ÄAAA']) assert.equal(fromBase64(bad), undefined, bad)
})
