import assert from 'node:assert/strict'
import { test } from 'node:test'
import { viewsOf } from '../../state/views.ts'
import { Mail, type Mailbox, mailboxAt, MAILBOX_BYTES } from './mailbox.ts'
import { CodePages, codePagesBytes } from './pages.ts'

const PAGES_AT = 0x10000, HOST = 0x5000

/** So many processors; `mail` reads one's letters, as it would at its next poll. */
function processors(n: number) {
  const views = viewsOf(new SharedArrayBuffer(0x20000)), states = 0x1f000
  const mailboxes: Mailbox[] = Array.from({ length: n }, (_, i) => mailboxAt(views, i * MAILBOX_BYTES, states + 64 * i))
  assert.ok(n * MAILBOX_BYTES <= PAGES_AT && PAGES_AT + codePagesBytes(0x20000) < states)
  const mail = (i: number): number[] => {
    const kinds: number[] = []
    mailboxes[i]!.read(kind => void kinds.push(kind), () => assert.fail('overflow'))
    return kinds
  }
  return { pages: new CodePages(views, PAGES_AT, mailboxes), mail }
}

test('who comes second waits too until nobody writes the page directly', () => {
  const { pages, mail } = processors(3), order: string[] = []
  let turns = 0
  const asSecond = () => {
    mail(1)
    // Its own wait, inside that of the first: processor 2 has not read its mail yet.
    if (turns++ === 0) {
      let waited = 0
      pages.claim(HOST, 1, () => {
        mail(0)
        if (waited++ === 2) order.push(`2 has read ${mail(2).includes(Mail.PROTECT)}`)
      })
      order.push('second goes on')
    }
  }
  pages.claim(HOST, 0, asSecond)
  assert.deepEqual(order, ['2 has read true', 'second goes on'])
})

test('a page that is settled is claimed at once, until it is written', () => {
  const { pages, mail } = processors(2)
  assert.equal(pages.claim(HOST, 0, () => void mail(1)), true)
  assert.equal(pages.claim(HOST, 1, () => assert.fail('nothing to wait for')), true)
  assert.equal(pages.claim(HOST, 1, () => assert.fail('nothing to wait for')), false)
  let dropped = 0
  pages.written(HOST, 1, () => void dropped++)
  assert.equal(dropped, 1)
  assert.deepEqual(mail(0), [Mail.DROP_CODE])
  assert.equal(pages.has(HOST), false)
  assert.equal(pages.claim(HOST, 1, () => void mail(0)), true)
})

test('more processors than bits: each of the rest protects its own page, all are told', () => {
  const n = 40, { pages, mail } = processors(n)
  const all = (self: number) => () => { for (let i = 0; i < n; i++) if (i !== self) mail(i) }
  assert.equal(pages.claim(HOST, 2, all(2)), true)
  assert.equal(pages.claim(HOST, 34, all(34)), true)
  assert.equal(pages.claim(HOST, 39, all(39)), true)
  pages.written(HOST, 2, () => {})
  for (const i of [34, 39]) assert.deepEqual(mail(i), [Mail.DROP_CODE])
  assert.deepEqual(mail(5), [])
})
