// CSR accesses that become IR do what the processor code does: the same instruction on the same state, both
// ways.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { floatContext } from '../../base/softfloat.ts'
import { generator } from '../../base/random.ts'
import { Builder } from '../../ir/build.ts'
import { evaluate } from '../../ir/eval.ts'
import { encode } from '../pattern.ts'
import { csrs } from './csr.ts'
import { hartLayout, System } from './cpu.ts'
import { fixture } from './fixture.ts'
import { lift } from './lift.ts'
import { zicsr } from './zicsr.insn.ts'

const STATE = 4096 // where the fixture puts its hart
const forms = Object.values(zicsr)

test('registers accessed in place behave as in the processor code', () => {
  const random = generator(8)
  const bits = () => (BigInt(Math.floor(random() * 2 ** 32)) << 32n) | BigInt(Math.floor(random() * 2 ** 32))
  const f = fixture(), g = new Builder()
  const state = f.views.u8.subarray(STATE, STATE + hartLayout.sizeBytes)
  const fields = new DataView(state.buffer, STATE, hartLayout.sizeBytes)
  const inPlace = new Map<string, number>()
  for (let n = 0; n < 20_000; n++) {
    const csr = csrs[n % csrs.length]!, form = forms[Math.floor(random() * forms.length)]!
    const small = () => Math.floor(random() * 32)
    const rd = small(), source = random() < 0.3 ? 0 : random() < 0.3 ? 2 : small()
    const word = encode(form, { rd, csr: csr.number, rs1: source, uimm: source })
    f.cpu.reset()
    f.s.priv = [0, 1, 3][Math.floor(random() * 3)]!
    f.s.mstatus = (f.s.mstatus & ~0xffffffffn) | (bits() & 0x7ffffan)
    for (const name of ['sscratch', 'scause', 'stval'] as const) f.s[name] = bits()
    f.s.sepc = bits() & ~1n
    for (let i = 1; i < 32; i++) f.s.x.set(i, bits())
    f.cpu.refresh()
    const before = state.slice()

    g.begin(0x1000, 0)
    const halves = [word & 0xffff, word >>> 16]
    lift(g, { u8: () => -1, u16: at => halves[at / 2] ?? -1 }, f.s.mode, { maxInsns: 1 })
    const registers = Array.from({ length: 64 }, (_, i) => (i < 32 ? f.s.x.get(i) : 0n))
    let called = false
    const out = evaluate(g.block, {
      registers, fields, float: floatContext('canonical'), dynamicRounding: () => 0,
      load: () => undefined, store: () => false, update: () => undefined,
      call: () => { called = true; return 0n },
    })
    if (out.kind === 'system' || called) continue // left to the processor code
    inPlace.set(csr.name, (inPlace.get(csr.name) ?? 0) + 1)
    for (let i = 0; i < 32; i++) f.s.x.set(i, registers[i]!)
    f.s.pc = out.pc
    const lifted = state.slice()

    state.set(before)
    f.s.pc = 0x1000n
    f.cpu.system(System.CSR, word)
    assert.deepEqual(lifted, state.slice(),
      `${form.name} rd=${rd} ${csr.name} ${source} in privilege ${f.s.priv}`)
  }
  assert.deepEqual([...inPlace.keys()].sort(), ['scause', 'sepc', 'sscratch', 'sstatus', 'stval'])
  for (const [name, count] of inPlace) assert.ok(count > 20, name)
})
