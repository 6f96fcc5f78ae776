// The guests that Typevisor is tested with, as data: what boots, with which machine, what its console must show.
import { join } from 'node:path'
import { burst, dataDisk, type DiskKind, filesDisk, httpServer, outputFile, programDisk, type Resource } from './resources.ts'

export interface Step {
  /** Text that the console must show after the step before. */
  readonly expect: string | RegExp
  /** What is typed then. */
  readonly send?: string
}

export type Initrd = 'initrd-shell.gz' | 'initrd-test.gz' | 'initrd-bench.gz' | 'installer-initrd.gz'

/** Debian's names of the architectures: the emulator's name for each, and the machine. */
export const MACHINES = {
  riscv64: { system: 'riscv64', machine: 'virt' },
  amd64: { system: 'x86_64', machine: 'pc' },
  i386: { system: 'i386', machine: 'pc' },
} as const
export type Arch = keyof typeof MACHINES

export interface Guest {
  readonly name: string
  readonly arch: Arch
  readonly kernel: 'Image' | 'installer-Image'
  /** Firmware and GRUB start the kernel from a CD-ROM that is made for this run. */
  readonly iso?: true
  readonly initrd: Initrd
  /** Words of the kernel command line besides the console. */
  readonly append: string
  readonly cpus: number
  readonly memoryMiB: number
  /** More arguments of the emulator. */
  readonly args: readonly string[]
  /** Disks, servers and files that are made for this run. */
  readonly resources: readonly Resource[]
  readonly steps: readonly Step[]
  /** What the console shows before a snapshot is made; the steps follow in a new process, which continues from it. */
  readonly before?: readonly Step[]
  /** It is saved at random moments and goes on from each; for that, bytes of console that its boot shows at least. */
  readonly moments?: number
  /** It works for so many seconds, which --seconds changes; it runs only if it is named. */
  readonly stress?: { readonly seconds: number }
  /** It takes minutes and runs only if it is named. */
  readonly slow?: true
  /** How it ends: the guest ends the machine itself, or the runner stops it after the last step. */
  readonly end: 'guest' | 'stop'
  readonly timeoutSeconds: number
  /** A host with KVM that QEMU emulates, in which this program runs guests; the steps are typed at its shell. */
  readonly nested?: true
  /** What it uses that Typevisor does not have yet: such a guest runs on QEMU only. */
  readonly missing?: string
  /** Runs on the package as npm installs it, not on the sources. */
  readonly packaged?: true
}

const NET = ['-netdev', 'user,id=net0', '-device', 'virtio-net-device,netdev=net0']
const disks = (device: DiskKind) => [dataDisk(device), filesDisk(device)]
const OFF: Step = { expect: 'reboot: Power down' }

/** A guest of the test RAM disk, which prints PASS and FAIL lines and powers off. */
const checks = (name: string, tests: string, more: Partial<Guest> = {}): Guest => ({
  name,
  arch: 'riscv64',
  kernel: 'Image',
  initrd: 'initrd-test.gz',
  cpus: 2,
  memoryMiB: 512,
  args: [],
  resources: [],
  steps: [{ expect: 'BOOTED ' }, { expect: /^DONE/m }, OFF],
  end: 'guest',
  timeoutSeconds: 480,
  ...more,
  append: `test=${tests} ${more.append ?? ''}`.trim(),
})

/** It names the directory as some versions of busybox do. */
const PROMPT = /(~|\/root) # /

