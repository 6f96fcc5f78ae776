// Control flow graphs made ready for structured code: every loop given one entry (loops.ts), nodes in
// topological order, dominators, and the place where each node's code stands. structure.ts writes the code.
//
// Time is linear in the edges for each level of loop nesting, with a logarithm for dominators. Nothing
// recurses.

import { findLoops } from './loops.ts'

export type Terminator =
  | { readonly kind: 'goto', readonly to: number }
  | { readonly kind: 'branch', readonly then: number, readonly else: number }
  | { readonly kind: 'switch', readonly targets: readonly number[], readonly otherwise: number }
  | { readonly kind: 'exit' }

export interface FlowGraph {
  /** How each node ends. */
  readonly nodes: readonly Terminator[]
  /**
   * Distinct nodes where the function may begin; with several, the entry local holds the index into this
   * list.
   */
  readonly entries: readonly number[]
}

const EMPTY = new Int32Array(0)

/**
 * The analysis of one graph. Nodes keep their numbers; the node of the function's entry and the dispatch
 * nodes follow. Edges are numbered too. The arrays are used again for the next graph once the analysis is
 * given back.
 */
export class Flow {
  nodes: readonly Terminator[] = []
  /** The node that switches over all entries, and the number of the graph's nodes. */
  entryRoot = 0
  /** Where code begins: `entryRoot`, or the only node that it would lead to. */
  root = 0
  /** Numbers of nodes in use, and of the entry local's values. */
  total = 0
  values = 0
  /** Real nodes that can be reached. */
  reached = 0

  /**
   * Outgoing edges of node v: from firstOut[v], outs[v] of them; a terminator's in the order of its slots.
   */
  firstOut = EMPTY
  outs = EMPTY
  /** Incoming edges of a node that is reached, over nextIn. */
  firstIn = EMPTY
  /** The place in a depth-first search from the entries, or -1. */
  preorder = EMPTY
  /** The header of the innermost loop around a node, or -1. A header is not within its own loop. */
  within = EMPTY
  isHeader = EMPTY
  /** Of a dispatch node: the edge that is taken when all goes well. -1 for other nodes. */
  primary = EMPTY
  /** The entry local's value that means this node, or -1. */
  valueOf = EMPTY
  idom = EMPTY
  /**
   * The node stands behind a block that is branched out of: forward edges from several places lead here, or
   * one from a switch or out of a loop. Any other node is written where the edge to it is.
   */
  needsBlock = EMPTY
  /** Nodes behind blocks around this one, in topological order: in its loop, and after its loop. */
  firstInside = EMPTY
  firstAfter = EMPTY
  nextPlaced = EMPTY
  /** Nodes whose code is within this one's, itself included. */
  size = EMPTY
  /** Work space of the searches. */
  region = EMPTY
  component = EMPTY
  index = EMPTY
  low = EMPTY
  cursor = EMPTY
  depth = EMPTY
  jump = EMPTY
  readonly order: number[] = []
  /**
   * Work space of structure.ts: where to branch to reach a node forward, and where to begin its loop again.
   */
  blockLabel = EMPTY
  loopLabel = EMPTY

  edges = 0
  readonly from: number[] = []
  /** Where an edge leads: its target, or the dispatch node in front of it. */
  readonly to: number[] = []
  /** The node that an edge is meant for. */
  readonly target: number[] = []
  /** What the entry local must be set to on this edge, or -1. */
  readonly value: number[] = []
  /** 1 for edges that go back to a loop's beginning. Every cycle has one. */
  readonly back: number[] = []
  /** Slots of a terminator that lead to the same node share one edge, the first. */
  readonly shared: number[] = []
  readonly nextIn: number[] = []

  /** Empties all for a graph of so many nodes. */
  prepare(nodes: readonly Terminator[], entries: number): void {
    const count = nodes.length
    this.nodes = nodes
    this.entryRoot = count
    this.total = count + 1
    this.values = entries
    this.edges = 0
    this.order.length = 0
    // A dispatch node takes one node out of the components below it, so there are fewer of them than nodes.
    if (this.firstOut.length < 2 * count + 1) this.allocate(4 * count + 16)
    for (let v = 0; v <= count; v++) this.clear(v)
  }

