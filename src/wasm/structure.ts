// Structured WebAssembly control flow from arbitrary graphs, after Norman Ramsey, "Beyond Relooper: Recursive
// Translation of Unstructured Control Flow to Structured Control Flow" (ICFP 2022): the dominator tree gives
// the nesting; a node that several edges lead to stands behind the end of a block, the beginning of a cycle
// in a loop. Unlike there, what a loop leaves for stands behind the loop. Loops that are entered at several
// nodes begin with a switch over the entry local (loops.ts); a function with several entries begins with such
// a switch, outside of any loop. With one entry and a reducible graph there is no switch at all.
//
//   structure(f, { nodes: [{ kind: 'branch', then: 0, else: 1 }, { kind: 'exit' }], entries: [0] }, {
//     body(node) { … },
//     backEdge(from, to) { … poll for exit requests … },
//   })
//
// The dominator tree is walked with a stack of tasks: the graph's depth is limited by WebAssembly only.

import { I32_EQ, I32_EQZ, I32_NE, I32_SUB } from './opcodes.ts'
import { I32, type Code, type Label } from './encode.ts'
import { analyse, release, type Flow, type FlowGraph } from './flow.ts'

export type { FlowGraph, Terminator } from './flow.ts'

export interface StructureHooks {
  /**
   * Writes a node's code, once. A branch or switch leaves its i32 on the stack: nonzero takes `then`; a
   * switch takes the target of that index, `otherwise` where there is none. An exit leaves the function or an
   * outer block itself.
   */
  body(node: number): void
  /** Writes what is to be done on an edge back to a loop's beginning. Every cycle has such an edge. */
  backEdge?(from: number, to: number): void
  /**
   * The local, i32, that holds the index of the entry where the function begins; its value is destroyed.
   * Needed with several entries. With one entry it must be zero; if none is given, one is made where the
   * graph needs it.
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
  /** Edges that set the entry local for such a switch. */
  dispatchEdges: number
  /** Of blocks, loops and ifs. */
  maxDepth: number
}

export function structure(fn: Code, graph: FlowGraph, hooks: StructureHooks): StructureStats {
  if (graph.entries.length > 1 && hooks.entry === undefined) {
    throw new Error('several entries need an entry local')
  }
  const flow = analyse(graph)
  const stats = new Structurer(fn, flow, hooks).run()
  release(flow)
  return stats
}

const NONE = -1
/**
 * A task is what follows it, and a node to write with all that is inside, the end of a block, or ~an edge.
 */
const END = 0x7fffffff
/**
 * How well an edge does as the one that no condition guards: falling is free, but a branch costs less than a
 * nest.
 */
const RANK = { BRANCH: 0, CODE: 1, FALLS: 2, INLINE: 3 }

class Structurer {
  private readonly fn: Code
  private readonly flow: Flow
  private readonly hooks: StructureHooks
  private readonly stats: StructureStats
  private readonly outside: number
  private readonly tasks: number[] = []
  private entryLocal: number | undefined
  /** Length of the code after the last instruction that does not go on to the next. */
  private sealed = -1

  constructor(fn: Code, flow: Flow, hooks: StructureHooks) {
    this.fn = fn
    this.flow = flow
    this.hooks = hooks
    this.entryLocal = hooks.entry
    this.outside = fn.depth
    this.stats = {
      nodes: flow.reached, blocks: 0, loops: 0, ifs: 0, maxDepth: 0,
      dispatchNodes: flow.dispatchNodes, dispatchEdges: 0,
    }
  }

  run(): StructureStats {
    const { tasks, fn } = this
    tasks.push(NONE, this.flow.root)
    while (tasks.length) {
      const node = tasks.pop()!, follow = tasks.pop()!
      if (node === END) fn.end()
      else if (node < 0) this.jump(~node, follow)
      else this.tree(node, follow)
    }
    if (this.sealed !== fn.length) fn.unreachable()
    return this.stats
  }

