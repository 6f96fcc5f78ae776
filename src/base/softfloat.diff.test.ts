// A short run of test/diff/float: soft-float against QEMU's RISC-V, the C library's binary128 and the host
// processor.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describe, diff, missing } from '../../test/diff/float/oracle.ts'
import { targets } from '../../test/diff/float/targets.ts'

for (const target of targets) {
  test(`agrees with ${target.name}`, t => {
    const reason = missing(target)
    if (reason) return t.skip(reason)
    const { cases, differences, differing } = diff(target, { count: 6000, seed: 20240229, special: false })
    assert.equal(cases, 6000)
    assert.equal(differing, 0, differences.map(describe).join('\n'))
  })
}