  clear(v: number): void {
    this.firstIn[v] = this.preorder[v] = this.within[v] = this.primary[v] = this.valueOf[v] = -1
    this.firstInside[v] = this.firstAfter[v] = this.region[v] = this.component[v] = this.idom[v] = -1
    this.isHeader[v] = this.needsBlock[v] = this.size[v] = this.index[v] = 0
  }

  private allocate(capacity: number): void {
    const array = () => new Int32Array(capacity)
    this.firstOut = array(); this.outs = array(); this.firstIn = array(); this.preorder = array()
    this.within = array(); this.isHeader = array(); this.primary = array(); this.valueOf = array()
    this.idom = array(); this.needsBlock = array(); this.firstInside = array(); this.firstAfter = array()
    this.nextPlaced = array(); this.size = array(); this.region = array(); this.component = array()
    this.index = array(); this.low = array(); this.cursor = array(); this.depth = array(); this.jump = array()
    this.blockLabel = array(); this.loopLabel = array()
  }

  edge(source: number, dest: number): number {
    const e = this.edges++
    this.from[e] = source
    this.to[e] = this.target[e] = dest
    this.value[e] = this.nextIn[e] = -1
    this.back[e] = 0
    this.shared[e] = e
    return e
  }

  /** Makes an edge lead to a node. It must not be in a list of incoming edges. */
  enter(e: number, dest: number): void {
    this.to[e] = dest
    this.nextIn[e] = this.firstIn[dest]
    this.firstIn[dest] = e
  }

  get dispatchNodes(): number {
    return this.total - this.entryRoot - 1
  }
}

const spare: Flow[] = []

export function analyse(graph: FlowGraph): Flow {
  const flow = spare.pop() ?? new Flow()
  flow.prepare(graph.nodes, graph.entries.length)
  buildEdges(flow, graph)
  search(flow)
  findLoops(flow)
  findRoot(flow)
  sort(flow)
  dominators(flow)
  place(flow)
  return flow
}

/** Gives an analysis back: it is not to be read any more. */
export function release(flow: Flow): void {
  flow.nodes = []
  spare.push(flow)
}

function buildEdges(flow: Flow, { nodes, entries }: FlowGraph): void {
  const { firstOut, outs, shared, valueOf, entryRoot } = flow
  const check = (node: number) => {
    if (node >= 0 && node < nodes.length) return node
    throw new RangeError(`no node ${node} in a graph of ${nodes.length}`)
  }
  for (let v = 0; v < nodes.length; v++) {
    const term = nodes[v]
    firstOut[v] = flow.edges
    switch (term.kind) {
      case 'goto': flow.edge(v, check(term.to)); break
      case 'branch': {
        const then = flow.edge(v, check(term.then)), otherwise = flow.edge(v, check(term.else))
        if (term.then === term.else) shared[otherwise] = then
        break
      }
      case 'switch': {
        const first = new Map<number, number>()
        for (let i = 0; i <= term.targets.length; i++) {
          const dest = check(i < term.targets.length ? term.targets[i] : term.otherwise)
          const e = flow.edge(v, dest), same = first.get(dest)
          if (same === undefined) first.set(dest, e)
          else shared[e] = same
        }
        break
      }
      case 'exit': break
    }
    outs[v] = flow.edges - firstOut[v]
  }
  if (!entries.length) throw new RangeError('a graph needs an entry')
  firstOut[entryRoot] = flow.edges
  outs[entryRoot] = entries.length
  for (let i = 0; i < entries.length; i++) {
    const v = check(entries[i])
    if (valueOf[v] >= 0) throw new RangeError(`node ${v} is an entry twice`)
    valueOf[v] = i
    flow.edge(entryRoot, v)
  }
}