  private get entry(): number {
    return this.entryLocal ??= this.fn.local(I32)
  }

  /** Writes a node with the blocks around it; what comes behind those is left as tasks. */
  private tree(node: number, follow: number): void {
    const { firstAfter, firstInside, isHeader, entryRoot, nodes, firstOut, outs } = this.flow
    follow = this.openBlocks(firstAfter[node], follow)
    if (isHeader[node]) {
      this.flow.loopLabel[node] = this.fn.loop()
      this.stats.loops++
      this.tasks.push(NONE, END)
      this.measure()
    }
    follow = this.openBlocks(firstInside[node], follow)

    const first = firstOut[node]
    if (node === entryRoot) return this.table(first, outs[node], NONE)
    if (node > entryRoot) return this.dispatch(node, follow)
    switch (nodes[node].kind) {
      case 'goto':
        this.hooks.body(node)
        return this.jump(first, follow)
      case 'branch':
        this.hooks.body(node)
        return this.branch(first, first + 1, follow)
      case 'switch':
        return this.multiway(node, follow)
      case 'exit':
        this.hooks.body(node)
        return this.trap()
    }
  }

  /**
   * Opens a block for each node of the list, the first innermost; behind a block's end comes its node.
   * Returns what follows inside.
   */
  private openBlocks(first: number, follow: number): number {
    if (first < 0) return follow
    const { nextPlaced, blockLabel } = this.flow
    const { tasks } = this
    // In the list's order first, as the stack wants the reverse; then each gets the next as what follows it.
    const begin = tasks.length
    for (let v = first; v >= 0; v = nextPlaced[v]) tasks.push(v, v, NONE, END)
    for (let low = begin, high = tasks.length - 4; low < high; low += 4, high -= 4) {
      const v = tasks[low + 1]
      tasks[low + 1] = tasks[high + 1]
      tasks[high + 1] = v
    }
    for (let i = begin; i < tasks.length; i += 4) {
      tasks[i] = follow
      follow = tasks[i + 1]
      blockLabel[follow] = this.fn.block()
      this.stats.blocks++
    }
    this.measure()
    return follow
  }

  private hasCode(e: number): boolean {
    return this.flow.value[e] >= 0 || this.flow.back[e] === 1 && this.hooks.backEdge !== undefined
  }

  /** The only way to its node: the node is written right there. */
  private isInline(e: number): boolean {
    return !this.flow.back[e] && !this.flow.needsBlock[this.flow.to[e]]
  }

  private labelOf(e: number): Label {
    const { back, to, blockLabel, loopLabel } = this.flow
    return (back[e] ? loopLabel[to[e]] : blockLabel[to[e]]) as Label
  }

  /**
   * Goes along an edge. Where `follow` comes next after the ends of blocks, falling out of them is enough.
   */
  private jump(e: number, follow: number): void {
    const { back, from, to, target, value } = this.flow
    if (back[e]) this.hooks.backEdge?.(from[e], target[e])
    if (value[e] >= 0) {
      this.fn.i32c(value[e]).set(this.entry)
      this.stats.dispatchEdges++
    }
    if (this.isInline(e)) {
      this.tasks.push(follow, to[e])
    } else if (back[e] || to[e] !== follow) {
      this.fn.br(this.labelOf(e))
      this.sealed = this.fn.length
    }
  }

  /** One of two edges stands aside, behind a condition; the code goes on with the other. */
  private branch(then: number, otherwise: number, follow: number): void {
    const { fn, flow } = this
    if (flow.shared[otherwise] === then) {
      fn.drop()
      return this.jump(then, follow)
    }
    const thenRank = this.rank(then, follow), otherRank = this.rank(otherwise, follow)
    const goOnWithThen = thenRank > otherRank || thenRank === otherRank && thenRank === RANK.INLINE &&
      flow.size[flow.to[then]] > flow.size[flow.to[otherwise]]
    const aside = goOnWithThen ? otherwise : then, last = goOnWithThen ? then : otherwise
    if (goOnWithThen) fn.op(I32_EQZ)
    if (!this.isInline(aside) && !this.hasCode(aside)) {
      fn.brIf(this.labelOf(aside))
      return this.jump(last, follow)
    }
    this.openIf()
    this.tasks.push(follow, ~last, NONE, END)
    this.jump(aside, NONE)
  }

