// Structured code does what the graph says: random graphs are walked by an interpreter and by the WebAssembly
// made of them, with the same pseudo-random decisions, and the nodes and polled back edges that they pass are
// compared.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { golden } from '../../test/golden/golden.ts'
import {
  I32_ADD, I32_AND, I32_EQZ, I32_MUL, I32_REM_U, I32_SHR_U, I32_STORE, I32_SUB,
} from './opcodes.ts'
import { I32, I64, moduleBuilder, type Code } from './encode.ts'
import { printModule } from './print.ts'
import { structure, type FlowGraph, type StructureStats, type Terminator } from './structure.ts'

const MUL = 1664525, ADD = 1013904223
const STEPS = 300
const BACK_EDGE = 0x10000

/** A pseudo-random sequence, the same here and in the code. */
const next = (state: number) => Math.imul(state, MUL) + ADD | 0

function interpret(graph: FlowGraph, entry: number, seed: number): number[] {
  const trace: number[] = []
  let node = graph.entries[entry], state = seed
  for (let steps = 0; steps < STEPS; steps++) {
    trace.push(node)
    const term = graph.nodes[node]
    switch (term.kind) {
      case 'goto': node = term.to; break
      case 'branch':
        state = next(state)
        node = state >>> 16 & 1 ? term.then : term.else
        break
      case 'switch': {
        state = next(state)
        const index = (state >>> 16) % (term.targets.length + 2)
        node = term.targets[index] ?? term.otherwise
        break
      }
      case 'exit': return trace
    }
  }
  return trace
}

interface Built { bytes: Uint8Array<ArrayBuffer>, stats: StructureStats, bodies: number[], polls: number }

/** A module whose `run(entry, seed)` writes its trace to memory and returns the trace's end. */
function build(graph: FlowGraph, polled: boolean): Built {
  const m = moduleBuilder()
  m.memory({ min: 1, max: 1 })
  m.exportMemory('memory')
  const f = m.function(m.type([I32, I32], [I32]), { export: 'run' })
  const at = f.local(I32), steps = f.local(I32)
  const bodies: number[] = []
  let polls = 0
  const append = (value: number) =>
    f.get(at).i32c(value).store(I32_STORE).get(at).i32c(4).op(I32_ADD).set(at)
  const stats = structure(f, graph, {
    body(node) {
      bodies.push(node)
      f.get(steps).i32c(STEPS).op(I32_SUB).op(I32_EQZ).if()
      f.get(at).return().end()
      f.get(steps).i32c(1).op(I32_ADD).set(steps)
      append(node)
      const term = graph.nodes[node]
      if (term.kind === 'goto') return
      if (term.kind === 'exit') return void f.get(at).return()
      f.get(1).i32c(MUL).op(I32_MUL).i32c(ADD).op(I32_ADD).tee(1).i32c(16).op(I32_SHR_U)
      if (term.kind === 'branch') f.i32c(1).op(I32_AND)
      else f.i32c(term.targets.length + 2).op(I32_REM_U)
    },
    backEdge: polled ? (from, to) => { polls++; append(BACK_EDGE + from * 1000 + to) } : undefined,
    entry: 0,
  })
  return { bytes: m.finish(), stats, bodies, polls }
}

function run(bytes: Uint8Array<ArrayBuffer>, entry: number, seed: number): number[] {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes))
  const end = (instance.exports.run as WebAssembly.Function)(entry, seed) as number
  return Array.from(new Int32Array((instance.exports.memory as WebAssembly.Memory).buffer, 0, end / 4))
}

function reachable(graph: FlowGraph): Set<number> {
  const seen = new Set<number>(), stack = [...graph.entries]
  while (stack.length) {
    const v = stack.pop()!
    if (!seen.has(v)) seen.add(v), stack.push(...successors(graph.nodes[v]))
  }
  return seen
}

function successors(term: Terminator): readonly number[] {
  switch (term.kind) {
    case 'goto': return [term.to]
    case 'branch': return [term.then, term.else]
    case 'switch': return [...term.targets, term.otherwise]
    case 'exit': return []
  }
}

function check(graph: FlowGraph, seed: number, entries = graph.entries.map((_, i) => i)): StructureStats {
  const plain = build(graph, false), polled = build(graph, true)
  assert.deepEqual([...plain.bodies].sort((a, b) => a - b), [...reachable(graph)].sort((a, b) => a - b))
  for (const entry of entries) {
    const expected = interpret(graph, entry, seed)
    assert.deepEqual(run(plain.bytes, entry, seed), expected)
    const trace = run(polled.bytes, entry, seed)
    assert.deepEqual(trace.filter(value => value < BACK_EDGE), expected)
    checkPolls(trace)
  }
  return plain.stats
}

/**
 * A back edge is noted between the two nodes that it connects, and no node comes twice without one in
 * between.
 */
