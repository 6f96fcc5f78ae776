// Instruction tables of fixed-width instruction sets. A row is the manual's own line: the bit pattern, the
// operands as an assembler writes them, and the lifting function. From the rows come decoder, disassembler,
// encoder and test cases.
//
// A pattern is a list of tokens from the most significant bit down:
//   0110111           fixed bits
//   rd                a field of the declared width
//   imm[12|10:5]      these bits of an operand, in this order; a bit that appears nowhere is 0
//   rd/rs1            one field that is two operands
//   rs1'              a field with a prime is declared on its own and gives the operand without the prime
//   rd≠0,2            not these values (of the whole operand)
// The syntax names operands between punctuation; `imm:pc` says how to print one where its name does not.
//
// A row may be a special case of another (it fixes more bits): it comes first. Any other overlap is an error
// at load.

/** A field's width in bits, or more: `plus` is added to the field's value, `signed` extends its top bit. */
export type Field = number | { readonly width?: number; readonly plus?: number; readonly signed?: boolean }
export type Fields = { readonly [name: string]: Field }

// The patterns as the type checker reads them.
type Tokens<P extends string> = P extends `${infer A} ${infer B}` ? A | Tokens<B> : P
type Unlimited<T extends string> = T extends `${infer N}≠${string}` ? N : T
type Unbracketed<T extends string> = T extends `${infer N}[${string}` ? N : T
type Alternatives<T extends string> = T extends `${infer A}/${infer B}` ? A | Alternatives<B> : T
type FieldNames<P extends string> =
  Tokens<P> extends infer T ? T extends `${0 | 1}${string}` | '' ? never
    : T extends string ? Alternatives<Unbracketed<Unlimited<T>>> : never : never
type Unprimed<T extends string> = T extends `${infer N}'` ? N : T
export type Names<P extends string> = Unprimed<FieldNames<P>>
/** The operands of a pattern, or of a plain list of names. */
export type Operands<P extends string> = { readonly [K in Names<P>]: number }

type Words<S extends string> =
  S extends `${infer A}, ${infer B}` ? Words<A> | Words<B>
    : S extends `${infer A}(${infer B})` ? Words<A> | Words<B>
      : S extends `${infer A}:${string}` ? A : S
type Complain<Bad, What extends string> = [Bad] extends [never] ? unknown : { [K in What]: Bad }

export type Operand = {
  readonly name: string
  /** The other operands with the same value. */
  readonly also: readonly string[]
  readonly signed: boolean
  /** Bits of the operand's value without `plus`, from bit 0 on. */
  readonly bits: number
  readonly plus: number
  /** Runs of bits: `width` bits at `at` in the word are bits `to` and up of the value. */
  readonly pieces: readonly { readonly at: number; readonly to: number; readonly width: number }[]
  readonly not: readonly number[]
}

export type SyntaxPart = string | { readonly operand: string; readonly kind: string }

export type Row<G, O = never> = {
  readonly pattern: string
  readonly syntax: string
  readonly lift: (g: G, o: O) => void
  /** Known once the row is in a table. */
  name: string
  bytes: number
  mask: number
  match: number
  /** Pairs of mask and value that the word must not have. */
  not: Int32Array
  operands: readonly Operand[]
  parts: readonly SyntaxPart[]
  /** Steps of `extract`. */
  extractor: Int32Array
}

const ones = (width: number) => (width === 32 ? -1 : (1 << width) - 1)

/** A row: the manual's pattern, the operands as an assembler writes them, the lifting function. */
export interface Insn<G, F extends Fields, L extends string> {
  <const P extends string, const S extends string>(
    pattern: P & Complain<Exclude<FieldNames<P>, keyof F>, 'no such field'>,
    syntax: S & Complain<Exclude<Words<S>, Names<P> | L | ''>, 'no such operand'>,
    lift: (g: G, o: Operands<NoInfer<P>>) => void,
  ): Row<G, Operands<P>>
}

export interface Patterns<G, F extends Fields, L extends string> {
  readonly insn: Insn<G, F, L>
  table<const R extends { readonly [name: string]: Row<G> }>(width: 16 | 32, rows: R): R
  decoder(tables: readonly { readonly [name: string]: Row<G> }[]): Decoder<G>
}

