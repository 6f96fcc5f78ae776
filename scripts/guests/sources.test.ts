// What the image scripts read out of other programs' files and output.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mirrorFrom } from './apt.ts'
import { modinfo } from './modules.ts'

const listing = (...bases: string[]): string =>
  bases.map((base) => `'${base}/dists/trixie/InRelease' some_file 0 \n`).join('')

test('the mirror is the first archive named debian, not one of security updates or of others', () => {
  assert.equal(
    mirrorFrom(listing('https://packages.example/apt', 'http://mirror.example/debian-security', 'http://mirror.example/debian')),
    'http://mirror.example/debian')
  assert.equal(mirrorFrom(listing('http://mirror.example/ubuntu')), undefined)
  assert.equal(mirrorFrom(''), undefined)
})

test('module information is found by tag, every value', () => {
  const module = Buffer.from('\x7fELF junk\0license=GPL\0alias=fs-ext4\0alias=ext3\0depends=mbcache,jbd2\0name=ext4\0')
  assert.deepEqual(modinfo(module, 'alias'), ['fs-ext4', 'ext3'])
  assert.deepEqual(modinfo(module, 'depends'), ['mbcache,jbd2'])
  assert.deepEqual(modinfo(module, 'softdep'), [])
})
