// What `-d` and `-trace` show of a tiny guest, with a thread for its processor and without; nothing is lost, and a guest waits
// for a log that is not taken.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { logClasses } from '../base/log.ts'
import { nodeHost } from '../host/node/host.ts'
import { ExitRequest } from '../isa/isa.ts'
import type { Bound } from './binding.ts'
import type { MachineControl, MachineEvents } from './control.ts'
import { createMachine } from './machine.ts'

const program = Uint32Array.of(
  0x00000297, // 00  auipc t0, 0
  0x02828293, // 04  addi t0, t0, 0x28
  0x30529073, // 08  csrw mtvec, t0
  0x00100f37, // 0c  lui t5, 0x100
  0x005f2023, // 10  sw t0, 0(t5)      the test finisher knows no such value
  0x00000073, // 14  ecall
  0x00130313, // 18  addi t1, t1, 1
  0x100003b7, // 1c  lui t2, 0x10000
  0x0053ce03, // 20  lbu t3, 5(t2)     the UART's line status
  0xff5ff06f, // 24  j 18
  0x34102ef3, // 28  csrr t4, mepc
  0x004e8e93, // 2c  addi t4, t4, 4
  0x341e9073, // 30  csrw mepc, t4
  0x30200073, // 34  mret
)
const LOOP = '0x0000000080000018', T1 = 6

type Line = MachineEvents['log']
type Logged = {
  m: MachineControl
  lines: Line[]
  texts(cls: Line['cls']): string[]
  /** How often the loop began. */
  loops(): Promise<number>
  runFor(ms: number): Promise<void>
}

async function machine(thread: string, more: { singlestep?: boolean; one?: string } = {}): Promise<Logged> {
  const m = await createMachine({
    arch: 'riscv64', bios: 'none', kernel: new Uint8Array(program.buffer), memoryBytes: 32 << 20,
    accels: [{ name: 'jit', properties: { thread, ...(more.one && { 'one-insn-per-tb': more.one }) } }],
    ...(more.singlestep && { singlestep: true }),
  }, nodeHost)
  const lines: Line[] = []
  m.on('log', line => void lines.push(line))
  return {
    m, lines,
    texts: cls => lines.filter(l => l.cls === cls).map(l => l.text),
    loops: async () => Number(await m.debug.readRegister(0, T1)),
    async runFor(ms) {
      await m.resume()
      await sleep(ms)
      await m.pause()
    },
  }
}
const sleep = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))
/** Waits until something is so; the test's own limit ends it. */
async function until(_what: string, is: () => boolean | Promise<boolean>): Promise<void> {
  while (!await is()) await sleep(10)
}
const executed = (texts: readonly string[]) =>
  texts.filter(t => t === `Trace 0: ${LOOP} [M]`).length - texts.filter(t => t === `Stopped 0: before ${LOOP}`).length

