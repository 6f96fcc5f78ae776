// The initial RAM disks: shell, test and bench. All are a static busybox, a first process and what it needs.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { cpio, type Entry } from './cpio.ts'

const INIT = join(import.meta.dirname, 'init')
export const BENCH = join(import.meta.dirname, '../../bench/guestbench')

const scripts = ['cpio.ts', 'initrd.ts', 'modules.ts'].map((name) => join(import.meta.dirname, name))

/** Files whose change makes the shell and test RAM disks stale. */
export const INPUTS: readonly string[] = [
  ...['common.sh', 'udhcpc.sh', 'shell.sh', 'test.sh'].map((name) => join(INIT, name)), ...scripts,
]
/** The same for the bench RAM disk. */
export const BENCH_INPUTS: readonly string[] = [...['bench.c', 'init'].map((name) => join(BENCH, name)), ...scripts]

const program = (path: string, data: Uint8Array): Entry => ({ path, kind: 'file', data, executable: true })
const script = async (path: string, source: string): Promise<Entry> => program(path, await readFile(source))
const archive = (entries: readonly Entry[]): Uint8Array => gzipSync(cpio(entries), { level: 6 })

const base = (busybox: Uint8Array): Entry[] => [
  ...['bin', 'dev', 'etc', 'lib', 'proc', 'sbin', 'sys', 'tmp'].map((path): Entry => ({ path, kind: 'folder' })),
  { path: 'dev/console', kind: 'char', major: 5, minor: 1 },
  program('bin/busybox', busybox),
  { path: 'bin/sh', kind: 'link', target: 'busybox' },
  { path: 'sbin/modprobe', kind: 'link', target: '../bin/busybox' },
]

const withDrivers = async (busybox: Uint8Array, modules: readonly Entry[], init: string): Promise<Uint8Array> =>
  archive([
    ...base(busybox),
    ...modules,
    await script('etc/common.sh', join(INIT, 'common.sh')),
    await script('etc/udhcpc.sh', join(INIT, 'udhcpc.sh')),
    await script('init', join(INIT, init)),
  ])

export const shellInitrd = (busybox: Uint8Array, modules: readonly Entry[]): Promise<Uint8Array> =>
  withDrivers(busybox, modules, 'shell.sh')

export const testInitrd = (busybox: Uint8Array, modules: readonly Entry[]): Promise<Uint8Array> =>
  withDrivers(busybox, modules, 'test.sh')

export const benchInitrd = async (busybox: Uint8Array, bench: Uint8Array): Promise<Uint8Array> =>
  archive([...base(busybox), program('bench', bench), await script('init', join(BENCH, 'init'))])