/** Depth first from the entries: numbers what is reached, and links incoming edges there. */
function search(flow: Flow): void {
  const { firstOut, outs, shared, to, preorder } = flow
  const stack = flow.order
  stack.push(flow.entryRoot)
  let reached = 0
  while (stack.length) {
    const v = stack.pop()!
    if (preorder[v] >= 0) continue
    preorder[v] = reached++
    const first = firstOut[v]
    for (let e = first + outs[v] - 1; e >= first; e--) {
      if (shared[e] !== e) continue
      flow.enter(e, to[e])
      if (preorder[to[e]] < 0) stack.push(to[e])
    }
  }
  flow.reached = reached - 1
}

function findRoot(flow: Flow): void {
  const { to, entryRoot } = flow
  const first = flow.firstOut[entryRoot]
  flow.root = to[first]
  for (let e = first; e < first + flow.outs[entryRoot]; e++) if (to[e] !== flow.root) flow.root = entryRoot
}

/** Topological order of the graph without back edges: the reverse of a depth-first search's postorder. */
function sort(flow: Flow): void {
  const { firstOut, outs, shared, to, back, cursor, size, order, root } = flow
  const path = [root]
  cursor[root] = firstOut[root]
  size[root] = 1
  while (path.length) {
    const v = path[path.length - 1]
    if (cursor[v] === firstOut[v] + outs[v]) {
      order.push(v)
      path.pop()
      continue
    }
    const e = cursor[v]++, w = to[e]
    if (back[e] || size[w] || shared[e] !== e) continue
    cursor[w] = firstOut[w]
    size[w] = 1
    path.push(w)
  }
  order.reverse()
}

/**
 * The immediate dominator of a node is the nearest common ancestor of its predecessors, all of which come
 * before it. Ancestors are found over jump pointers (Myers' skew-binary lists) in logarithmic time.
 */
function dominators(flow: Flow): void {
  const { nodes, from, back, nextIn, firstIn, primary, entryRoot, root, order } = flow
  const { needsBlock, idom, depth, jump } = flow
  depth[root] = 0
  jump[root] = root
  for (let i = 1; i < order.length; i++) {
    const v = order[i]
    let dom = -1, edges = 0
    for (let e = firstIn[v]; e >= 0; e = nextIn[e]) {
      if (back[e]) continue
      const u = from[e]
      const switches = u < entryRoot ? nodes[u].kind === 'switch' : u === entryRoot || primary[u] !== e
      edges += switches ? 2 : 1
      dom = dom < 0 ? u : commonDominator(flow, dom, u)
    }
    needsBlock[v] = edges > 1 ? 1 : 0
    idom[v] = dom
    depth[v] = depth[dom] + 1
    const far = jump[dom]
    jump[v] = depth[dom] - depth[far] === depth[far] - depth[jump[far]] ? jump[far] : dom
  }
}

function commonDominator({ depth, jump, idom }: Flow, u: number, v: number): number {
  if (depth[u] < depth[v]) [u, v] = [v, u]
  while (depth[u] > depth[v]) u = depth[jump[u]] >= depth[v] ? jump[u] : idom[u]
  while (u !== v) {
    const far = jump[u] !== jump[v]
    u = far ? jump[u] : idom[u]
    v = far ? jump[v] : idom[v]
  }
  return u
}

/**
 * Where the code of each node stands. What a loop leaves for stands behind the loop, in a block around the
 * outermost loop that is left, even if one edge only leads there: loops that follow each other are not
 * nested.
 */
function place(flow: Flow): void {
  const { order, idom, isHeader, within, needsBlock, size, firstInside, firstAfter, nextPlaced } = flow
  for (let i = order.length - 1; i > 0; i--) {
    const v = order[i]
    let parent = idom[v], list = firstInside
    for (let loop = isHeader[parent] ? parent : within[parent]; loop !== within[v]; loop = within[loop]) {
      parent = loop
      list = firstAfter
      needsBlock[v] = 1
    }
    size[parent] += size[v]
    if (!needsBlock[v]) continue
    nextPlaced[v] = list[parent]
    list[parent] = v
  }
}
