// Structured WebAssembly control flow from arbitrary graphs, after Norman Ramsey, "Beyond Relooper: Recursive
// Translation of Unstructured Control Flow to Structured Control Flow" (ICFP 2022): the dominator tree gives the nesting; a
// node that several edges lead to stands behind the end of a block, the beginning of a cycle in a loop. flow.ts has
// made the graph reducible and loops single-entry, by dispatch nodes that switch over the entry local; a function with
// several entries begins with such a switch, outside of any loop. One entry and a reducible graph: no switch at all.
//
//   structure(f, { nodes: [{ kind: 'branch', then: 0, else: 1 }, { kind: 'exit' }], entries: [0] }, {
//     body(node) { … },
//     backEdge(from, to) { … poll for exit requests … },
//   })
//
// The dominator tree is walked with an explicit stack, so nesting is limited by WebAssembly only.

import { I32_EQ, I32_EQZ, I32_NE, I32_SUB } from './opcodes.ts'
import { I32, type Code, type Label } from './encode.ts'
import { analyse, type FlowGraph } from './flow.ts'

export type { FlowGraph, Terminator } from './flow.ts'

export interface StructureHooks {
  /**
   * Writes a node's code, once. A branch or switch leaves its i32 on the stack: nonzero takes `then`; a switch takes the
   * target of that index, `otherwise` where there is none. An exit leaves the function or an outer block by itself.
   */
  body(node: number): void
  /** Writes what is to be done on an edge back to a loop's beginning. Every cycle has such an edge. */
  backEdge?(from: number, to: number): void
  /**
   * The local, i32, that holds the index of the entry where the function begins. Needed with several entries; its value is
   * destroyed. With one entry and no local given, one is made if the graph needs it.
   */
  entry?: number
}

export interface StructureStats {
  /** Nodes written; the others cannot be reached. */
  nodes: number
  blocks: number
  loops: number
  ifs: number
  /** Loops that begin with a switch over the entry local. */
  dispatchNodes: number
  /** Edges that set the entry local and go through a dispatch node. */
  dispatchEdges: number
  /** Of blocks, loops and ifs. */
  maxDepth: number
}

const NONE = -1
const INLINE = 2
/** A task is what follows it, and a node to write with all that it dominates, the end of a block, or ~an edge. */
const END = 0x7fffffff

