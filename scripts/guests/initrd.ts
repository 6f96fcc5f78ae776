// The three initial RAM disks: shell, bench and test. All are a static busybox, a first process and what it needs.
import { readFile, writeFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { cpio, type Entry } from './cpio.ts'

const init = join(import.meta.dirname, 'init')
export const BENCH = join(import.meta.dirname, '../../bench/guestbench')

/** Files whose change makes the RAM disks stale. */
export const INPUTS: readonly string[] = [
  ...['common.sh', 'udhcpc.sh', 'shell.sh', 'test.sh'].map((name) => join(init, name)),
  ...['bench.c', 'init'].map((name) => join(BENCH, name)),
  ...['catalog.ts', 'cpio.ts', 'initrd.ts', 'modules.ts'].map((name) => join(import.meta.dirname, name)),
]

const program = (path: string, data: Uint8Array): Entry => ({ path, kind: 'file', data, executable: true })

const base = (busybox: Uint8Array): Entry[] => [
  ...['bin', 'dev', 'etc', 'lib', 'proc', 'sbin', 'sys', 'tmp'].map((path): Entry => ({ path, kind: 'folder' })),
  { path: 'dev/console', kind: 'char', major: 5, minor: 1 },
  program('bin/busybox', busybox),
  { path: 'bin/sh', kind: 'link', target: 'busybox' },
  { path: 'sbin/modprobe', kind: 'link', target: '../bin/busybox' },
]

export interface Parts {
  readonly busybox: Uint8Array
  readonly bench: Uint8Array
  readonly modules: readonly Entry[]
}

/** Writes initrd-shell.gz, initrd-bench.gz and initrd-test.gz into `folder`. */
export async function writeInitrds(folder: string, parts: Parts): Promise<void> {
  const script = async (path: string, source: string): Promise<Entry> => program(path, await readFile(source))
  const drivers = [
    ...base(parts.busybox),
    ...parts.modules.filter(({ path }) => path !== 'lib'),
    await script('etc/common.sh', join(init, 'common.sh')),
    await script('etc/udhcpc.sh', join(init, 'udhcpc.sh')),
  ]
  const disks: Record<string, Entry[]> = {
    shell: [...drivers, await script('init', join(init, 'shell.sh'))],
    bench: [...base(parts.busybox), program('bench', parts.bench), await script('init', join(BENCH, 'init'))],
    test: [...drivers, await script('init', join(init, 'test.sh'))],
  }
  for (const [name, entries] of Object.entries(disks)) {
    const file = join(folder, `initrd-${name}.gz`)
    await writeFile(`${file}.new`, gzipSync(cpio(entries), { level: 6 }))
    await rename(`${file}.new`, file)
  }
}
