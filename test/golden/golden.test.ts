import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { golden, shortDiff } from './golden.ts'

const folder = mkdtempSync(join(tmpdir(), 'golden-'))
after(() => rmSync(folder, { recursive: true }))

test('the difference is shown with a few lines around it', () => {
  const kept = '1\n2\n3\n4\n5\n6\n7\n8\n9\n', made = '1\n2\n3\n4\nfive\n7\n8\n9\n'
  assert.equal(shortDiff(kept, made), 'line 5:\n 2\n 3\n 4\n-5\n-6\n+five\n 7\n 8\n 9')
  assert.equal(shortDiff('1\n', '1\n2\n'), 'line 2:\n 1\n+2\n ')
  assert.match(shortDiff('', 'x\n'.repeat(100)), /^line 1:\n(\+x\n){40}\+\.\.\. 60 more\n $/)
})

test('a file that differs is an error until it is blessed', () => {
  const file = pathToFileURL(join(folder, 'x.golden.txt')), list = join(folder, 'list')
  assert.throws(() => golden(file, 'a\n', ''), /x\.golden\.txt does not exist\nIf that is meant: npm run bless/)
  golden(file, 'a\n', list)
  golden(file, 'a\n', '')
  assert.throws(() => golden(file, 'b\n', ''), /x\.golden\.txt is not what is made now, line 1:\n-a\n\+b\n/)
  writeFileSync(list, '')
  golden(file, 'b\n', list)
  assert.equal(readFileSync(file, 'utf8'), 'b\n')
  assert.match(readFileSync(list, 'utf8'), /x\.golden\.txt\n$/)
})