/** One instruction set's patterns: `insn` writes a row, `table` names and checks rows, `decoder` finds
 * them. */
export function patterns<G>() {
  return <const F extends Fields, const L extends string = never>(
    fields: F, _literals: readonly L[] = [],
  ): Patterns<G, F, L> => {
    const slotNames = [...new Set(Object.keys(fields).map(n => n.replace("'", '')))]
    const slots = new Int32Array(slotNames.length)
    // All rows hand their operands over in this one object, so that lifting functions see a single shape.
    const operands = {}
    for (const [i, name] of slotNames.entries()) {
      Object.defineProperty(operands, name, { get: () => slots[i], enumerable: true })
    }

    const insn: Insn<G, F, L> = (pattern, syntax, lift) => {
      const none = new Int32Array(0)
      return { pattern, syntax, lift, name: '', bytes: 0, mask: 0, match: 0, not: none, operands: [], parts: [],
        extractor: none }
    }

    function table<const R extends { readonly [name: string]: Row<G> }>(width: 16 | 32, rows: R): R {
      for (const [name, row] of Object.entries(rows)) {
        row.name = name
        row.bytes = width / 8
        parse(row, width, fields)
        row.extractor = compile(row.operands, slotNames)
        row.parts = parseSyntax(row)
      }
      return rows
    }

    function decoder(tables: readonly { readonly [name: string]: Row<G> }[]): Decoder<G> {
      const list = tables.flatMap(t => Object.values(t))
      return new Decoder<G>(list, slots, operands as never)
    }
    return { insn, table, decoder }
  }
}

function parse(row: Row<never>, width: number, fields: Fields): void {
  const found = new Map<string, { piece: Operand['pieces'][number][]; not: number[]; whole: boolean }>()
  let at = width
  const fail = (why: string): never => { throw new Error(`${row.name}: ${why} in '${row.pattern}'`) }
  for (const token of row.pattern.split(/\s+/)) {
    if (/^[01]+$/.test(token)) {
      at -= token.length
      row.mask |= ones(token.length) << at
      row.match |= parseInt(token, 2) << at
      continue
    }
    const m = /^([a-z]\w*'?(?:\/[a-z]\w*'?)*)(?:\[([\d:|]+)\])?(?:≠([\d,]+))?$/.exec(token) ?? fail(`'${token}'`)
    const [, name, ranges, not] = m as unknown as [string, string, string?, string?]
    const entry = found.get(name) ?? { piece: [], not: [], whole: ranges === undefined }
    found.set(name, entry)
    if (not) entry.not.push(...not.split(',').map(Number))
    if (ranges === undefined) {
      const field = fields[name.split('/')[0]!]!
      const bits = typeof field === 'number' ? field : field.width ?? fail(`no width of '${name}'`)
      at -= bits
      entry.piece.push({ at, to: 0, width: bits })
      continue
    }
    for (const range of ranges.split('|')) {
      const [high, low] = range.split(':').map(Number) as [number, number?]
      const bits = high - (low ?? high) + 1
      at -= bits
      entry.piece.push({ at, to: low ?? high, width: bits })
    }
  }
  if (at !== 0) fail(`${width - at} bits, not ${width},`)
  row.mask |= 0
  row.match |= 0
  const not: number[] = []
  row.operands = [...found].map(([names, { piece, not: values }]) => {
    const [first, ...also] = names.split('/') as [string, ...string[]]
    const field = fields[first]!, more = typeof field === 'number' ? {} : field
    const operand: Operand = { name: first.replace("'", ''), also: also.map(n => n.replace("'", '')),
      signed: more.signed ?? false, plus: more.plus ?? 0, bits: Math.max(...piece.map(p => p.to + p.width)),
      pieces: piece, not: values }
    const whole = piece.reduce((mask, p) => mask | (ones(p.width) << p.at), 0)
    for (const v of values) not.push(whole, place(operand, v))
    return operand
  })
  row.not = Int32Array.from(not)
}

