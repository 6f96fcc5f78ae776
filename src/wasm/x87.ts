// The function behind the runtime helpers of an x87 stack: what they do in the common case, with all exceptions masked, rounding
// to nearest with full precision, numbers that are normal or zero, and registers that hold something where they must. It
// answers 0 where the case is another one, and has changed nothing then. Intel SDM volume 1, chapter 8.
import type { FpStack } from '../ir/fp-stack.ts'
import { type Code, I32, I64, type Label, type ModuleBuilder } from './encode.ts'
import * as X from './extended.ts'
import { divideWide, type Library, mulhUnsigned } from './lower.ts'
import * as W from './opcodes.ts'

/** Bits of the control and the status word. */
const CONTROL = 0xf3f, USUAL = 0x33f
const PE = 0x20, C0 = 0x100, C1 = 0x200, C2 = 0x400, C3 = 0x4000, CODES = C0 | C1 | C2 | C3
const ONE = 16383

type Reg = { readonly p: number; readonly e: number; readonly m: number }

/** Parameters: the state, the helper's number, its first operand; results: its value, and 1 if it was done. */
export function emitX87(m: ModuleBuilder, lib: Library, s: FpStack): Code {
  const f = m.function(m.type([I32, I32, I64], [I64, I32]), { name: 'x87' })
  const cpu = 0, helper = 1, operand = 2, fsw = f.local(I32), top = f.local(I32), tags = f.local(I32), status = f.local(I32), order = f.local(I32)
  const value = f.local(I64)
  const newRegister = (): Reg => ({ p: f.local(I32), e: f.local(I32), m: f.local(I64) })
  const a = newRegister(), b = newRegister()
  const mulh = lib.get('mulh.uu', [I64, I64], [I64], mulhUnsigned), wide = lib.get('divw.u', [I64, I64, I64], [I64], divideWide)
  const operations = { add: X.add(lib), mul: X.mul(lib, mulh), div: X.div(lib, wide) }
  const refused: Label = f.block()

  // The stack.
  const index = (r: Reg, n: () => Code) => n().get(top).op(W.I32_ADD).i32c(7).op(W.I32_AND).set(r.p)
  const isFull = (r: Reg) => f.get(tags).get(r.p).op(W.I32_SHR_U).i32c(1).op(W.I32_AND)
  const mustHold = (r: Reg) => isFull(r).op(W.I32_EQZ).unlikely().brIf(refused)
  const at = (r: Reg, shift: number) => f.get(cpu).get(r.p).i32c(shift).op(W.I32_SHL).op(W.I32_ADD)
  const load = (r: Reg) => {
    at(r, 1).load(W.I32_LOAD16_U, s.exponents).set(r.e)
    at(r, 3).load(W.I64_LOAD, s.mantissas).set(r.m)
  }
  const ZERO = () => f.i32c(0), NTH = () => f.get(helper).i32c(7).op(W.I32_AND)
  const read = (r: Reg, n: () => Code) => {
    index(r, n)
    mustHold(r)
    load(r)
  }
  const write = (r: Reg, to: Reg = r) => {
    at(to, 1).get(r.e).store(W.I32_STORE16, s.exponents)
    at(to, 3).get(r.m).store(W.I64_STORE, s.mantissas)
  }
  const setTags = () => f.get(cpu).get(tags).store(W.I32_STORE8, s.tags)
  const setTop = () => f.get(cpu).get(top).store(W.I32_STORE, s.top)
  const pop = (times: number) => {
    for (let n = 0; n < times; n++) {
      f.get(tags).i32c(-1).i32c(1).get(top).op(W.I32_SHL).op(W.I32_XOR).op(W.I32_AND).set(tags)
      f.get(top).i32c(1).op(W.I32_ADD).i32c(7).op(W.I32_AND).set(top)
    }
    if (times > 0) {
      setTags()
      setTop()
    }
  }
  /** Register `r` holds something from now on. */
  const fill = (r: Reg) => {
    f.get(tags).i32c(1).get(r.p).op(W.I32_SHL).op(W.I32_OR).set(tags)
    setTags()
  }
  /** `r` becomes the new top. */
  const push = (r: Reg) => {
    f.get(top).i32c(7).op(W.I32_ADD).i32c(7).op(W.I32_AND).set(r.p)
    isFull(r).unlikely().brIf(refused)
    f.get(r.p).set(top)
    setTop()
    write(r)
    fill(r)
    codes(0, C1)
  }

  // Status and results.
  const codes = (set: number, of: number) => f.get(cpu).get(fsw).i32c(~of).op(W.I32_AND).i32c(set).op(W.I32_OR).store(W.I32_STORE16, s.status)
  const note = () => {
    f.get(cpu).get(fsw).i32c(~C1).op(W.I32_AND)
    f.get(status).i32c(X.Status.INEXACT).op(W.I32_AND).i32c(Math.log2(PE)).op(W.I32_SHL).op(W.I32_OR)
    f.get(status).i32c(X.Status.UP).op(W.I32_AND).i32c(Math.log2(C1 / X.Status.UP)).op(W.I32_SHL).op(W.I32_OR).store(W.I32_STORE16, s.status)
  }
  /** Takes a result from the stack. */
  const take = (r: Reg) => {
    f.set(status).set(r.m).set(r.e)
    f.get(status).i32c(X.Status.REFUSED).op(W.I32_AND).unlikely().brIf(refused)
  }
  const done = () => f.i64c(0, 0).i32c(1).return()
  const number = (r: Reg) => f.get(r.e).get(r.m)
  const negated = (r: Reg) => f.get(r.e).i32c(0x8000).op(W.I32_XOR).get(r.m)

  /** `to` = a `name` b. */
  const calculate = (name: string, to: Reg, pops: number) => {
    const [x, y] = name.endsWith('r') ? [b, a] : [a, b]
    if (name.startsWith('sub')) {
      number(x)
      negated(y)
      f.call(operations.add)
    } else {
      number(x)
      number(y)
      f.call(operations[name.slice(0, 3) as keyof typeof operations])
    }
    take(to)
    note()
    write(to)
    pop(pops)
    done()
  }
  const compareCodes = (pops: number) => {
    number(a)
    number(b)
    f.call(X.compare(lib)).tee(order).i32c(2).op(W.I32_EQ).unlikely().brIf(refused)
    f.get(cpu).get(fsw).i32c(~CODES).op(W.I32_AND)
    f.i32c(C0).i32c(C3).i32c(0).get(order).op(W.I32_EQZ).select().get(order).i32c(0).op(W.I32_LT_S).select()
    f.op(W.I32_OR).store(W.I32_STORE16, s.status)
    pop(pops)
    done()
  }
  const sources: { readonly [name: string]: () => void } = {
    m32: () => void f.get(operand).call(X.fromFloat(lib, false)), m64: () => void f.get(operand).call(X.fromFloat(lib, true)),
    i16: () => void f.get(operand).call(X.fromInteger(lib)), i32: () => void f.get(operand).call(X.fromInteger(lib)),
    i64: () => void f.get(operand).call(X.fromInteger(lib)),
  }
  const storing = (convert: Code, pops: number) => {
    read(a, ZERO)
    number(a)
    f.call(convert).set(status).set(value)
    f.get(status).i32c(X.Status.REFUSED).op(W.I32_AND).unlikely().brIf(refused)
    f.get(cpu).i32c(1).store(W.I32_STORE, s.stored)
    note()
    pop(pops)
    f.get(value).i32c(1).return()
  }

  /** What a helper does, by the words of its name; undefined: nothing here. */
  const action = (helperName: string): (() => void) | undefined => {
    const [name = '', what = ''] = helperName.split(' '), pops = name.endsWith('pp') ? 2 : name.endsWith('p') ? 1 : 0
    const verb = pops ? name.slice(0, -pops) : name, source = sources[what]
    if (/^(add|mul|subr?|divr?)$/.test(verb)) return () => {
      read(a, what === 'i' ? NTH : ZERO)
      if (source) {
        source()
        take(b)
      } else read(b, what === 'i' ? ZERO : NTH)
      calculate(verb, a, pops)
    }
    if (verb === 'com' || verb === 'ucom') return () => {
      read(a, ZERO)
      if (source) {
        source()
        take(b)
      } else read(b, NTH)
      compareCodes(pops)
    }
    if (verb === 'comi' || verb === 'ucomi') return () => {
      read(a, ZERO)
      read(b, NTH)
      number(a)
      number(b)
      f.call(X.compare(lib)).tee(order).i32c(2).op(W.I32_EQ).unlikely().brIf(refused)
      pop(pops)
      f.i64c(1, 0).i64c(2, 0).i64c(0, 0).get(order).op(W.I32_EQZ).select().get(order).i32c(0).op(W.I32_LT_S).select()
      f.i32c(1).return()
    }
    if (name === 'tst') return () => {
      read(a, ZERO)
      f.i32c(0).set(b.e).i64c(0, 0).set(b.m)
      compareCodes(0)
    }
    if (name === 'ld' && source) return () => {
      source()
      take(a)
      push(a)
      done()
    }
    if (name === 'ld' && what === 'st') return () => {
      read(a, NTH)
      push(a)
      done()
    }
    if (name === 'ldz' || name === 'ld1') return () => {
      f.i32c(name === 'ld1' ? ONE : 0).set(a.e).i64c(0, name === 'ld1' ? 1 << 31 : 0).set(a.m)
      push(a)
      done()
    }
    if (verb === 'st' && (what === 'm32' || what === 'm64')) return () => storing(X.toFloat(lib, what === 'm64'), pops)
    if (verb === 'st' && what === 'st') return () => {
      read(a, ZERO)
      index(b, NTH)
      write(a, b)
      fill(b)
      codes(0, C1)
      pop(pops)
      done()
    }
    if (/^ist(t)?$/.test(verb)) return () => storing(X.toInteger(lib, Number(what), verb === 'istt'), pops)
    if (name === 'xch') return () => {
      read(a, ZERO)
      read(b, NTH)
      write(a, b)
      write(b, a)
      codes(0, C1)
      done()
    }
    if (name === 'chs' || name === 'abs') return () => {
      read(a, ZERO)
      f.get(a.e).i32c(name === 'chs' ? 0x8000 : 0x7fff).op(name === 'chs' ? W.I32_XOR : W.I32_AND).set(a.e)
      write(a)
      codes(0, C1)
      done()
    }
    return undefined
  }

  f.get(cpu).load(W.I32_LOAD16_U, s.control).i32c(CONTROL).op(W.I32_AND).i32c(USUAL).op(W.I32_NE).unlikely().brIf(refused)
  f.get(cpu).load(W.I32_LOAD16_U, s.status).set(fsw)
  f.get(cpu).load(W.I32_LOAD, s.top).set(top)
  f.get(cpu).load(W.I32_LOAD8_U, s.tags).set(tags)
  const actions = s.helpers.map(action), used = actions.filter(one => one !== undefined)
  const labels = used.map(() => f.block()).reverse(), next = [...labels]
  f.get(helper).i32c(s.first).op(W.I32_SUB).i32c(3).op(W.I32_SHR_U).brTable(actions.map(one => (one ? next.shift()! : refused)), refused)
  for (const one of used) {
    f.end()
    one()
  }
  f.end() // refused
  f.i64c(0, 0).i32c(0)
  return f
}
