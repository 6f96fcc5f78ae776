import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commands, hmpNames } from '../commands/table.ts'
import type { CommandContext } from '../commands/command.ts'
import { type FakeMachine, fakeMachine, memoryHost, PICTURE, RAM } from '../testing.ts'
import { openOn, peer, settle } from '../testpair.ts'
import { evaluate } from './expression.ts'
import { formatNumber } from './examine.ts'
import { completions, contextOf, openMonitor, runLine } from './monitor.ts'

function bench(options: { powerButton?: boolean; cpus?: number } = {}) {
  const machine: FakeMachine = fakeMachine(options),
    host = memoryHost(),
    quits: string[] = [],
    gdb: string[] = [],
    logs: (string | undefined)[] = []
  const management = {
    machine,
    host,
    chars: [],
    quit: (c: string) => void quits.push(c),
    gdbServer: async (w: string) => {
      gdb.push(w)
      return w
    },
    setLogFile: async (p: string | undefined) => void logs.push(p),
  }
  const ctx: CommandContext = contextOf(management)
  return { machine, host, quits, gdb, logs, management, ctx, say: (line: string) => runLine(line, ctx) }
}

test('expressions', async () => {
  const scope = { register: async (name: string) => (name === 'sp' ? 0x8000n : undefined) }
  const value = async (text: string) => (await evaluate(text, scope)).value
  assert.equal(await value('1 + 2*3'), 7n)
  assert.equal(await value('(1+2)*3'), 9n)
  assert.equal(await value('0x10 - 010 - 1'), 7n)
  assert.equal(await value('0xf0 | 0x0f ^ 0xff'), 0x00n)
  assert.equal(await value('-1'), 0xffff_ffff_ffff_ffffn)
  assert.equal(await value('~0 & 0xff'), 0xffn)
  assert.equal(await value('$sp + 8'), 0x8008n)
  assert.equal(await value("'a' + '\\n'"), 107n)
  assert.equal(await value('7 / 2 % 2'), 1n)
  assert.equal((await evaluate('1 -2', scope)).rest, ' -2')
  for (const wrong of ['', '1 +', '(1', '$none', '1/0', '08', '1x', 'pc', "'"])
    await assert.rejects(value(wrong), { code: 'cli.usage' }, wrong)
})

test('numbers in every format', () => {
  assert.equal(formatNumber(0xffn, 'x', 1), '0xff')
  assert.equal(formatNumber(1n, 'x', 8), '0x0000000000000001')
  assert.equal(formatNumber(0xffn, 'd', 1), '  -1')
  assert.equal(formatNumber(0xffff_ffffn, 'd', 4), '         -1')
  assert.equal(formatNumber(0x41n, 'c', 1), "'A'")
  assert.equal(formatNumber(0x0an, 'c', 1), "'\\n'")
  assert.equal(formatNumber(9n, 'o', 1), '0011')
  assert.equal(formatNumber(255n, 'x', 8, true), '0xff')
})

test('x, xp, print', async () => {
  const { say, machine, ctx } = bench()
  machine.memory.set([1, 2, 3, 4, 5, 6, 7, 8, 0x41, 0x0a], 0x200)
  assert.equal(await say(`x/2xw ${RAM + 0x200}`), '0000000080000200: 0x04030201 0x08070605\n')
  assert.equal(await say('x/2xb'), '0000000080000208: 0x41 0x0a\n')
  assert.equal(await say('xp/2c 0x80000208'), "0000000080000208: 'A' '\\n'\n")
  assert.equal(
    await say('x/3xb 0x8000fffe'),
    '000000008000fffe: 0x00 0x00\n0000000080010000: Cannot access memory\n',
  )
  assert.equal(
    await say('x/2i $pc'),
    '0x0000000080000000:  00000013          nop\n0x0000000080000004:  00000013          nop\n',
  )
  assert.equal(ctx.examined.next, BigInt(RAM + 8))
  assert.equal(await say('p $pc + 4*2'), '0x80000008\n')
  assert.equal(await say('print/d 0x10'), '16\n')
  assert.match(await say('x/3z 0'), /no format or size 'z'/)
  assert.match(await say('print/i 1'), /'\/i' is for memory/)
  assert.match(await say('x/4xw $nope'), /no register 'nope'/)
})