function parseSyntax(row: Row<never>): SyntaxPart[] {
  const names = new Set(row.operands.flatMap(o => [o.name, ...o.also]))
  return row.syntax.split(/([a-z]\w*(?::\w+)?)/).filter(s => s !== '').map(part => {
    const [operand, kind] = part.split(':') as [string, string?]
    return names.has(operand) ? { operand, kind: kind ?? operand } : part
  })
}

/** An operand's value as bits of the instruction word. */
function place(o: Operand, value: number): number {
  const v = value - o.plus
  let word = 0, seen = 0
  for (const p of o.pieces) {
    word |= ((v >> p.to) & ones(p.width)) << p.at
    seen |= ones(p.width) << p.to
  }
  const back = o.signed ? (v << (32 - o.bits)) >> (32 - o.bits) : v & ones(o.bits)
  if (back !== v || (v & ~seen & ones(o.bits)) !== 0) throw new RangeError(`${o.name} cannot be ${value}`)
  return word
}

/** The instruction word of a row with these operands. */
export function encode(row: Row<never>, operands: { readonly [name: string]: number }): number {
  let word = row.match
  for (const o of row.operands) {
    const value = operands[o.name]
    if (value === undefined) throw new Error(`${row.name}: no operand ${o.name}`)
    word |= place(o, value)
  }
  return row.bytes === 2 ? word & 0xffff : word | 0
}

/** Values that an operand can have: random bits through its pieces. */
export function anyOperand(o: Operand, random: () => number): number {
  for (;;) {
    const bits = Math.floor(random() * 0x100000000) | 0
    let v = 0
    for (const p of o.pieces) v |= bits & (ones(p.width) << p.to)
    v = (o.signed ? (v << (32 - o.bits)) >> (32 - o.bits) : v) + o.plus
    if (!o.not.includes(v)) return v
  }
}

// A step per piece: slot, left shift, right shift, mask, shift to its place, addend, and what it keeps of the
// slot's value (nothing if it is the operand's first). No step has a branch.
const STEP = 7
function compile(operands: readonly Operand[], slotNames: readonly string[]): Int32Array {
  const out: number[] = []
  for (const o of operands) {
    for (const name of [o.name, ...o.also]) {
      for (const [i, p] of o.pieces.entries()) {
        const signed = o.signed && p.to + p.width === o.bits // the right shift is arithmetic
        out.push(slotNames.indexOf(name), 32 - p.width - p.at, 32 - p.width, signed ? -1 : ones(p.width), p.to,
          i === 0 ? o.plus : 0, i === 0 ? 0 : -1)
      }
    }
  }
  return Int32Array.from(out)
}

const LEAF = 2 // rows that may as well be tried one after the other
const WINDOW = 7 // bits that one node of the tree looks at

/** Finds rows by instruction word: a tree of small dispatch tables, made from the patterns. */
export class Decoder<G> {
  readonly rows: readonly Row<G>[]
  private readonly slots: Int32Array
  private readonly operands: never
  // Nodes: shift, mask, then a child per value; a child is a node's index or the complement of a leaf's.
  // Leaves: the number of rows, then for each its mask, match, number of excluded values with their masks,
  // and its index.
  private tree: Int32Array | undefined
  private readonly extractors: readonly Int32Array[]

  constructor(rows: readonly Row<G>[], slots: Int32Array, operands: never) {
    this.rows = rows
    this.slots = slots
    this.operands = operands
    this.extractors = rows.map(r => r.extractor)
  }

  /** Made when it is first wanted: most threads decode nothing, or nothing at their start. */
  private plant(): Int32Array {
    const specific = (r: Row<G>) => popcount(r.mask) + (r.not.length ? 0.5 : 0)
    const sorted = this.rows.map(r => [specific(r), r] as const).sort((a, b) => b[0] - a[0]).map(p => p[1])
    const tree: number[] = []
    this.grow(tree, sorted, 0)
    return Int32Array.from(tree)
  }

