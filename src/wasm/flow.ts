// Control flow graphs made ready for structured code: loops found and given one entry each, nodes in topological order,
// dominators. structure.ts writes the code.
//
// A loop is a strongly connected component. One that is entered at several nodes (the graph is irreducible there, or
// the function has an entry in the loop's middle) gets a *dispatch node* in front: whoever enters the loop says in a
// local variable where to, and the dispatch node goes there. One of the entered nodes is chosen as the primary one, whose
// incoming edges become back edges; then the rest of the component is searched for inner loops in the same way. So
// no loop costs more than one dispatch node, and an inner loop with one entry stays a plain loop whatever is around it.
//
// Time is linear in the edges for each level of loop nesting, plus a logarithm for dominators. Nothing recurses.

export type Terminator =
  | { readonly kind: 'goto', readonly to: number }
  | { readonly kind: 'branch', readonly then: number, readonly else: number }
  | { readonly kind: 'switch', readonly targets: readonly number[], readonly otherwise: number }
  | { readonly kind: 'exit' }

export interface FlowGraph {
  /** How each node ends. Number them in the order of the guest's code: ties are broken by it. */
  readonly nodes: readonly Terminator[]
  /** Distinct nodes where the function may begin; with several, the entry local holds the index into this list. */
  readonly entries: readonly number[]
}

/** Nodes of the graph keep their numbers; the root and the dispatch nodes follow. Edges are numbered too. */
export interface Flow {
  /** Where code begins: a node, a dispatch node, or `entryRoot`, which switches over all entries. */
  root: number
  entryRoot: number
  /** Outgoing edges of a node: firstOut[v] up to, not including, firstOut[v] + outs[v]. Real nodes: in slot order. */
  firstOut: Int32Array
  outs: Int32Array
  /** Slots of a terminator that lead to the same node share one edge, the first. */
  shared: number[]
  from: number[]
  /** Where an edge leads: its target, or the dispatch node in front of it. */
  to: number[]
  /** The node that an edge is meant for. */
  target: number[]
  /** What the entry local must be set to on this edge, or -1. */
  value: number[]
  /** 1 for edges that go back to a loop's beginning. Every cycle has one. */
  back: number[]
  /** Dispatch nodes only: the edge taken when all goes well. */
  primary: Int32Array
  /** The entry local's value that means this node, or -1. */
  valueOf: Int32Array
  isHeader: Uint8Array
  /** Forward edges from several places, or from a switch, lead here: the node needs a block to branch out of. */
  isMerge: Uint8Array
  /** Merge nodes that this node dominates directly, in topological order: in its loop, and after its loop. */
  firstInside: Int32Array
  firstAfter: Int32Array
  nextMerge: Int32Array
  /** Nodes dominated, itself included. */
  size: Int32Array
  dispatchNodes: number
  /** Real nodes that can be reached. */
  reached: number
}