export function structure(fn: Code, graph: FlowGraph, hooks: StructureHooks): StructureStats {
  const flow = analyse(graph)
  const { nodes } = graph
  const { root, entryRoot, firstOut, outs, shared, from, to, target, value, back, primary, valueOf } = flow
  const { isHeader, isMerge, firstInside, firstAfter, nextMerge, size } = flow
  if (graph.entries.length > 1 && hooks.entry === undefined) throw new Error('several entries need an entry local')
  let entryLocal = hooks.entry
  const entry = () => entryLocal ??= fn.local(I32)

  const stats: StructureStats = {
    nodes: flow.reached, blocks: 0, loops: 0, ifs: 0, dispatchNodes: flow.dispatchNodes, dispatchEdges: 0, maxDepth: 0,
  }
  const outside = fn.depth
  /** By node: where to branch to reach it forward, and where to begin its loop again. */
  const blockLabel: Label[] = [], loopLabel: Label[] = []
  const tasks: number[] = []
  const merges: number[] = []
  /** Length of the code after the last instruction that does not go on to the next. */
  let sealed = -1

  tasks.push(NONE, root)
  while (tasks.length) {
    const node = tasks.pop()!, follow = tasks.pop()!
    if (node === END) fn.end()
    else if (node < 0) jump(~node, follow)
    else tree(node, follow)
  }
  if (sealed !== fn.length) fn.unreachable()
  return stats

  /** Writes a node with the blocks around it; what it dominates is left on the stack of tasks. */
  function tree(node: number, follow: number): void {
    openMerges(firstAfter[node], follow)
    if (firstAfter[node] >= 0) follow = firstAfter[node]
    if (isHeader[node]) {
      loopLabel[node] = fn.loop()
      stats.loops++
      tasks.push(NONE, END)
    }
    openMerges(firstInside[node], follow)
    if (firstInside[node] >= 0) follow = firstInside[node]
    measureDepth()

    if (node === entryRoot) {
      table(firstOut[node], outs[node], NONE)
      return
    }
    if (node > entryRoot) return dispatch(node, follow)
    const first = firstOut[node]
    switch (nodes[node].kind) {
      case 'goto': hooks.body(node); return jump(first, follow)
      case 'branch': hooks.body(node); return branch(first, first + 1, follow)
      case 'switch': return multiway(node, follow)
      case 'exit': hooks.body(node); return trap()
    }
  }

  /** Opens a block for each merge node of the list; behind its end comes the node. The first is the innermost. */
  function openMerges(first: number, follow: number): void {
    merges.length = 0
    for (let v = first; v >= 0; v = nextMerge[v]) merges.push(v)
    for (let i = merges.length - 1; i >= 0; i--) {
      const v = merges[i]
      blockLabel[v] = fn.block()
      tasks.push(follow, v, NONE, END)
      follow = v
    }
    stats.blocks += merges.length
  }

  function hasCode(e: number): boolean {
    return value[e] >= 0 || back[e] === 1 && hooks.backEdge !== undefined
  }

  /** The only forward edge to its node: the node is written right there. */
  function isInline(e: number): boolean {
    return !back[e] && !isMerge[to[e]]
  }

  function labelOf(e: number): Label {
    return back[e] ? loopLabel[to[e]] : blockLabel[to[e]]
  }

  /** Goes along an edge; if that is the end of all enclosing blocks up to `follow`, falling out of them suffices. */
  function jump(e: number, follow: number): void {
    if (back[e]) hooks.backEdge?.(from[e], target[e])
    if (value[e] >= 0) {
      fn.i32c(value[e]).set(entry())
      stats.dispatchEdges++
    }
    if (isInline(e)) {
      tasks.push(follow, to[e])
    } else if (back[e] || to[e] !== follow) {
      fn.br(labelOf(e))
      sealed = fn.length
    }
  }

  /** One of two edges stands aside, behind a condition; the code goes on with the other. */
  function branch(then: number, otherwise: number, follow: number): void {
    if (shared[otherwise] === then) {
      fn.drop()
      return jump(then, follow)
    }
    const thenRank = rank(then, follow), otherRank = rank(otherwise, follow)
    const goOnWithThen = thenRank > otherRank ||
      thenRank === INLINE && otherRank === INLINE && size[to[then]] > size[to[otherwise]]
    const aside = goOnWithThen ? otherwise : then, last = goOnWithThen ? then : otherwise
    if (goOnWithThen) fn.op(I32_EQZ)
    if (!isInline(aside) && !hasCode(aside)) {
      fn.brIf(labelOf(aside))
      return jump(last, follow)
    }
    openIf()
    tasks.push(follow, ~last, NONE, END)
    jump(aside, NONE)
  }

  /** How well an edge does without a condition around it. */
  function rank(e: number, follow: number): number {
    if (isInline(e)) return INLINE
    if (hasCode(e)) return 1
    return !back[e] && to[e] === follow ? 3 : 0
  }

  function multiway(node: number, follow: number): void {
    const first = firstOut[node], slots = outs[node]
    const labels: Label[] = []
    let distinct = 0
    /** Edges with code of their own get a block each; the code stands behind its end. */
    const aside: number[] = []
    for (let e = first; e < first + slots; e++) {
      if (shared[e] !== e) continue
      distinct++
      if (hasCode(e)) aside.push(e)
    }
    if (distinct === 1) {
      hooks.body(node)
      fn.drop()
      return jump(first, follow)
    }
    const asideLabel = aside.map(() => fn.block())
    stats.blocks += aside.length
    measureDepth()
    hooks.body(node)
    for (let e = first; e < first + slots; e++) {
      const i = aside.indexOf(shared[e])
      labels.push(i >= 0 ? asideLabel[i] : labelOf(shared[e]))
    }
    const otherwise = labels.pop()!
    fn.brTable(labels, otherwise)
    sealed = fn.length
    for (let i = aside.length - 1; i >= 0; i--) {
      fn.end()
      jump(aside[i], i ? NONE : follow)
    }
  }

  /** The beginning of a loop with several entries: the usual one is one comparison away. */
  function dispatch(node: number, follow: number): void {
    const first = firstOut[node], edges = outs[node], usual = primary[node]
    if (edges === 2) {
      const other = usual === first ? first + 1 : first
      fn.get(entry()).i32c(valueOf[target[other]]).op(I32_EQ).brIf(labelOf(other))
    } else {
      fn.get(entry()).i32c(valueOf[target[usual]]).op(I32_NE)
      openIf()
      table(first, edges, usual)
      fn.end()
    }
    jump(usual, follow)
  }

  /** Branches to wherever the entry local says, over all edges but one; traps where it says something else. */
  function table(first: number, edges: number, except: number): void {
    let low = Infinity, high = 0
    for (let e = first; e < first + edges; e++) {
      if (e === except) continue
      low = Math.min(low, valueOf[target[e]])
      high = Math.max(high, valueOf[target[e]])
    }
    const bad = fn.block()
    stats.blocks++
    measureDepth()
    const labels: Label[] = new Array(high - low + 1).fill(bad)
    for (let e = first; e < first + edges; e++) if (e !== except) labels[valueOf[target[e]] - low] = labelOf(e)
    fn.get(entry())
    if (low) fn.i32c(low).op(I32_SUB)
    fn.brTable(labels, bad).end()
    trap()
  }

  function trap(): void {
    fn.unreachable()
    sealed = fn.length
  }

  function openIf(): void {
    fn.if()
    stats.ifs++
    measureDepth()
  }

  function measureDepth(): void {
    if (fn.depth - outside > stats.maxDepth) stats.maxDepth = fn.depth - outside
  }
}