function checkPolls(trace: number[]): void {
  const since = new Set<number>()
  trace.forEach((value, i) => {
    if (value >= BACK_EDGE) {
      assert.equal(trace[i - 1], Math.floor((value - BACK_EDGE) / 1000))
      // The last poll may be cut off from its node by the bound on steps.
      if (i + 1 < trace.length) assert.equal(trace[i + 1], (value - BACK_EDGE) % 1000)
      since.clear()
    } else {
      assert.ok(!since.has(value), `node ${value} twice without a poll`)
      since.add(value)
    }
  })
}

/** Graphs of several temperaments: mostly onward with a few edges back, or anything to anything. */
function randomGraph(random: () => number): FlowGraph {
  const below = (n: number) => Math.floor(random() * n)
  const count = 1 + below(random() < 0.1 ? 60 : 12)
  const local = random() < 0.5, jumpy = random() < 0.5 ? 0.15 : 0.6
  const target = (v: number) =>
    local && random() > jumpy ? Math.min(count - 1, v + 1 + below(3)) : below(count)
  const nodes = Array.from({ length: count }, (_, v): Terminator => {
    const kind = random()
    if (kind < 0.25) return { kind: 'goto', to: target(v) }
    if (kind < 0.85) return { kind: 'branch', then: target(v), else: target(v) }
    if (kind > 0.93) return { kind: 'exit' }
    const targets = Array.from({ length: below(6) }, () => target(v))
    return { kind: 'switch', targets, otherwise: target(v) }
  })
  const wanted = random() < 0.4 ? 1 : random() < 0.3 ? count : 1 + below(Math.min(count, 4))
  const entries = Array.from({ length: count }, (_, v) => v)
  for (let i = count - 1; i > 0; i--) {
    const j = below(i + 1)
    ;[entries[i], entries[j]] = [entries[j], entries[i]]
  }
  return { nodes, entries: entries.slice(0, wanted) }
}

test('random graphs: the code passes the nodes that the graph passes', () => {
  let state = 12345
  const random = () => ((state = next(state)) >>> 8) / 0x1000000
  let dispatched = 0, plain = 0, loops = 0
  for (let i = 0; i < 1500; i++) {
    const graph = randomGraph(random)
    const stats = check(graph, i * 7919, graph.entries.length > 6 ? [0, 1, 2, 3] : undefined)
    loops += stats.loops
    if (stats.dispatchNodes) dispatched++
    else plain++
  }
  assert.ok(dispatched > 300 && plain > 300 && loops > 1000, `${dispatched} ${plain} ${loops}`)
})

const goto = (to: number): Terminator => ({ kind: 'goto', to })
const branch = (then: number, otherwise: number): Terminator => ({ kind: 'branch', then, else: otherwise })
const exit: Terminator = { kind: 'exit' }

/**
 * The shape of a graph's code: bodies are calls of an imported function per node, which also gives
 * conditions.
 */
function shape(graph: FlowGraph, polled = false): string {
  const m = moduleBuilder()
  const none = m.type([], []), gives = m.type([], [I32])
  const run = graph.nodes.map((term, v) => m.importFunction(
    'n', `${v}`, term.kind === 'branch' || term.kind === 'switch' ? gives : none, `n${v}`))
  const poll = m.importFunction('n', 'poll', none, 'poll')
  const f: Code = m.function(m.type([I32], []))
  structure(f, graph, {
    body: v => {
      f.call(run[v])
      if (graph.nodes[v].kind === 'exit') f.return()
    },
    backEdge: polled ? () => f.call(poll) : undefined,
    entry: 0,
  })
  const bytes = m.finish()
  assert.ok(WebAssembly.validate(bytes))
  const lines = printModule(bytes).split('\n')
  const begin = lines.findIndex(line => line.startsWith('  (func $f'))
  return lines.slice(begin + 1, -3).map(line => line.slice(4)).join('\n')
}

/** Graphs whose code is kept as text. */
const SHAPES: [name: string, graph: FlowGraph, polled?: boolean][] = [
  ['straight line', { nodes: [goto(1), goto(2), exit], entries: [0] }],
  ['straight line, entered at two places', { nodes: [goto(1), goto(2), exit], entries: [0, 2] }],
  ['diamond', { nodes: [branch(1, 2), goto(3), goto(3), exit], entries: [0] }],
  ['both ways of a branch are one', { nodes: [branch(1, 1), exit], entries: [0] }],
  ['early exits', { nodes: [branch(3, 1), branch(3, 2), branch(4, 5), exit, exit, exit], entries: [0] }],
  ['while, polled', { nodes: [branch(1, 2), goto(0), exit], entries: [0] }, true],
  ['do while', { nodes: [goto(1), branch(1, 2), exit], entries: [0] }],
  ['endless', { nodes: [goto(0)], entries: [0] }],
  ['nested loops', { nodes: [goto(1), branch(1, 2), branch(0, 3), exit], entries: [0] }],
  ['two loops after each other', { nodes: [branch(0, 1), branch(1, 2), exit], entries: [0] }],
  ['loop entered in the middle, polled', { nodes: [goto(1), branch(0, 2), exit], entries: [0, 1] }, true],
  ['irreducible', { nodes: [branch(1, 2), goto(2), branch(1, 3), exit], entries: [0] }],
  ['switch with a way back, polled', {
    nodes: [{ kind: 'switch', targets: [1, 2, 2, 0], otherwise: 3 }, goto(3), goto(3), exit], entries: [0],
  }, true],
  ['every node an entry', { nodes: [goto(1), branch(1, 2), branch(0, 3), exit], entries: [0, 1, 2, 3] }],
  ['unreachable nodes', { nodes: [goto(2), goto(2), exit, goto(1)], entries: [0] }],
]