export function analyse(graph: FlowGraph): Flow {
  const { nodes, entries } = graph
  const count = nodes.length
  const entryRoot = count
  // A dispatch node removes one node from the components below it, so there are fewer of them than nodes.
  const capacity = 2 * count + 1
  const ints = (fill = 0) => fill ? new Int32Array(capacity).fill(fill) : new Int32Array(capacity)

  const firstOut = ints(), outs = ints()
  const from: number[] = [], to: number[] = [], target: number[] = [], value: number[] = [], back: number[] = []
  const shared: number[] = [], nextIn: number[] = []
  const firstIn = ints(-1), valueOf = ints(-1), primary = ints(-1)
  const isHeader = new Uint8Array(capacity)
  let values = entries.length
  let total = count + 1

  function edge(source: number, dest: number): number {
    const e = from.push(source) - 1
    to.push(dest)
    target.push(dest)
    value.push(-1)
    back.push(0)
    shared.push(e)
    nextIn.push(-1)
    return e
  }
  function enter(e: number, dest: number): void {
    to[e] = dest
    nextIn[e] = firstIn[dest]
    firstIn[dest] = e
  }

  buildEdges()
  const preorder = ints(-1)
  const reached = search()
  const within = ints(-1)
  findLoops()

  const single = to[firstOut[entryRoot]]
  let root = single
  for (let i = 1; i < outs[entryRoot]; i++) if (to[firstOut[entryRoot] + i] !== single) root = entryRoot

  const order = reversePostorder()
  const isMerge = new Uint8Array(capacity)
  const idom = ints(-1)
  dominators()
  const firstInside = ints(-1), firstAfter = ints(-1), nextMerge = ints(-1), size = ints()
  childrenAndSizes()

  return {
    root, entryRoot, firstOut, outs, shared, from, to, target, value, back, primary, valueOf, isHeader, isMerge,
    firstInside, firstAfter, nextMerge, size, dispatchNodes: total - count - 1, reached,
  }

  function buildEdges(): void {
    const check = (node: number) => {
      if (!(node >= 0 && node < count)) throw new RangeError(`no node ${node} in a graph of ${count}`)
      return node
    }
    const seenBy = ints(-1), seenEdge = ints()
    for (let v = 0; v < count; v++) {
      const term = nodes[v]
      firstOut[v] = from.length
      switch (term.kind) {
        case 'goto': edge(v, check(term.to)); break
        case 'branch': {
          const e = edge(v, check(term.then)), f = edge(v, check(term.else))
          if (term.then === term.else) shared[f] = e
          break
        }
        case 'switch': {
          for (let i = 0; i <= term.targets.length; i++) {
            const dest = check(i < term.targets.length ? term.targets[i] : term.otherwise)
            const e = edge(v, dest)
            if (seenBy[dest] === v) shared[e] = seenEdge[dest]
            else seenBy[dest] = v, seenEdge[dest] = e
          }
          break
        }
        case 'exit': break
      }
      outs[v] = from.length - firstOut[v]
    }
    if (!entries.length) throw new RangeError('a graph needs an entry')
    firstOut[entryRoot] = from.length
    outs[entryRoot] = entries.length
    entries.forEach((v, i) => {
      if (valueOf[check(v)] >= 0) throw new RangeError(`node ${v} is an entry twice`)
      valueOf[v] = i
      edge(entryRoot, v)
    })
  }

  /** Depth first from the entries: numbers what is reached, and links incoming edges there. */
  function search(): number {
    const stack = [entryRoot]
    let reached = 0
    while (stack.length) {
      const v = stack.pop()!
      if (preorder[v] >= 0) continue
      preorder[v] = reached++
      const first = firstOut[v]
      for (let e = first + outs[v] - 1; e >= first; e--) {
        if (shared[e] !== e) continue
        enter(e, to[e])
        if (preorder[to[e]] < 0) stack.push(to[e])
      }
    }
    return reached - 1
  }

  /** Tarjan's components, then the components of each without its header, until no cycle is left. */
  function findLoops(): void {
    const region = ints(-1), component = ints(-1), index = ints(), low = ints(), cursor = ints()
    const regions: number[][] = [[]]
    for (let v = 0; v < count; v++) if (preorder[v] >= 0) regions[0].push(v), region[v] = 0
    let components = 0, clock = 0
    const open: number[] = [], path: number[] = []

    for (let r = 0; r < regions.length; r++) {
      for (const start of regions[r]) {
        if (index[start] || region[start] !== r) continue
        visit(start, r)
        while (path.length) {
          const v = path[path.length - 1]
          if (cursor[v] < firstOut[v] + outs[v]) {
            const e = cursor[v]++
            const w = to[e]
            if (back[e] || region[w] !== r || shared[e] !== e) continue
            if (!index[w]) visit(w, r)
            else if (index[w] < low[v]) low[v] = index[w]
            continue
          }
          path.pop()
          if (path.length) {
            const u = path[path.length - 1]
            if (low[v] < low[u]) low[u] = low[v]
          }
          if (low[v] === index[v]) close(v)
        }
      }
    }

    function visit(v: number, r: number): void {
      index[v] = low[v] = ++clock
      cursor[v] = firstOut[v]
      region[v] = r
      open.push(v)
      path.push(v)
    }

    /** A component is complete: v and what is above it on the stack. Its nodes leave the region. */
    function close(v: number): void {
      const id = components++
      if (open[open.length - 1] === v) {
        open.pop()
        region[v] = -1
        component[v] = id
        if (hasSelfEdge(v)) makeLoop([v], id)
        return
      }
      const members = open.splice(open.lastIndexOf(v))
      for (const w of members) component[w] = id, region[w] = -1
      const header = makeLoop(members, id)
      const inner = regions.length
      const rest: number[] = []
      for (const w of members) if (w !== header) rest.push(w), region[w] = inner, index[w] = 0
      regions.push(rest)
    }

    function hasSelfEdge(v: number): boolean {
      for (let e = firstOut[v]; e < firstOut[v] + outs[v]; e++) if (to[e] === v && !back[e]) return true
      return false
    }

    /** Gives the component one entry and cuts the edges back to it. Returns the real node where it begins. */
    function makeLoop(members: number[], id: number): number {
      let head = -1, entered = 0
      for (const v of members) {
        let fromOutside = false
        for (let e = firstIn[v]; e >= 0 && !fromOutside; e = nextIn[e]) fromOutside = component[from[e]] !== id
        if (!fromOutside) continue
        entered++
        if (head < 0 || preorder[v] < preorder[head]) head = v
      }
      const dispatch = entered > 1 ? addDispatch(members, id, head) : -1
      let kept = -1
      for (let e = firstIn[head], next = -1; e >= 0; e = next) {
        next = nextIn[e]
        if (component[from[e]] === id) {
          back[e] = 1
          if (dispatch >= 0) {
            value[e] = valueOf[head]
            enter(e, dispatch)
            continue
          }
        }
        nextIn[e] = kept
        kept = e
      }
      firstIn[head] = kept
      const header = dispatch >= 0 ? dispatch : head
      isHeader[header] = 1
      if (dispatch >= 0) within[dispatch] = within[head]
      for (const v of members) if (v !== header) within[v] = header
      return head
    }

    /** A dispatch node before the component: takes all edges from outside. */
    function addDispatch(members: number[], id: number, head: number): number {
      const dispatch = total++
      firstOut[dispatch] = from.length
      for (const v of members) {
        let inside = -1, fromOutside = false
        for (let e = firstIn[v], next = -1; e >= 0; e = next) {
          next = nextIn[e]
          if (component[from[e]] === id) {
            nextIn[e] = inside
            inside = e
          } else {
            if (valueOf[v] < 0) valueOf[v] = values++
            if (from[e] < count) value[e] = valueOf[v] // entries and outer dispatch nodes come with it set
            enter(e, dispatch)
            fromOutside = true
          }
        }
        firstIn[v] = inside
        if (!fromOutside) continue
        const e = edge(dispatch, v)
        enter(e, v)
        if (v === head) primary[dispatch] = e
      }
      outs[dispatch] = from.length - firstOut[dispatch]
      return dispatch
    }
  }

  /** Topological order of the graph without back edges. */
  function reversePostorder(): number[] {
    const cursor = ints(-1), path = [root], order: number[] = []
    cursor[root] = firstOut[root]
    while (path.length) {
      const v = path[path.length - 1]
      if (cursor[v] === firstOut[v] + outs[v]) {
        order.push(v)
        path.pop()
        continue
      }
      const e = cursor[v]++
      const w = to[e]
      if (back[e] || shared[e] !== e || cursor[w] >= 0) continue
      cursor[w] = firstOut[w]
      path.push(w)
    }
    return order.reverse()
  }

  /**
   * The immediate dominator of a node is the nearest common ancestor of its predecessors, all of which come before it.
   * Ancestors are found over jump pointers (Myers' skew-binary stacks) in logarithmic time.
   */
  function dominators(): void {
    const depth = ints(), jump = ints()
    jump[root] = root
    for (let i = 1; i < order.length; i++) {
      const v = order[i]
      let dom = -1, edges = 0
      for (let e = firstIn[v]; e >= 0; e = nextIn[e]) {
        if (back[e]) continue
        const u = from[e]
        const switches = u === entryRoot || primary[u] >= 0 && primary[u] !== e || u < count && nodes[u].kind === 'switch'
        edges += switches ? 2 : 1
        dom = dom < 0 ? u : common(dom, u)
      }
      isMerge[v] = edges > 1 ? 1 : 0
      idom[v] = dom
      depth[v] = depth[dom] + 1
      const far = jump[dom]
      jump[v] = depth[dom] - depth[far] === depth[far] - depth[jump[far]] ? jump[far] : dom
    }

    function common(u: number, v: number): number {
      if (depth[u] < depth[v]) [u, v] = [v, u]
      while (depth[u] > depth[v]) u = depth[jump[u]] >= depth[v] ? jump[u] : idom[u]
      while (u !== v) {
        if (jump[u] !== jump[v]) u = jump[u], v = jump[v]
        else u = idom[u], v = idom[v]
      }
      return u
    }
  }

  function childrenAndSizes(): void {
    for (let i = order.length - 1; i >= 0; i--) {
      const v = order[i], parent = idom[v]
      size[v]++
      if (parent < 0) continue
      size[parent] += size[v]
      if (!isMerge[v]) continue
      const list = isHeader[parent] && within[v] !== parent ? firstAfter : firstInside
      nextMerge[v] = list[parent]
      list[parent] = v
    }
  }
}