/** Typed at a shell: commands, a program that reads the console, Ctrl-C. */
const shell = (name: string, more: Partial<Guest> = {}): Guest => checks(name, '', {
  initrd: 'initrd-shell.gz',
  append: '',
  steps: [
    { expect: PROMPT, send: 'echo $((6 * 7)) answers\n' },
    { expect: /^42 answers\n(~|\/root) # /m, send: "echo rea''dy; cat\n" },
    { expect: /^ready\n/m, send: 'twice\n' },
    { expect: /^twice\ntwice\n/m, send: '\x03' },
    { expect: PROMPT, send: 'poweroff\n' },
    OFF,
  ],
  ...more,
})

/** The same of a PC. */
const pc = (arch: 'amd64' | 'i386', name: string, tests: string, more: Partial<Guest> = {}): Guest =>
  checks(`${arch}-${name}`, tests, { arch, memoryMiB: 256, ...more })

const installer = (name: string, arch: Arch, more: Partial<Guest> = {}): Guest => checks(name, '', {
  arch,
  kernel: 'installer-Image',
  initrd: 'installer-initrd.gz',
  append: 'TERM=vt102',
  memoryMiB: 1024,
  steps: [{ expect: /Select a language/ }, { expect: /English/ }],
  end: 'stop',
  timeoutSeconds: 600,
  ...more,
})

/** What the guest benchmark computes: the same on every engine. */
const SUMS = {
  crc: '000000005ceef2ff', sieve: '00000000000a0348', qsort: '2635411bc77a9704', hash64: 'ca2a1b9e2e4120f6',
  fib: '0000000000213d05', indirect: '0001b5e3b1162592', matmul: '41a2be8b8a000000', mandel: '0000000000b038dc',
  chase: '00000000000236b6', memcpy: '0000000000000e00', syscall: '0000000000030d40', pipe: '0000000000000fa0',
  fork: '0000000000000064', pgfault: '0000000000002800',
}

/** The prompt of a nested host's shell. */
export const HOST_PROMPT = 'nested:/# '
/** Guests of a nested host, with one processor (with two, QEMU's emulated host fails): tests; a shell that is saved, and goes on under
 * KVM and in the recompiler. */
const inner = (more: string, append: string): string =>
  `typevisor ${more} -m 256 -nographic -kernel /inner/Image -append 'console=ttyS0 quiet ${append}'\n`
const ECHO = 'echo $((6 * 7))-ed\n', ECHOED = /^42-ed/m, TICK = /^tick-42/m
const nested: Guest = checks('kvm', '', {
  arch: 'amd64', nested: true, slow: true, timeoutSeconds: 900,
  steps: [
    { expect: HOST_PROMPT, send: 'typevisor -accel help\n' },
    { expect: /kvm .*: works here$/m },
    { expect: HOST_PROMPT, send: inner('-accel kvm -initrd /inner/initrd-test.gz', 'test=time') },
    { expect: /^DONE/m },
    { expect: HOST_PROMPT, send: inner('-accel kvm -initrd /inner/initrd-shell.gz', '') },
    { expect: PROMPT, send: 'while sleep 1; do echo tick-$((6 * 7)); done &\n' },
    { expect: TICK, send: '\x01cstop\nsavevm /tmp/saved\nquit\n' },
    { expect: HOST_PROMPT, send: inner('-accel kvm -loadvm /tmp/saved -initrd /inner/initrd-shell.gz', '') },
    { expect: TICK, send: ECHO },
    { expect: ECHOED, send: '\x01cstop\nsavevm /tmp/again\nquit\n' },
    { expect: HOST_PROMPT, send: inner('-accel jit -loadvm /tmp/again -initrd /inner/initrd-shell.gz', '') },
    { expect: TICK, send: ECHO },
    { expect: ECHOED, send: '\x01cstop\nsavevm /tmp/third\nquit\n' },
    { expect: HOST_PROMPT, send: inner('-accel kvm -loadvm /tmp/third -initrd /inner/initrd-shell.gz', '') },
    { expect: TICK, send: '\x01cquit\n' },
    { expect: HOST_PROMPT, send: 'poweroff\n' },
    OFF,
  ],
})

export const GUESTS: readonly Guest[] = [
  checks('one-cpu', 'time', { cpus: 1, memoryMiB: 256 }),
  checks('smp', 'smp', { append: 'smp=2' }),
  checks('opensbi', 'time', { args: ['-bios', '/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_dynamic.bin'] }),
  checks('smp4', 'smp', { append: 'smp=4', cpus: 4 }),
  checks('blk', 'blk', { resources: disks('virtio-blk-device') }),
  checks('blk-modern', 'blk', {
    args: ['-global', 'virtio-mmio.force-legacy=false'], resources: disks('virtio-blk-device'),
  }),
  checks('blk-pci', 'blk', { resources: disks('virtio-blk-pci,packed=on') }),
  checks('net', 'net', { args: NET, missing: '-netdev user' }),
  checks('http', 'http', { args: NET, resources: [httpServer], missing: '-netdev user' }),
  checks('rng', 'rng', { args: ['-device', 'virtio-rng-device'] }),
  checks('rng-pci', 'rng', { args: ['-device', 'virtio-rng-pci'] }),
  checks('hvc', 'hvc', { args: ['-device', 'virtio-serial-device'], resources: [outputFile] }),
  checks('console', 'console', {
    resources: [burst],
    steps: [
      { expect: 'READY line', send: 'The quick brown fox jumps over the lazy dog 0123456789\n' },
      { expect: 'READY burst', send: `${burst.lines.join('\n')}\nend\n` },
      { expect: /ROW 199 0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ\nPASS/ },
      OFF,
    ],
  }),
  checks('snapshot', 'time', {
    cpus: 1, memoryMiB: 256, before: [{ expect: 'Run /init' }], steps: [{ expect: /^DONE/m }, OFF],
  }),
  checks('snapshot-smp', 'smp,blk', {
    append: 'smp=2', resources: disks('virtio-blk-device'),
    before: [{ expect: /^PASS/m }], steps: [{ expect: /^PASS/m }, { expect: /^DONE/m }, OFF],
  }),
  checks('snapshot-loop', 'time', { cpus: 1, memoryMiB: 256, moments: 12_000 }),
  checks('snapshot-loop-smp', 'smp,blk,time', {
    append: 'smp=2', memoryMiB: 256, resources: disks('virtio-blk-device'), moments: 12_000,
  }),
  checks('no-reboot', '', {
    append: 'end=reboot', args: ['-no-reboot'], steps: [{ expect: /^DONE/m }, { expect: 'reboot: Restarting system' }],
  }),
  checks('reboot', '', {
    append: 'end=reboot', end: 'stop', steps: [{ expect: 'reboot: Restarting system' }, { expect: 'BOOTED ' }],
  }),
  shell('shell'),
  shell('package', { packaged: true }),
  checks('bench', '', {
    initrd: 'initrd-bench.gz',
    append: 'bench=1',
    steps: [
      ...Object.entries(SUMS).map(([name, sum]): Step => ({ expect: new RegExp(`^B ${name} +[\\d.]+ ${sum}$`, 'm') })),
      { expect: /^83ee47245398adee79bd9c0a8bc57b821e92aba10f5f9ade8a5d1fae4d8c4302 {2}-$/m },
      { expect: /^5e23726f2fff9b4f12b3c726a76171c0 {2}-$/m },
      OFF,
    ],
    timeoutSeconds: 600,
  }),
  checks('stress', '', {
    initrd: 'initrd-shell.gz', append: '', stress: { seconds: 600 },
    resources: [programDisk('virtio-blk-device', join(import.meta.dirname, 'stress/stress.c')), filesDisk('virtio-blk-device')],
  }),
  installer('installer', 'riscv64'),
  shell('amd64-shell', { arch: 'amd64', cpus: 1, memoryMiB: 256 }),
  pc('amd64', 'smp', 'smp,time', { append: 'smp=2' }),
  pc('amd64', 'virtio', 'blk,rng', { args: ['-device', 'virtio-rng-pci'], resources: disks('virtio-blk-pci') }),
  pc('amd64', 'ide', 'blk', { cpus: 1, resources: disks('ide') }),
  pc('amd64', 'button', 'button', {
    cpus: 1,
    steps: [{ expect: 'READY button', send: '\x01csystem_powerdown\n\x01c' }, { expect: 'PASS button: pressed' }, { expect: /^DONE/m }, OFF],
  }),
  pc('amd64', 'reboot', '', {
    append: 'end=reboot', cpus: 1, end: 'stop', steps: [{ expect: 'reboot: Restarting system' }, { expect: 'BOOTED ' }],
  }),
  pc('amd64', 'snapshot', 'time', {
    cpus: 1, before: [{ expect: 'Run /init' }], steps: [{ expect: /^DONE/m }, OFF],
  }),
  pc('amd64', 'snapshot-loop', 'smp,blk', { append: 'smp=2', resources: disks('ide'), moments: 12_000 }),
  pc('amd64', 'iso', 'time', { cpus: 1, iso: true, steps: [{ expect: 'GNU GRUB' }, { expect: 'BOOTED ' }, { expect: /^DONE/m }, OFF] }),
  installer('amd64-installer', 'amd64', { slow: true, timeoutSeconds: 1200 }),
  nested,
  shell('i386-shell', { arch: 'i386', cpus: 1, memoryMiB: 256 }),
  pc('i386', 'smp', 'smp,time', { append: 'smp=2' }),
  pc('i386', 'ide', 'blk', { cpus: 1, resources: disks('ide') }),
  pc('i386', 'iso', 'time', { cpus: 1, iso: true, steps: [{ expect: 'GNU GRUB' }, { expect: 'BOOTED ' }, { expect: /^DONE/m }, OFF] }),
  installer('i386-installer', 'i386', { slow: true, timeoutSeconds: 1200 }),
]
