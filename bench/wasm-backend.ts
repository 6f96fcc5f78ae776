// How long it takes to make WebAssembly: nanoseconds per instruction encoded, and per node of control flow
// structured.
//   node bench/wasm-backend.ts
import { I64_ADD, I64_LOAD, I64_STORE, I64_XOR } from '../src/wasm/opcodes.ts'
import { Code, I32, I64, moduleBuilder, type FuncIndex, type TypeIndex } from '../src/wasm/encode.ts'
import { analyse, release } from '../src/wasm/flow.ts'
import { structure, type FlowGraph, type Terminator } from '../src/wasm/structure.ts'

/** The best of several runs, each long enough for the clock and all together for the host's optimiser. */
function best(what: string, unit: string, per: number, run: () => void): void {
  const time = (times: number) => {
    const begin = process.hrtime.bigint()
    for (let i = 0; i < times; i++) run()
    return Number(process.hrtime.bigint() - begin) / times
  }
  const times = Math.max(1, Math.ceil(5e6 / time(100)))
  let nanoseconds = Infinity
  for (let i = 0; i < 60; i++) nanoseconds = Math.min(nanoseconds, time(times))
  console.log(`${what.padEnd(62)} ${(nanoseconds / per).toFixed(1).padStart(7)} ns per ${unit}`)
}

const FUNCTIONS = 16, ROUNDS = 50, PER_ROUND = 12
let size = 0
function encode(): void {
  const m = moduleBuilder()
  m.importMemory('env', 'memory', { min: 1, max: 65536, shared: true })
  const type = m.type([I32], [])
  for (let n = 0; n < FUNCTIONS; n++) {
    const f = m.function(type, { export: `f${n}` })
    const a = f.local(I64), b = f.local(I64)
    for (let i = 0; i < ROUNDS; i++) {
      f.get(0).load(I64_LOAD, 8 * i).set(a)
      f.get(a).i64c(i * 0x1234567, -i).op(I64_ADD).get(b).op(I64_XOR).set(b)
      f.get(0).get(b).store(I64_STORE, 8 * i)
    }
  }
  size = m.finish().length
}
const instructions = FUNCTIONS * ROUNDS * PER_ROUND
best(`encode, ${FUNCTIONS} functions of ${ROUNDS * PER_ROUND}`, 'instruction', instructions, encode)
best(`the same, ${size} bytes`, 'byte', size, encode)

const small = () => {
  const m = moduleBuilder()
  m.function(m.type([I32], []), { export: 'f' }).get(0).drop()
  m.finish()
}
best('a module of one empty function', 'module', 1, small)

function graph(nodes: number, entries: number, seed: number): FlowGraph {
  const random = (n: number) => (seed = Math.imul(seed, 1664525) + 1013904223 | 0, (seed >>> 8) % n)
  const made = Array.from({ length: nodes }, (_, v): Terminator => {
    const next = Math.min(nodes - 1, v + 1)
    if (v === nodes - 1) return { kind: 'exit' }
    if (random(3) === 0) return { kind: 'goto', to: next }
    // Onward, or back to a loop's beginning.
    const far = random(4) ? Math.min(nodes - 1, v + 1 + random(6)) : v - v % 8
    return { kind: 'branch', then: far, else: next }
  })
  return { nodes: made, entries: Array.from({ length: entries }, (_, i) => Math.floor(i * nodes / entries)) }
}

for (const [nodes, entries] of [[5, 1], [20, 1], [20, 4], [200, 1], [200, 10], [200, 200], [2000, 1]]) {
  const g = graph(nodes, entries, 1)
  const write = () => {
    const f = new Code(0 as FuncIndex, 0 as TypeIndex, [I32])
    const stats = structure(f, g, { body: v => { if (g.nodes[v].kind === 'branch') f.get(0) }, entry: 0 })
    f.release()
    return stats
  }
  const { loops, dispatchNodes, maxDepth } = write()
  const of = `${loops} loops, ${dispatchNodes} dispatch, depth ${maxDepth}`
  const what = `${nodes} nodes, ${entries} entries, ${of}`
  best(what, 'node', nodes, write)
  if (nodes === 200) best('  of that, analysis', 'node', nodes, () => release(analyse(g)))
}