test('running, stopping, resetting, the power button, quitting', async () => {
  const { say, machine, quits } = bench({ powerButton: true })
  assert.equal(await say('info status'), 'VM status: paused (prelaunch)\n')
  await say('c')
  assert.equal(await say('info status'), 'VM status: running\n')
  await say('stop')
  assert.equal(await say('info status'), 'VM status: paused\n')
  await say('system_reset')
  await say('system_powerdown')
  await say('q')
  assert.deepEqual(machine.calls, ['resume', 'pause', 'reset', 'powerdown'])
  assert.deepEqual(quits, ['host-qmp-quit'])
  assert.match(await bench().say('system_powerdown'), /not implemented: this machine has no power button/)
  await machine.quit('guest-shutdown')
  assert.match(await say('cont'), /the machine has ended; system_reset/)
})

test('info', async () => {
  const { say } = bench({ cpus: 2 })
  assert.match(await say('info registers'), /CPU#0\n pc +0000000080000000\n zero +0000000000000000/)
  assert.match(await say('info registers -a'), /CPU#0[^]*CPU#1[^]*a0 +0000000000000001/)
  assert.equal(
    await say('info cpus'),
    '* CPU #0: thread_id=1000 (stopped)\n  CPU #1: thread_id=1001 (stopped)\n',
  )
  assert.equal(await say('info name'), 'test guest\n')
  assert.match(await say('info mtree'), /80000000-000000008000ffff ram\n$/)
  assert.equal(await say('info accel'), 'fake\n')
  assert.equal(await say('info kvm'), 'kvm support: disabled\n')
  assert.match(
    await say('info block'),
    /virtio0: disk.qcow2 \(qcow2\), 1 GiB\n {4}Attached to: {6}virtio-blk\n/,
  )
  assert.equal(await say('info jit'), 'Error: this machine has no jit information\n')
  assert.equal(await say('info trace-events uart*'), 'uart_read : state 0\n')
  await say('trace-event uart_* on')
  assert.equal(await say('info trace-events'), 'uart_read : state 1\nplic_claim : state 0\n')
  assert.match(await say('trace-event no on'), /no trace event 'no'/)
})

test('the current processor', async () => {
  const { say } = bench({ cpus: 2 })
  await say('cpu 1')
  assert.equal(await say('p $a0'), '0x1\n')
  assert.match(await say('cpu 2'), /no processor 2/)
})

test('cards', async () => {
  const { say } = bench()
  assert.equal(await say('info network'),
    'net0: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:12:34:56\n \\ n0: index=0,type=null\n' +
    'net1: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:12:34:57\n')
  assert.equal(await say('info pci'), `  Bus  0, device   3, function 0:
    SCSI controller: PCI device 1af4:1001
      PCI subsystem 1af4:0002
      IRQ 33, pin A
      BAR0: I/O not decoded, 128 bytes
      BAR4: 64 bit prefetchable memory at 0x0000000400000000 [0x0000000400003fff], 16384 bytes
      id "disk0"
`)
})

test('keys, mouse, buttons', async () => {
  const { say, machine } = bench()
  const done = async (n: number) => {
    while (machine.calls.length < n) await new Promise(resolve => setTimeout(resolve, 5))
    return machine.calls.splice(0)
  }
  assert.equal(await say('sendkey ctrl-alt-delete 1'), '')
  await say('sendkey 0x1e 1')
  assert.deepEqual(await done(8), ['+ctrl', '+alt', '+delete', '-delete', '-alt', '-ctrl', '+a', '-a'])
  await say('sendkey < 0')
  assert.deepEqual(await done(2), ['+less', '-less'])
  assert.match(await say('sendkey bla'), /invalid parameter: bla/)
  assert.match(await say('sendkey a-'), /invalid parameter: /)
  assert.match(await say('sendkey 0x99'), /invalid parameter: 0x99/)
  assert.match(await say('sendkey yen'), /not implemented: key 'yen'/)
  assert.match(await say('sendkey a 99999999'), /a hold time of 99999999 ms; 0 to 60000/)
  await say('mouse_move 3 -4')
  await say('mouse_move 0 0 1')
  await say('mouse_button 5')
  assert.deepEqual(machine.calls.splice(0), ['move 3 -4 0 0', 'move 0 0 1 0', 'move 0 0 0 5'])
  assert.match(await say('mouse_move 1 x'), /dy: 'x' is not a number/)
  assert.equal(await say('info mice'), '* Mouse #0: mouse\n')
  await say('nmi')
  assert.equal(await say('boot_set dc'), 'boot device list now set to dc\n')
  assert.deepEqual(machine.calls.splice(0), ['nmi', 'boot dc'])
})

test('media', async () => {
  const { say, machine } = bench()
  await say('eject ide1-cd0')
  await say('eject -f cd')
  await say('change floppy0 "a b.img" raw read-only')
  await say('change -f cd x.iso')
  assert.deepEqual(machine.calls, ['eject ide1-cd0', 'eject cd force', 'change floppy0 a b.img raw read-only', 'change cd x.iso - - force'])
  assert.match(await say('change cd'), /filename is needed/)
  assert.match(await say('change vnc x'), /not implemented: change vnc/)
  assert.match(await say('change cd x raw sometimes'), /'sometimes' is none of retain, read-only, read-write/)
})

test('memory to files, snapshots', async () => {
  const { say, host, machine } = bench()
  machine.memory.set([1, 2, 3], 0x300)
  await say('pmemsave 0x80000300 3 "a file"')
  assert.deepEqual([...host.contents.get('a file')!], [1, 2, 3])
  await say('memsave 0x80000300 2 v')
  assert.deepEqual([...host.contents.get('v')!], [1, 2])
  assert.match(await say('pmemsave 0 4 z'), /no memory at 0x0/)
  assert.equal(
    await say('sum 0x80000300 3'),
    String(
      ((((((1 >> 1) | ((1 & 1) << 15)) + 2) >> 1) | (((((1 & 1) << 15) + 2) & 1) << 15)) + 3) & 0xffff,
    ).padStart(5, '0') + '\n',
  )
  assert.equal(await say('gva2gpa 0x80000004'), 'gpa: 0x80000004\n')
  assert.equal(await say('gva2gpa 4'), 'Unmapped\n')

  assert.equal(await say('info snapshots'), 'There is no snapshot available.\n')
  await say('c')
  assert.equal(await say('savevm one'), '')
  assert.equal(machine.state, 'running')
  await say('stop')
  machine.memory[0x300] = 9
  assert.equal(await say('info snapshots'), 'one\n')
  assert.equal(await say('loadvm one'), '')
  assert.equal(machine.memory[0x300], 1)
  assert.match(await say('loadvm two'), /two.tvsnap: no such file/)
  assert.match(await say('loadvm "./a file"'), /no such file/)
  host.contents.set('disk.raw', Uint8Array.of(1, 2, 3))
  for (const order of ['savevm', 'delvm'])
    assert.match(await say(`${order} disk.raw`), /^Error: disk\.raw: there is a file .* no snapshot; another name/)
  assert.deepEqual([...host.contents.get('disk.raw')!], [1, 2, 3])
  await say('delvm one')
  assert.equal(await say('info snapshots'), 'There is no snapshot available.\n')
  await machine.close()
})

test('logging, gdb', async () => {
  const { say, machine, gdb, logs } = bench()
  await say('log guest_errors,unimp')
  await say('log none')
  await say('log int,trace:uart_*')
  assert.equal(await say('info trace-events uart*'), 'uart_read : state 1\n')
  await say('singlestep')
  await say('one-insn-per-tb off')
  assert.match(await say('log int,trace:x'), /no trace event 'x'/)
  assert.deepEqual(machine.calls, ['log guest_errors,unimp', 'log ', 'log int', 'oneInsn true', 'oneInsn false'])
  assert.match(await say('log gest_errors'), /did you mean 'guest_errors'/)
  await say('logfile x.log')
  assert.deepEqual(logs, ['x.log'])
  assert.match(await say('gdbserver'), /device 'tcp::1234'/)
  assert.match(await say('gdbserver none'), /Disabled/)
  assert.deepEqual(gdb, ['tcp::1234', 'none'])
})

test('mistakes say what would be right', async () => {
  const { say } = bench()
  assert.equal(
    await say('sytem_reset'),
    "Error: unknown command: 'sytem_reset'; did you mean 'system_reset'?\n",
  )
  assert.equal(await say('info blok'), "Error: no information 'blok'; did you mean 'block'?\n")
  assert.equal(await say('device_add x'), 'Error: not implemented: device_add; devices are fixed at start\n')
  assert.match(await say('stop now'), /'now' is too much/)
  assert.match(await say('memsave 1'), /size is needed/)
  assert.equal(await say('  '), '')
  assert.equal(await say('# a remark'), '')
})

test('every command has help, and no name is taken twice', async () => {
  const { say } = bench()
  const names = [...hmpNames, ...commands.flatMap(c => c.qmp ?? [])]
  for (const name of hmpNames) assert.match(await say(`help ${name}`), / -- \S/, name)
  assert.equal(new Set(hmpNames).size, hmpNames.length)
  assert.equal(new Set(commands.flatMap(c => c.qmp ?? [])).size, commands.filter(c => c.qmp).length)
  assert.ok(names.length > 50)
  assert.match(await say('help info'), /info block -- disks\n/)
})

test('completion', () => {
  assert.deepEqual(completions('system_r'), ['system_reset'])
  assert.ok(completions('info ').includes('mtree'))
  assert.deepEqual(completions('info mtr').toSorted(), ['mtree', 'mtrr'])
  assert.deepEqual(completions('x 1 '), [])
})

test('a session on a terminal: banner, prompt, editing, history', async () => {
  const p = peer(), { management, machine } = bench()
  const device = await openOn(p)
  openMonitor(device, management)
  await settle()
  assert.match(p.take(), /^Typevisor .* monitor - type 'help'[^]*\r\x1b\[K\(typevisor\) $/)
  p.send('p 1X\x7f+1\r')
  await settle()
  assert.match(p.take(), /0x2\r\n\r\x1b\[K\(typevisor\) $/)
  p.send('\x1b[A') // up: the line again
  assert.match(p.take(), /p 1\+1$/)
  p.send('\x01\x1b[3~\x1b[3~\x05+1\x01p \n') // Ctrl-A, delete twice, Ctrl-E
  await settle()
  assert.match(p.take(), /0x3\r\n/)
  p.send('syst\tre\t\r')
  await settle()
  assert.deepEqual(machine.calls, ['reset'])
  p.take()
  p.send('p 1;2\x15p 5\r\n')
  await settle()
  const out = p.take()
  assert.match(out, /0x5\r\n/)
  assert.equal(out.match(/\(typevisor\) $/g)?.length, 1)
})


test('screendump', async () => {
  const b = bench()
  await b.say('screendump a.ppm')
  await b.say('screendump a.PNG video0 0')
  await b.say('screendump b video0 0 png')
  const ppm = b.host.contents.get('a.ppm')!
  assert.equal(new TextDecoder().decode(ppm.subarray(0, 11)), 'P6\n2 2\n255\n')
  assert.equal(ppm.length, 11 + 3 * PICTURE.pixels.length)
  assert.equal(b.host.contents.get('a.PNG')![1], 0x50)
  assert.deepEqual(b.host.contents.get('b'), b.host.contents.get('a.PNG'))
  assert.equal(await b.say('screendump c vdeo0'), "Error: no display 'vdeo0'; did you mean 'video0'?\n")
  assert.match(await b.say('screendump c video0 1'), /one head/)
})
