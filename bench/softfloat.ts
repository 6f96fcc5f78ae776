// Nanoseconds per soft-float operation on doubles that are neither special nor alike: node bench/softfloat.ts

import * as sf from '../src/base/softfloat.ts'
import { binary32, binary64 } from '../src/base/softfloat.ts'

const COUNT = 4096, TURNS = 300_000
const ctx = sf.floatContext('canonical')
const bits = new BigUint64Array(COUNT), doubles = new Float64Array(bits.buffer)
for (let i = 0; i < COUNT; i++) doubles[i] = Math.sin(i + 1) * 2 ** (i % 23)
const xs = [...bits], positive = xs.map(x => x & ~binary64.signBit)

const operations: Record<string, (i: number, j: number, k: number) => unknown> = {
  add: (i, j) => sf.add(binary64, xs[i]!, xs[j]!, ctx),
  mul: (i, j) => sf.mul(binary64, xs[i]!, xs[j]!, ctx),
  fma: (i, j, k) => sf.fma(binary64, xs[i]!, xs[j]!, xs[k]!, ctx),
  div: (i, j) => sf.div(binary64, xs[i]!, xs[j]!, ctx),
  sqrt: i => sf.sqrt(binary64, positive[i]!, ctx),
  lt: (i, j) => sf.lt(binary64, xs[i]!, xs[j]!, ctx),
  'to int64': i => sf.toInt(binary64, xs[i]!, 64, true, ctx),
  'from int64': i => sf.fromInt(binary64, xs[i]!, 64, true, ctx),
  'to binary32': i => sf.convert(binary64, binary32, xs[i]!, ctx),
}

const measure = (op: (i: number, j: number, k: number) => unknown): number => {
  const start = process.hrtime.bigint()
  for (let i = 0; i < TURNS; i++) op(i % COUNT, (i + 1) % COUNT, (i + 2) % COUNT)
  return Number(process.hrtime.bigint() - start) / TURNS
}

for (const op of Object.values(operations)) measure(op) // warm up, all together as in use
for (const [name, op] of Object.entries(operations)) {
  console.log(`${name.padEnd(12)} ${measure(op).toFixed(0)} ns`)
}