  private grow(tree: number[], rows: Row<G>[], known: number): number {
    const window = rows.length > LEAF ? bestWindow(rows, known) : undefined
    const root = tree.length === 0
    if (!window && !root) {
      const leaf = tree.length
      tree.push(rows.length)
      for (const r of rows) tree.push(r.mask, r.match, r.not.length, ...r.not, this.rows.indexOf(r))
      return ~leaf
    }
    const { shift, width } = window ?? { shift: 0, width: 1 }
    const node = tree.length, mask = ones(width)
    tree.push(shift, mask, ...new Array<number>(mask + 1).fill(0))
    const same = new Map<string, number>() // values with the same rows share a child
    for (let v = 0; v <= mask; v++) {
      const fit = rows.filter(r => (((r.match >>> shift) ^ v) & (r.mask >>> shift) & mask) === 0)
      const key = fit.map(r => r.name).join()
      const child = same.get(key) ?? this.grow(tree, fit, known | (mask << shift))
      same.set(key, child)
      tree[node + 2 + v] = child
    }
    return node
  }

  /** Index in `rows` of the row that a word belongs to; -1 if it is no instruction. */
  find(word: number): number {
    const tree = (this.tree ??= this.plant())
    let i = 0
    do i = tree[i + 2 + ((word >>> tree[i]!) & tree[i + 1]!)]!
    while (i >= 0)
    i = ~i
    let rows = tree[i++]!
    next: for (; rows > 0; rows--, i += 4 + tree[i + 2]!) {
      if ((word & tree[i]!) !== tree[i + 1]!) continue
      const limits = tree[i + 2]!
      for (let j = i + 3; j < i + 3 + limits; j += 2) if ((word & tree[j]!) === tree[j + 1]!) continue next
      return tree[i + 3 + limits]!
    }
    return -1
  }

  /** The operands of a word that belongs to row number `row`, in an object that is used again. */
  extract(row: number, word: number): never {
    const e = this.extractors[row]!, slots = this.slots
    for (let i = 0; i < e.length; i += STEP) {
      const slot = e[i]!
      const bits = ((((word << e[i + 1]!) >> e[i + 2]!) & e[i + 3]!) << e[i + 4]!) + e[i + 5]!
      slots[slot] = (slots[slot]! & e[i + 6]!) | bits
    }
    return this.operands
  }

  /** Pairs of rows of which neither is a special case of the other, and words that both match. */
  overlaps(): string[] {
    const bad: string[] = []
    for (const [i, a] of this.rows.entries()) {
      for (const b of this.rows.slice(i + 1)) {
        const both = a.mask & b.mask
        if (((a.match ^ b.match) & both) !== 0 || excluded(a, b) || excluded(b, a)) continue
        if (a.mask !== b.mask && (both === a.mask || both === b.mask)) continue
        bad.push(`${a.name} and ${b.name}`)
      }
    }
    return bad
  }
}

/** True if one of `a`'s excluded values is what `b` fixes in those bits. */
function excluded(a: Row<never>, b: Row<never>): boolean {
  for (let j = 0; j < a.not.length; j += 2) {
    const mask = a.not[j]!
    if ((mask & ~b.mask) === 0 && (b.match & mask) === a.not[j + 1]) return true
  }
  return false
}

function popcount(x: number): number {
  let n = 0
  for (; x !== 0; x &= x - 1) n++
  return n
}

/** The run of bits that leaves the shortest lists, weighing the table's size. */
type Window = { readonly shift: number; readonly width: number }
function bestWindow(rows: readonly Row<never>[], known: number): Window | undefined {
  let best: Window | undefined
  let bestCost = rows.length * 0.9
  for (let width = 1; width <= WINDOW; width++) {
    const mask = ones(width), sizes = new Int32Array(mask + 1)
    for (let shift = 0; shift + width <= 32; shift++) {
      if (known & (mask << shift)) continue
      sizes.fill(0)
      let everywhere = 0
      for (const r of rows) {
        const fixed = (r.mask >>> shift) & mask, free = ~fixed & mask
        if (fixed === 0) {
          everywhere++
          continue
        }
        const value = (r.match >>> shift) & mask
        // Every subset of the free bits.
        for (let v = free; ; v = (v - 1) & free) {
          sizes[value | v]!++
          if (v === 0) break
        }
      }
      let sum = 0, squares = 0
      for (const s of sizes) sum += s + everywhere, squares += (s + everywhere) ** 2
      const cost = squares / sum + width * 0.1
      if (cost < bestCost) bestCost = cost, best = { shift, width }
    }
  }
  return best
}