  private rank(e: number, follow: number): number {
    if (this.isInline(e)) return RANK.INLINE
    if (this.hasCode(e)) return RANK.CODE
    return !this.flow.back[e] && this.flow.to[e] === follow ? RANK.FALLS : RANK.BRANCH
  }

  private multiway(node: number, follow: number): void {
    const { fn, flow } = this
    const first = flow.firstOut[node], end = first + flow.outs[node]
    /** Edges with code of their own get a block each; the code stands behind its end. */
    const aside: number[] = []
    let distinct = 0
    for (let e = first; e < end; e++) {
      if (flow.shared[e] !== e) continue
      distinct++
      if (this.hasCode(e)) aside.push(e)
    }
    if (distinct === 1) {
      this.hooks.body(node)
      fn.drop()
      return this.jump(first, follow)
    }
    const labels = new Map<number, Label>()
    for (const e of aside) labels.set(e, fn.block())
    this.stats.blocks += aside.length
    this.measure()
    this.hooks.body(node)
    const targets: Label[] = []
    for (let e = first; e < end; e++) targets.push(labels.get(flow.shared[e]) ?? this.labelOf(flow.shared[e]))
    const otherwise = targets.pop()!
    fn.brTable(targets, otherwise)
    this.sealed = fn.length
    for (let i = aside.length - 1; i >= 0; i--) {
      fn.end()
      this.jump(aside[i], i ? NONE : follow)
    }
  }

  /** The beginning of a loop with several entries: to get to the usual one takes one comparison. */
  private dispatch(node: number, follow: number): void {
    const { fn } = this
    const { firstOut, outs, primary, valueOf, target } = this.flow
    const first = firstOut[node], usual = primary[node]
    if (outs[node] === 2) {
      const other = usual === first ? first + 1 : first
      fn.get(this.entry).i32c(valueOf[target[other]]).op(I32_EQ).brIf(this.labelOf(other))
    } else {
      fn.get(this.entry).i32c(valueOf[target[usual]]).op(I32_NE)
      this.openIf()
      this.table(first, outs[node], usual)
      fn.end()
    }
    this.jump(usual, follow)
  }

  /**
   * Branches to wherever the entry local says, over all edges but one; traps where it says something else.
   */
  private table(first: number, edges: number, except: number): void {
    const { fn } = this
    const { valueOf, target } = this.flow
    let low = Infinity, high = 0
    for (let e = first; e < first + edges; e++) {
      if (e === except) continue
      low = Math.min(low, valueOf[target[e]])
      high = Math.max(high, valueOf[target[e]])
    }
    const bad = fn.block()
    this.stats.blocks++
    this.measure()
    const labels: Label[] = new Array(high - low + 1).fill(bad)
    for (let e = first; e < first + edges; e++) {
      if (e !== except) labels[valueOf[target[e]] - low] = this.labelOf(e)
    }
    fn.get(this.entry)
    if (low) fn.i32c(low).op(I32_SUB)
    fn.brTable(labels, bad).end()
    this.trap()
  }

  private trap(): void {
    this.fn.unreachable()
    this.sealed = this.fn.length
  }

  private openIf(): void {
    this.fn.if()
    this.stats.ifs++
    this.measure()
  }

  private measure(): void {
    const depth = this.fn.depth - this.outside
    if (depth > this.stats.maxDepth) this.stats.maxDepth = depth
  }
}