test('shapes of code', () => {
  const text = SHAPES.map(([name, graph, polled]) => `== ${name}\n${shape(graph, polled)}\n`).join('\n')
  golden(new URL('./structure.golden.txt', import.meta.url), text)
})

test('one entry and a reducible graph: no dispatch, and the entry local is not touched', () => {
  const nodes = [branch(0, 1), branch(4, 2), goto(3), branch(1, 5), goto(2), exit]
  const graph: FlowGraph = { nodes, entries: [0] }
  const stats = check(graph, 3)
  assert.deepEqual([stats.dispatchNodes, stats.dispatchEdges, stats.loops], [0, 0, 2])
})

test('a loop with several entries has one dispatch node, its inner loop none', () => {
  // 0 → 1 → (2 ⟲) → 3 → 1, entered at 0 and 3.
  const graph: FlowGraph = { nodes: [goto(1), goto(2), branch(2, 3), branch(1, 4), exit], entries: [0, 3] }
  const stats = check(graph, 5)
  assert.deepEqual([stats.dispatchNodes, stats.loops], [1, 2])
})

/** Counts instead of a trace, for graphs whose traces are long. */
function validates(graph: FlowGraph): StructureStats {
  const m = moduleBuilder()
  const f = m.function(m.type([I32], []))
  const stats = structure(f, graph, {
    body: v => {
      const { kind } = graph.nodes[v]
      if (kind === 'branch' || kind === 'switch') f.get(0)
      if (kind === 'exit') f.return()
    },
    entry: 0,
  })
  assert.ok(WebAssembly.validate(m.finish()))
  return stats
}

test('large graphs: no recursion, no quadratic time, no needless nesting', () => {
  const upTo = (n: number, make: (v: number) => Terminator) => Array.from({ length: n }, (_, v) => make(v))
  const last = (n: number, v: number, term: Terminator) => v === n - 1 ? exit : term
  const N = 20000
  const chain = validates({ nodes: upTo(N, v => last(N, v, goto(v + 1))), entries: [0] })
  assert.equal(chain.maxDepth, 0)
  // Everyone may leave for the last node: one block.
  const ladder = validates({ nodes: upTo(N, v => last(N, v, branch(N - 1, v + 1))), entries: [0] })
  assert.deepEqual([ladder.blocks, ladder.maxDepth], [1, 1])
  // A loop behind a loop, ten thousand times.
  const loops = validates({ nodes: upTo(N, v => last(N, v, branch(v, v + 1))), entries: [0] })
  assert.deepEqual([loops.loops, loops.maxDepth], [N - 1, 2])
  // Diamonds behind diamonds.
  const diamonds = validates({
    nodes: upTo(3 * N + 1, v => v === 3 * N ? exit : v % 3 ? goto(v - v % 3 + 3) : branch(v + 1, v + 2)),
    entries: [0],
  })
  assert.equal(diamonds.maxDepth, 2)
  // A tree: the smaller part is the conditional one.
  const tree = validates({
    nodes: upTo(N, v => 2 * v + 2 < N ? branch(2 * v + 1, 2 * v + 2) : exit), entries: [0],
  })
  assert.ok(tree.maxDepth <= 14, `${tree.maxDepth}`)
  // Loops within loops: the depth is the graph's own.
  const D = 400
  const deep = validates({
    nodes: upTo(2 * D, v => v < D ? goto(v + 1) : last(2 * D, v, branch(2 * D - 1 - v, v + 1))),
    entries: [0],
  })
  assert.deepEqual([deep.loops, deep.dispatchNodes], [D - 1, 0])
  const all = validates({
    nodes: upTo(D, v => last(D, v, branch(v % 7 ? v + 1 : v - v % 21, v + 1))),
    entries: Array.from({ length: D }, (_, v) => v),
  })
  assert.equal(all.nodes, D)
})

test('wrong graphs are refused', () => {
  const none = { body() {} }
  const f = () => { const m = moduleBuilder(); return m.function(m.type([I64], [])) }
  assert.throws(() => structure(f(), { nodes: [goto(1)], entries: [0] }, none), /no node 1 in a graph of 1/)
  assert.throws(() => structure(f(), { nodes: [exit], entries: [] }, none), /needs an entry/)
  assert.throws(() => structure(f(), { nodes: [exit, exit], entries: [0, 1] }, none), /entry local/)
  const twice: FlowGraph = { nodes: [exit], entries: [0, 0] }
  assert.throws(() => structure(f(), twice, { ...none, entry: 0 }), /entry twice/)
})

test('an entry that does not exist traps', () => {
  const { bytes } = build({ nodes: [exit, exit], entries: [0, 1] }, false)
  assert.throws(() => run(bytes, 2, 0), WebAssembly.RuntimeError)
})
