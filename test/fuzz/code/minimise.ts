// Makes a program smaller while it still fails: parts of the tree are taken out, the larger first.
import type { Insn } from '../../asm.ts'
import type { Fn, Node, Program } from './program.ts'

/** How often a case is run again at most. */
const ATTEMPTS = 600

/** Lists with one element less, or an element made smaller, or a body in the place of its node. */
function* smallerLists(list: readonly Node[]): Generator<readonly Node[]> {
  for (let half = list.length >> 1; half > 0; half >>= 1)
    for (let i = 0; i + half <= list.length; i += half) yield list.toSpliced(i, half)
  for (const [i, n] of list.entries()) for (const smaller of smallerNodes(n)) yield list.toSpliced(i, 1, ...smaller)
}

function* smallerInsns(list: readonly Insn[]): Generator<readonly Insn[]> {
  if (list.length > 1) for (let i = 0; i < list.length; i++) yield list.toSpliced(i, 1)
}

/** What may stand for a node. */
function* smallerNodes(n: Node): Generator<readonly Node[]> {
  switch (n.kind) {
    case 'insns':
    case 'atomic':
      for (const insns of smallerInsns(n.insns)) yield [{ ...n, insns }]
      break
    case 'if':
      yield n.body
      for (const body of smallerLists(n.body)) yield [{ ...n, body }]
      break
    case 'loop':
      if (n.depth === 0 || n.count === 1) yield n.body.filter(b => b.kind !== 'loop')
      for (const count of new Set([1, 2, n.count >> 1])) if (count > 0 && count < n.count) yield [{ ...n, count }]
      for (const body of smallerLists(n.body)) yield [{ ...n, body }]
      break
    case 'patch':
      if (n.turns) yield [{ ...n, turns: false }]
  }
}

function* smallerFns(list: readonly Fn[]): Generator<readonly Fn[]> {
  for (const [i, f] of list.entries()) {
    if (f.body.length > 0 && i > 0) yield list.with(i, { ...f, body: [] })
    for (const body of smallerLists(f.body)) yield list.with(i, { ...f, body })
    if (f.start !== undefined) yield list.with(i, { ...f, start: undefined })
  }
}

export function minimise(p: Program, fails: (p: Program) => boolean): Program {
  let attempts = 0
  for (let again = true; again;) {
    again = false
    for (const functions of smallerFns(p.functions)) {
      if (attempts++ > ATTEMPTS) return p
      const smaller = { ...p, functions }
      if (!fails(smaller)) continue
      p = smaller
      again = true
      break
    }
  }
  for (let i = 1; i < 32; i++) {
    const smaller = { ...p, x: p.x.with(i, 0n), f: p.f.with(i, 0n) }
    if (fails(smaller)) p = smaller
  }
  return p
}