for (const thread of ['multi', 'single']) {
  const check = (name: string, body: (l: Logged) => Promise<void>, more?: Parameters<typeof machine>[1]) =>
    test(`${name}, thread=${thread}`, { timeout: 300_000 }, async () => {
      const l = await machine(thread, more)
      try {
        await body(l)
      } finally {
        await l.m.close()
      }
    })

  check('nothing is logged unless asked for', async ({ lines, m, runFor, loops }) => {
    await runFor(50)
    await m.resume()
    await until('it loops', async () => await loops() > 1000)
    assert.deepEqual(lines, [])
  })

  check('in_asm, op, int, mmu, guest_errors', async ({ m, texts, lines, loops, runFor }) => {
    m.setLog(['in_asm', 'op', 'int', 'mmu', 'guest_errors'])
    await m.resume()
    await until('it loops', async () => await loops() > 10)
    await m.pause()
    const asm = texts('in_asm').find(t => t.includes('csrrw zero,mtvec,t0'))
    assert.ok(asm, texts('in_asm').join('\n'))
    assert.match(asm, /^-+\nIN: cpu 0, M \(mode 0x[0-9a-f]+\)\n/)
    assert.ok(texts('in_asm').some(t => /^0x0000000080000020: {2}0053ce03 {2}lbu t3,5\(t2\)$/m.test(t)))
    assert.ok(texts('op').some(t => t.includes(' 80000018: addi t1,t1,1\n') && t.includes('set.l t1 ')))
    assert.deepEqual(texts('int'), ['trap: hart 0, environment call from M-mode (cause 11), epc 0x0000000080000014 [M], '
      + 'tval 0x0000000000000000, to 0x0000000080000028 [M]'])
    assert.ok(texts('mmu').includes('cpu 0: tlb fill 0x0000000080000000 -> 0x80000000, execute, mmu mode 0'), texts('mmu').join('\n'))
    const error = lines.find(l => l.cls === 'guest_errors')
    assert.match(`${error?.source}: ${error?.text}`, /test.*: 0x80000028 written at 0x0 means nothing/)

    // Dropped and translated anew, so that it is seen again.
    lines.length = 0
    m.setLog(['in_asm'], [{ start: 0x8000_0018n, end: 0x8000_0018n }])
    await m.resume()
    await until('the loop is translated again', () => lines.length > 0)
    await m.pause()
    assert.ok(texts('in_asm').every(t => /^-+\nIN: .*\n0x0000000080000018: /.test(t)), texts('in_asm').join('\n'))
    lines.length = 0
    m.setLog([])
    await runFor(50)
    assert.deepEqual(lines, [])
  })

  check('exec has every block that was executed, cpu the registers before it', async ({ m, texts, loops }) => {
    m.setLog(['exec', 'cpu'])
    await m.resume()
    await until('it loops', async () => await loops() > 500)
    await m.pause()
    const count = await loops(), exec = texts('exec')
    assert.equal(executed(exec), count)
    const loop = texts('cpu').map(t => /^CPU#0\n[^]*\bt1 {4}([0-9a-f]{16})\b/.exec(t)?.[1])
    assert.equal(loop.length, exec.filter(t => t.startsWith('Trace')).length)
    assert.deepEqual([...new Set(loop)].slice(0, count), Array.from({ length: count }, (_, i) => i.toString(16).padStart(16, '0')))
  })

  check('wasm has the text of compiled regions', async ({ m, texts }) => {
    m.setLog(['wasm'])
    await m.resume()
    await until('a region is compiled', () => texts('wasm').length > 0)
    await m.pause()
    const text = texts('wasm').find(t => t.includes(`${LOOP}..`))
    assert.ok(text, texts('wasm')[0])
    assert.match(text, /^WASM: r0 0x0000000080000018\.\.0x0000000080000027 \[M\], 1 blocks, 4 instructions/)
    assert.match(text, /\(module[^]*\(export "r0"[^]*i64\.add[^]*\)$/)
  })

  check('trace events', async ({ m, texts, lines, loops, runFor }) => {
    assert.ok(m.traceEvents().some(e => e.name === 'virtio_queue_notify' && !e.enabled))
    assert.equal(m.setTrace('no_such', true), 0)
    assert.equal(m.setTrace('memory_region_ops_*', true), 2)
    assert.deepEqual(m.traceEvents().filter(e => e.enabled).map(e => e.name), ['memory_region_ops_read', 'memory_region_ops_write'])
    await m.resume()
    await until('it loops', async () => await loops() > 3000) // compiled by then
    await m.pause()
    const reads = texts('trace').filter(t => /^memory_region_ops_read mr serial0\.\w+ addr 0x10000005 value 0x60 size 1$/.test(t))
    assert.ok([0, 1].includes(await loops() - reads.length), `${reads.length} of ${await loops()}`)
    assert.ok(texts('trace').some(t => /^memory_region_ops_write mr \S+ addr 0x100000 value 0x80000028 size 4$/.test(t)), texts('trace')[0])
    m.setTrace('*', false)
    m.setTrace('runstate_set', true)
    lines.length = 0
    await runFor(20)
    assert.deepEqual(texts('trace'), ['runstate_set state running', 'runstate_set state paused'])
  })

  check('trace events of translation, and of snapshots', async ({ m, texts, loops }) => {
    for (const pattern of ['tlb_*', 'translate_block', 'jit_*', 'snapshot_*']) assert.ok(m.setTrace(pattern, true) > 0)
    await m.resume()
    await until('a region is compiled', () => texts('trace').some(t => t.startsWith('jit_compile_module')))
    await until('it loops', async () => await loops() > 0)
    await m.pause()
    const parts: Uint8Array[] = []
    for await (const part of m.snapshot()) parts.push(part)
    await m.restore((async function* () { yield* parts })())
    for (const wanted of [
      /^tlb_fill cpu 0 va 0x80000000 pa 0x80000000 access execute mmu_mode 0$/,
      /^translate_block cpu 0 pc 0x80000018 size 16 insns 4$/, /^jit_request_region cpu 0 pc 0x80000018$/,
      /^jit_compile_module regions 1 insns 4 bytes \d+$/, /^snapshot_save$/, /^snapshot_load$/,
    ]) assert.ok(texts('trace').some(t => wanted.test(t)), `${wanted} in ${[...new Set(texts('trace'))].join('\n')}`)
  })

  check('a guest waits for a log that is held; a stop comes all the same', async ({ m, texts, lines, loops }) => {
    m.setLog(['exec'])
    await m.resume()
    await until('it loops', async () => await loops() > 100)
    m.holdLog(true)
    const taken = lines.length
    let last = -1
    await until('it stands still', async () => {
      const now = await loops(), still = now === last
      last = now
      await sleep(40)
      return still
    })
    assert.equal(lines.length, taken)
    assert.equal(m.state, 'running')
    m.holdLog(false)
    await until('it goes on', async () => await loops() > last + 100)
    m.holdLog(true)
    await m.pause()
    assert.equal(executed(texts('exec')), await loops())
  })

  for (const more of [{ singlestep: true }, { one: 'on' }])
    check(`blocks of one instruction, ${JSON.stringify(more)}`, async ({ m, texts, loops }) => {
      m.setLog(['exec', 'in_asm'])
      await m.resume()
      await until('it loops', async () => await loops() > 10)
      await m.pause()
      const at = texts('exec').filter(t => t.startsWith('Trace')).map(t => Number(/0x[0-9a-f]+/.exec(t)![0]))
      const first = at.indexOf(0x80000018)
      assert.deepEqual(at.slice(first, first + 5), [0x80000018, 0x8000001c, 0x80000020, 0x80000024, 0x80000018])
      assert.ok(texts('in_asm').every(t => t.split('\n').length === 3), texts('in_asm')[0])
    }, more)
}

test('a processor that fails leaves the end of its log', { timeout: 300_000 }, async () => {
  const { m, texts, loops } = await machine('multi')
  try {
    m.setLog(['exec'])
    const failure = new Promise<string>(resolve => void m.on('error', ({ message }) => resolve(message)))
    await m.resume()
    await until('it loops', async () => await loops() > 100)
    // Its mailbox is locked, and by itself, when it reads its mail.
    const { bound } = m as unknown as { bound: Bound }, { i32 } = bound.views, mailbox = bound.cpus[0]!.mailbox >>> 2
    i32.set([1, CPU0_THREAD], mailbox + 4)
    Atomics.add(i32, mailbox, 1)
    Atomics.or(i32, bound.cpus[0]!.state >>> 2, ExitRequest.MESSAGE)
    assert.match(await failure, /lock taken twice/)
    assert.equal(m.state, 'internal-error')
    assert.equal(executed(texts('exec')), await loops())
  } finally {
    await m.close()
  }
})
/** The number of the first processor's thread, as locks have it. */
const CPU0_THREAD = 2

test('too many ranges are refused', async () => {
  const { m } = await machine('single')
  try {
    assert.throws(() => m.setLog(['exec'], Array.from({ length: 17 }, () => ({ start: 0n, end: 1n }))), { message: '17 ranges of addresses' })
  } finally {
    await m.close()
  }
})

test('every class has a bit of the switches', () => assert.ok(logClasses.length < 32))
