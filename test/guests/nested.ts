// A host with KVM inside of QEMU, which emulates AMD's SVM: Debian's kernel with kvm-amd, Node, and this program as it is published.
// Any machine can run guests under a real KVM this way, if slowly.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { cpio, type Entry } from '../../scripts/guests/cpio.ts'
import { build } from '../../scripts/build.ts'
import { SOURCES } from '../../scripts/guests/catalog.ts'
import { guestImages } from '../../scripts/guests/fetch.ts'
import { moduleEntries } from '../../scripts/guests/modules.ts'
import { PackageStore } from '../../scripts/guests/packages.ts'
import { UserError } from '../../scripts/guests/run.ts'
import { HOST_PROMPT } from './guests.ts'

const ROOT = join(import.meta.dirname, '../..'), CACHE = join(ROOT, '.cache')

const INIT = `#!/bin/sh
/bin/busybox mkdir -p /proc /sys /dev /tmp /root
/bin/busybox --install -s /bin
export PATH=/bin HOME=/root TERM=dumb NODE_COMPILE_CACHE=/tmp/cache
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs tmp /tmp
echo 4 > /proc/sys/kernel/printk
modprobe kvm-amd
ls -l /dev/kvm
stty cols 200
cd /
export PS1='${HOST_PROMPT}'
alias poweroff='busybox poweroff -f'
export ENV=/etc/shrc
echo "alias poweroff='busybox poweroff -f'" > /etc/shrc
while :; do setsid cttyhack sh -i; done
`
/** A short name for the program. */
const TYPEVISOR = `#!/bin/sh
exec /bin/node --max-semi-space-size=2 /typevisor/bin/typevisor-system-x86_64.js "$@"
`

/** Folders above a path, from the outermost. */
const above = (path: string): string[] => {
  const up = dirname(path)
  return up === '.' ? [] : [...above(up), up]
}

/** Everything in a folder, at `to` in the archive, but what `leaveOut` says. */
function tree(from: string, to: string, leaveOut: RegExp = /^$/): Entry[] {
  return readdirSync(from, { recursive: true, withFileTypes: true }).flatMap((e): Entry[] => {
    const file = join(e.parentPath, e.name), path = to + file.slice(from.length)
    if (!e.isFile() || leaveOut.test(file)) return []
    return [{ path, kind: 'file', data: readFileSync(file), executable: /\.(node|so)$/.test(file) }]
  })
}

/** The libraries that a program needs, where its loader looks for them. */
function libraries(program: string): Entry[] {
  const lines = execFileSync('ldd', [program], { encoding: 'utf8' }).split('\n')
  return lines.flatMap((line): Entry[] => {
    const path = /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1]
    return path ? [{ path: path.slice(1), kind: 'file', data: readFileSync(realpathSync(path)), executable: true }] : []
  })
}

const withFolders = (entries: readonly Entry[]): Entry[] => {
  const folders = [...new Set(entries.flatMap(e => above(e.path)))].sort()
  return [...folders.map((path): Entry => ({ path, kind: 'folder' })), ...entries.filter(e => e.kind !== 'folder')]
}

/** QEMU with such a host, its console on standard input and output. */
export async function nestedCommand(): Promise<string[]> {
  const { kernel, initrd } = await nestedHost()
  return ['qemu-system-x86_64', '-accel', 'tcg,thread=multi', '-cpu', 'max', '-M', 'q35', '-smp', '2', '-m', '3072', '-display', 'none', '-vga', 'none',
    '-serial', 'stdio', '-monitor', 'none', '-no-reboot', '-kernel', kernel, '-initrd', initrd, '-append', 'console=ttyS0 quiet mitigations=off']
}

/** The host's kernel and RAM disk. In it: /inner/Image, and /inner/initrd-shell.gz and -test.gz for its guests. */
export async function nestedHost(): Promise<{ readonly kernel: string; readonly initrd: string }> {
  const source = SOURCES.amd64!, images = await guestImages('amd64', ['boot']), folder = join(CACHE, 'nested')
  const store = new PackageStore(join(CACHE, 'guests/amd64/packages'), join(CACHE, 'apt/amd64'), source, false)
  const kernel = await store.unpacked(source.kernelMeta), busybox = await store.unpacked('busybox-static')
  const koffi = join(ROOT, 'node_modules/koffi'), native = join(ROOT, 'node_modules/@koromix/koffi-linux-x64')
  if (!existsSync(koffi) || !existsSync(native)) throw new UserError('the optional package koffi is not installed')
  await mkdir(folder, { recursive: true })
  if (!build(join(folder, 'dist'))) throw new UserError('the program does not compile')
  const program = ['usr/bin/busybox', 'bin/busybox'].map(p => join(busybox, p)).find(existsSync)!
  const node = realpathSync(process.execPath)
  const entries: Entry[] = [
    { path: 'dev/console', kind: 'char', major: 5, minor: 1 },
    { path: 'bin/busybox', kind: 'file', data: readFileSync(program), executable: true },
    { path: 'bin/sh', kind: 'link', target: 'busybox' },
    { path: 'sbin/modprobe', kind: 'link', target: '../bin/busybox' },
    { path: 'etc/group', kind: 'file', data: Buffer.from('root:x:0:\n') },
    { path: 'init', kind: 'file', data: Buffer.from(INIT), executable: true },
    { path: 'bin/typevisor', kind: 'file', data: Buffer.from(TYPEVISOR), executable: true },
    { path: 'bin/node', kind: 'file', data: readFileSync(node), executable: true },
    ...libraries(node),
    ...await moduleEntries(join(kernel, source.moduleFolder), ['kvm_amd']),
    ...tree(join(folder, 'dist'), 'typevisor/dist', /\.d\.ts$/),
    ...tree(join(ROOT, 'bin'), 'typevisor/bin', /\.test\.ts$/),
    { path: 'typevisor/package.json', kind: 'file', data: readFileSync(join(ROOT, 'package.json')) },
    ...tree(koffi, 'typevisor/node_modules/koffi', /\/(vendor|doc|test)\//),
    ...tree(native, 'typevisor/node_modules/@koromix/koffi-linux-x64'),
    ...['Image', 'initrd-shell.gz', 'initrd-test.gz'].map((name): Entry => ({ path: `inner/${name}`, kind: 'file', data: readFileSync(join(images, name)) })),
  ]
  const initrd = join(folder, 'initrd.cpio')
  await writeFile(initrd, cpio(withFolders(entries)))
  return { kernel: join(images, 'Image'), initrd }
}
