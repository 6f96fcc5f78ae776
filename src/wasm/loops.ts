// Loops with one entry each. A loop is a strongly connected component. One that is entered at several nodes
// (the graph is irreducible there, or the function has an entry in the loop's middle) gets a *dispatch node*
// in front: whoever enters the loop says in the entry local where to, and the dispatch node goes there. One
// of the entered nodes is chosen as the primary one, whose incoming edges become back edges; then the rest of
// the component is searched for inner loops in the same way. So a loop costs one dispatch node at most, and
// an inner loop with one entry stays a plain loop whatever is around it.

import type { Flow } from './flow.ts'

/** Tarjan's components of the graph, then of each component without its header, until no cycle is left. */
export function findLoops(flow: Flow): void {
  const { preorder, region, index, low, cursor, firstOut, outs, shared, to } = flow
  const regions: number[][] = [[]]
  for (let v = 0; v < flow.entryRoot; v++) {
    if (preorder[v] < 0) continue
    regions[0].push(v)
    region[v] = 0
  }
  /** Nodes whose component is not known yet, and the path of the search. */
  const open: number[] = [], path: number[] = []
  let clock = 0, components = 0

  for (let r = 0; r < regions.length; r++) {
    for (const start of regions[r]) {
      if (index[start] || region[start] !== r) continue
      let v = start
      for (;;) {
        if (!index[v]) {
          index[v] = low[v] = ++clock
          cursor[v] = firstOut[v]
          open.push(v)
          path.push(v)
        }
        let deeper = -1
        const end = firstOut[v] + outs[v]
        let least = low[v], e = cursor[v]
        while (e < end) {
          const w = to[e]
          // Edges to a header that is done, to a finished component or to a dispatch node leave the region.
          if (region[w] === r && shared[e] === e) {
            if (!index[w]) {
              deeper = w
              break
            }
            if (index[w] < least) least = index[w]
          }
          e++
        }
        low[v] = least
        cursor[v] = e
        if (deeper >= 0) {
          v = deeper
          continue
        }
        path.pop()
        if (least === index[v]) {
          least = Infinity
          const inner = closeComponent(flow, open, v, components++, regions.length)
          if (inner) regions.push(inner)
        }
        if (!path.length) break
        v = path[path.length - 1]
        if (least < low[v]) low[v] = least
      }
    }
  }
}

/**
 * A component is complete: `v` and what is above it on the stack. Its nodes leave their region; those of a
 * loop, but for the header, become the region `inner`, if there are any.
 */
function closeComponent(
  flow: Flow, open: number[], v: number, id: number, inner: number,
): number[] | undefined {
  const { region, component, index } = flow
  if (open[open.length - 1] === v) {
    open.pop()
    region[v] = -1
    component[v] = id
    if (hasSelfEdge(flow, v)) makeLoop(flow, [v], id)
    return undefined
  }
  const members = open.splice(open.lastIndexOf(v))
  for (const w of members) component[w] = id
  const header = makeLoop(flow, members, id)
  for (const w of members) {
    region[w] = inner
    index[w] = 0
  }
  region[header] = -1
  members.splice(members.indexOf(header), 1)
  return members
}

function hasSelfEdge({ firstOut, outs, to, back }: Flow, v: number): boolean {
  for (let e = firstOut[v]; e < firstOut[v] + outs[v]; e++) if (to[e] === v && !back[e]) return true
  return false
}

/**
 * Gives the component one entry and marks the edges back to it. Returns the real node where the loop begins.
 */
function makeLoop(flow: Flow, members: number[], id: number): number {
  const { from, value, back, nextIn, firstIn, component, preorder, within, isHeader, valueOf } = flow
  let head = -1, entered = 0
  for (const v of members) {
    let e = firstIn[v]
    while (e >= 0 && component[from[e]] === id) e = nextIn[e]
    if (e < 0) continue
    entered++
    if (head < 0 || preorder[v] < preorder[head]) head = v
  }
  const dispatch = entered > 1 ? addDispatch(flow, members, id, head) : -1
  let kept = -1
  for (let e = firstIn[head], next = -1; e >= 0; e = next) {
    next = nextIn[e]
    if (component[from[e]] === id) {
      back[e] = 1
      if (dispatch >= 0) {
        value[e] = valueOf[head]
        flow.enter(e, dispatch)
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

/** A dispatch node in front of the component, which takes all edges from outside. */
function addDispatch(flow: Flow, members: number[], id: number, head: number): number {
  const { from, value, nextIn, firstIn, firstOut, outs, component, valueOf, primary, entryRoot } = flow
  const dispatch = flow.total++
  flow.clear(dispatch)
  firstOut[dispatch] = flow.edges
  for (const v of members) {
    let inside = -1, entered = false
    for (let e = firstIn[v], next = -1; e >= 0; e = next) {
      next = nextIn[e]
      if (component[from[e]] === id) {
        nextIn[e] = inside
        inside = e
      } else {
        if (valueOf[v] < 0) valueOf[v] = flow.values++
        // The function's entry and outer dispatch nodes come with the local set.
        if (from[e] < entryRoot) value[e] = valueOf[v]
        flow.enter(e, dispatch)
        entered = true
      }
    }
    firstIn[v] = inside
    if (!entered) continue
    const e = flow.edge(dispatch, v)
    flow.enter(e, v)
    if (v === head) primary[dispatch] = e
  }
  outs[dispatch] = flow.edges - firstOut[dispatch]
  return dispatch
}
