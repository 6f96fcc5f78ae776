// Lock-step on a small program: it agrees with QEMU by every engine, takes over what cannot be alike, and finds a lifting
// function that is wrong, at the very instruction.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { op } from '../../../src/ir/ops.ts'
import { riscv64 } from '../../../src/isa/riscv/riscv64.ts'
import { lockstep, type Result } from './compare.ts'
import { parseOptions } from './options.ts'
import { openOurSide } from './ours.ts'
import { openQemuSide } from './qemu.ts'
import { report } from './report.ts'
import { begin } from './start.ts'
import { addressOf } from './symbols.ts'

const START = 0x8000_0000n
const program = Uint16Array.of(
  0x0297, 0x0000, //    auipc t0, 0
  0x8293, 0x0582, //    addi t0, t0, 0x58
  0x9073, 0x3052, //    csrw mtvec, t0
  0x6319, //            lui t1, 6
  0x2073, 0x3003, //    csrs mstatus, t1
  0x450d, //            li a0, 3
  0x7553, 0xd225, //    fcvt.d.l fa0, a0
  0x75d3, 0x5a05, //    fsqrt.d fa1, fa0
  0x7653, 0x1ab5, //    fdiv.d fa2, fa0, fa1
  0x75d3, 0xc226, //    fcvt.l.d a1, fa2
  0x1497, 0x0000, //    auipc s1, 1
  0x2673, 0xc010, // 28 rdtime a2
  0x27f3, 0xb000, //    csrr a5, mcycle
  0x13b7, 0x0010, //    lui t2, 0x101
  0xa683, 0x0003, // 34 lw a3, 0(t2)    the real-time clock
  0xe094, //            sd a3, 0(s1)
  0x6098, //            ld a4, 0(s1)
  0x0733, 0x02a7, // 3c mul a4, a4, a0
  0x0833, 0x40b7, // 40 sub a6, a4, a1
  0x9742, //            add a4, a4, a6
  0x76d3, 0xd227, //    fcvt.d.l fa3, a4
  0xf753, 0x02b6, // 4a fadd.d fa4, fa3, fa1
  0x0073, 0x0000, //    ecall
  0x0405, //            addi s0, s0, 1
  0xf871, //            bnez s0, 28
  0x0001, //            nop
  0x2ef3, 0x3410, // 58 csrr t4, mepc
  0x0e91, //            addi t4, t4, 4
  0x9073, 0x341e, //    csrw mepc, t4
  0x0073, 0x3020, //    mret
)
const skip = spawnSync('qemu-system-riscv64', ['--version']).error ? 'qemu-system-riscv64 is not installed' : false

async function compare(
  engine: 'interpreter' | 'compiled', blocks: boolean, skip = 0,
): Promise<{ result: Result; notes: string[] }> {
  const directory = mkdtempSync(join(tmpdir(), 'lockstep-test-')), bios = join(directory, 'bios'), notes: string[] = []
  writeFileSync(bios, program)
  const options = ['-M', 'virt', '-m', '32', '-bios', bios], note = (line: string) => void notes.push(line)
  const theirs = await openQemuSide(options)
  try {
    const ours = await openOurSide(options, engine)
    try {
      await begin(ours, theirs, START, skip, note)
      return { result: await lockstep(ours, theirs, { count: 300, blocks, note }), notes }
    } finally {
      await ours.close()
    }
  } finally {
    await theirs.close()
    rmSync(directory, { recursive: true })
  }
}

for (const engine of ['interpreter', 'compiled'] as const)
  for (const blocks of [false, true]) {
    const how = `${engine}, ${blocks ? 'blocks' : 'instructions'}`
    test(`no difference: ${how}`, { skip, timeout: 300_000 }, async () => {
      const { result, notes } = await compare(engine, blocks)
      assert.equal(result.difference, undefined, report(result))
      assert.ok(result.instructions >= 300)
      for (const taken of ['csrrs a2,time,zero', 'csrrs a5,mcycle,zero', 'lw a3,0(t2)'])
        assert.ok(notes.some(n => n.includes(taken) && n.includes('taken over')), `${taken}: ${notes.join('\n')}`)
    })

    test(`finds a wrong lifting function: ${how}`, { skip, timeout: 300_000 }, async t => {
      const right = riscv64.lift
      t.mock.method(riscv64, 'lift', ((g, ...rest) => {
        right(g, ...rest)
        for (let i = 0; i < g.block.n; i++) if (g.block.op[i] === op['i64.sub']) g.block.op[i] = op['i64.add']
      }) satisfies typeof right)
      const { difference } = (await compare(engine, blocks)).result
      assert.ok(difference)
      assert.deepEqual(difference.registers[0]!.name, blocks ? 'a4' : 'a6')
      assert.ok(difference.instructions.some(i => i.at === START + 0x40n && i.text === 'sub a6,a4,a1'))
      if (!blocks) assert.equal(difference.instructions.length, 1)
      const text = report({ instructions: 1, taken: 0, difference })
      assert.match(text, /0x0000000080000040: {2}sub a6,a4,a1\n/)
      assert.match(text, /\n {2}a6 {8}[0-9a-f]{16} {2}[0-9a-f]{16} {2}[0-9a-f]{16}\n/)
    })
  }

test('begins after some instructions, with what differs made equal', { skip, timeout: 300_000 }, async () => {
  const { result, notes } = await compare('interpreter', false, 19) // the clock has been read
  assert.equal(result.difference, undefined, report(result))
  assert.ok(notes.some(n => /^start: a2 is 0x/.test(n)), notes.join('\n'))
})

test('options', () => {
  assert.deepEqual(parseOptions(['--skip', '3', '--count', '5', '-m', '64', '-nographic', '--blocks', '-serial', 'x', '-bios', 'b', '-v']), {
    from: '0x80000000', skip: 3, count: 5, symbols: undefined, engine: 'interpreter', blocks: true, verbose: true,
    machine: ['-m', '64', '-bios', 'b'],
  })
  assert.equal(parseOptions(['--compiled', '--from', 'main']).engine, 'compiled')
  assert.throws(() => parseOptions(['--compiled', '--interpreter-only']), /both/)
  assert.throws(() => parseOptions(['--count', '0']), /--count 0 is not/)
  assert.throws(() => parseOptions(['--count']), /--count needs a value/)
  assert.throws(() => parseOptions(['--cuont', '1']), (e: any) => e.hint === "did you mean '--count'?")
})

test('symbols', () => {
  const directory = mkdtempSync(join(tmpdir(), 'lockstep-test-')), map = join(directory, 'System.map')
  try {
    writeFileSync(map, 'ffffffff80000000 T _start\nffffffff80001000 t helper\n')
    assert.equal(addressOf('_start', map), 0xffffffff_80000000n)
    assert.equal(addressOf('0x1000', undefined), 0x1000n)
    assert.throws(() => addressOf('nope', map), /no symbol 'nope'/)
    assert.throws(() => addressOf('_start', undefined), /where is '_start'/)
  } finally {
    rmSync(directory, { recursive: true })
  }
})
