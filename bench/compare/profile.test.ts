import assert from 'node:assert/strict'
import { test } from 'node:test'
import { categoryOf, frameName, summarize, timesOf } from './profile.ts'
import { replaceSection } from './sections.ts'

const frame = (functionName: string, url = '') => ({ functionName, url })

test('kinds of code', () => {
  assert.equal(categoryOf(frame('riscv64:80201000', 'wasm://wasm/0123')), 'guest code')
  assert.equal(categoryOf(frame('run', 'wasm://wasm/0123')), 'interpreter')
  assert.equal(categoryOf(frame('load8', 'wasm://wasm/0123')), 'other WebAssembly')
  assert.equal(categoryOf(frame('run', 'file:///p/src/manage/cli/run.ts')), 'TypeScript')
  assert.equal(categoryOf(frame('(garbage collector)')), 'GC')
  assert.equal(categoryOf(frame('wait', 'node:internal/threads')), 'Node')
  assert.equal(frameName(frame('step', 'file:///p/src/accel/jit/vcpu.ts')), 'step src/accel/jit/vcpu.ts')
})

test('time belongs to the sample before it', () => {
  const { categories, files } = timesOf({
    nodes: [
      { id: 1, callFrame: frame('(idle)') }, { id: 2, callFrame: frame('riscv64:0', 'wasm://wasm/1') },
      { id: 3, callFrame: frame('walk', 'file:///p/src/a.ts') },
    ],
    samples: [1, 2, 2, 3, 1], timeDeltas: [500, 4000, 2000, 1000, 250],
  })
  assert.deepEqual([...categories], [['idle', 4], ['guest code', 3], ['TypeScript', 0.25]])
  assert.deepEqual([...files], [['src/a.ts', 0.25]])
})

test('a summary over threads', () => {
  const times = (guest: number, idle: number) => ({
    categories: new Map([['idle', idle], ['guest code', guest]]),
    files: new Map([['src/a.ts', guest / 2]]),
    functions: new Map([['idle: (idle)', idle], ['guest code: riscv64:0', guest]]),
  })
  const text = summarize([['thread 0', times(10, 90)], ['thread 1', times(30, 1)]])
  assert.match(text, /^\| guest code \| +10 \| +30 \| +40 \| +100\.0% \|$/m)
  assert.match(text, /^\| idle +\| +90 \| +1 \| +91 \| +\|$/m)
  assert.match(text, /^\| guest code: riscv64:0 \| +40 \| +100\.0% \|$/m)
  assert.match(text, /^\| src\/a\.ts +\| +20 \| +50\.0% \|$/m)
  assert.doesNotMatch(text, /\(idle\)/)
})

test('a section of a page is replaced, the rest stays', () => {
  const page = 'a\n<!-- x -->\nold\n<!-- end x -->\nb\n<!-- y -->\n<!-- end y -->\n'
  assert.equal(replaceSection(page, 'x', 'new\n\n'), page.replace('old', 'new'))
  assert.equal(replaceSection(replaceSection(page, 'y', '1'), 'y', '2').match(/\d/g)?.join(), '2')
  assert.throws(() => replaceSection(page, 'z', ''), /no section z/)
})
