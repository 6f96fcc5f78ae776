// What each option does with its argument: text in, parts of the configuration out.
import type { PropertyBag, PropertyValue } from '../../vm/config.ts'
import type { HelpTopic } from '../invocation.ts'
import type { Builder } from './build.ts'
import { suggest } from '../../base/nearest.ts'
import { parseLogItems } from '../log-items.ts'
import {
  machineKeys,
  smpKeys,
  smbiosKeys,
  memoryKeys,
  driveKeys,
  fwCfgKeys,
  monKeys,
  traceKeys,
  nicKeys,
  actionKeys,
  netdevKeys,
} from './option-keys.ts'
import { file, type Keys, parseFlag, parseValues, splitCommas, splitPairs, text, usage, type Values } from './values.ts'

export const isHelp = (value: string): boolean => value === 'help' || value === '?'

/** `virtio-blk-pci,drive=d,x=y`: the name, its id and the rest as properties. */
function named(
  line: string,
  implied: string,
): { name: string; id: string | undefined; properties: PropertyBag } {
  const { rest } = parseValues(line, {}, { implied, open: true })
  const { [implied]: name, id, ...properties } = rest
  if (typeof name !== 'string' || name === '') throw usage(`${implied}=NAME is needed`)
  if (id !== undefined && typeof id !== 'string') throw usage('id is a text')
  return { name, id, properties }
}

/** Options whose argument is a name with properties: also `help` and `NAME,help`. */
export function withHelp(b: Builder, topic: HelpTopic, line: string): boolean {
  if (isHelp(line)) { b.help(topic); return true }
  const items = line.startsWith('{') ? [] : splitCommas(line)
  if (!items.some((item, i) => i > 0 && isHelp(item))) return false
  b.help(topic, items[0]!.replace(/^[a-z-]+=/, ''))
  return true
}

/** Dotted keys become a tree: `file.driver=file,file.filename=x`. */
export function treeOf(flat: PropertyBag): PropertyBag {
  const tree: { [key: string]: PropertyValue } = {}
  for (const [path, value] of Object.entries(flat)) {
    const keys = path.split('.')
    let at = tree
    for (const key of keys.slice(0, -1)) {
      if (!Object.hasOwn(at, key)) at[key] = {}
      if (typeof at[key] !== 'object') throw usage(`'${path}' contradicts '${key}'`)
      at = at[key] as typeof tree
    }
    at[keys.at(-1)!] = value
  }
  return tree
}

function only<T extends object>(values: T, keys: readonly (keyof T)[]): PropertyBag {
  return Object.fromEntries(keys.filter(k => values[k] !== undefined).map(k => [k, values[k]])) as PropertyBag
}

const accels = (line: string) => line.split(':').map(name => ({ name: name === 'tcg' ? 'jit' : name }))

export function applyMachine(b: Builder, line: string): void {
  if (withHelp(b, 'machine', line)) return
  const { values: v, rest } = parseValues(line, machineKeys, { implied: 'type', open: true })
  const before = b.config.machine
  const type = v.type ?? before?.type
  if (v.accel !== undefined) {
    b.set('accels', [])
    for (const a of accels(v.accel)) b.add('accels', a)
  }
  for (const key of ['kernel', 'initrd', 'append', 'dtb'] as const)
    if (v[key] !== undefined) b.set(key, v[key])
  if (v.firmware !== undefined) b.set('bios', v.firmware)
  if (type !== undefined) b.set('machine', { type, properties: { ...before?.properties, ...rest } })
  else if (Object.keys(rest).length) throw usage('type=NAME is needed', '-machine help lists them')
}

export function applyAccel(b: Builder, line: string): void {
  if (withHelp(b, 'accel', line)) return
  const { name, properties } = named(line, 'accel')
  for (const a of accels(name))
    b.add('accels', { ...a, ...(Object.keys(properties).length && { properties }) })
}

export function applyCpu(b: Builder, line: string): void {
  if (withHelp(b, 'cpu', line)) return
  const [model, ...features] = splitCommas(line)
  const properties: { [name: string]: PropertyValue } = {}
  for (const f of features) {
    const m = /^([+-])(.+)$/.exec(f) ?? /^([^=]+)(?:=(.*))?$/.exec(f)
    if (!m) throw usage(`'${f}' is not a feature`, '+NAME, -NAME or NAME=VALUE')
    if (m[1] === '+' || m[1] === '-') properties[m[2]!] = m[1] === '+'
    else properties[m[1]!] = m[2] === undefined ? true : parseFlag(m[2]) ?? m[2]
  }
  if (!model || /^[+-]|=/.test(model)) throw usage('a model is needed', '-cpu help lists them')
  b.set('cpu', { model, ...(features.length && { properties }) })
}

/** What is left out follows from the rest: cores rather than sockets, sockets rather than threads. */
function topology(v: Values<typeof smpKeys>): { sockets: number; cores: number; threads: number } {
  const most = v.maxcpus ?? v.cpus, share = (n: number) => (most === undefined ? 1 : Math.floor(most / n))
  if (v.cores === undefined) {
    const sockets = v.sockets ?? 1, threads = v.threads ?? 1
    return { sockets, threads, cores: share(sockets * threads) }
  }
  if (v.sockets === undefined) {
    const threads = v.threads ?? 1
    return { cores: v.cores, threads, sockets: share(v.cores * threads) }
  }
  return { cores: v.cores, sockets: v.sockets, threads: v.threads ?? share(v.sockets * v.cores) }
}

export function applySmp(b: Builder, line: string): void {
  const { values: v } = parseValues(line, smpKeys, { implied: 'cpus' })
  for (const [key, n] of Object.entries(v)) if (n === 0) throw usage(`${key}=0`, 'at least 1')
  if (v.maxcpus !== undefined && v.cpus !== undefined && v.maxcpus < v.cpus)
    throw usage(`maxcpus=${v.maxcpus} is less than cpus=${v.cpus}`)
  const { sockets, cores, threads } = topology(v), product = sockets * cores * threads
  const most = v.maxcpus ?? v.cpus ?? product, cpus = v.cpus ?? most
  if (product !== most)
    throw usage(`sockets=${sockets} × cores=${cores} × threads=${threads} is ${product}, not ${most}`)
  b.set('smp', { ...v, cpus })
}

export function applyMemory(b: Builder, line: string): void {
  const { values } = parseValues(line, memoryKeys, { implied: 'size' })
  if (values.size === undefined) throw usage('size=SIZE is needed')
  if (values.size === 0) throw usage('a machine needs RAM', 'for instance -m 512M')
  b.set('memoryBytes', values.size)
}

export function applyDrive(b: Builder, line: string): void {
  const { values: v, rest } = parseValues(line, driveKeys, { open: true })
  const wrong = Object.keys(rest).find(k => !k.includes('.'))
  if (wrong !== undefined)
    throw usage(`no parameter '${wrong}'`, suggest(wrong, Object.keys(driveKeys), '-help'))
  if (v.file === undefined && v.media !== 'cdrom' && v.if !== 'floppy' && !Object.keys(rest).some(k => k.startsWith('file.')))
    throw usage('file=IMAGE is needed')
  const properties = treeOf({
    ...only(v, ['driver', 'serial', 'cache', 'discard', 'detect-zeroes', 'werror', 'rerror']),
    ...rest,
  })
  b.add('drives', {
    kind: 'drive', ...only(v, ['id', 'index', 'file', 'format', 'media', 'snapshot']),
    ...(v.if !== undefined && { interface: v.if }),
    ...((v.readonly ?? (v.media === 'cdrom' || undefined)) !== undefined && { readOnly: v.readonly ?? true }),
    ...(Object.keys(properties).length && { properties }),
  })
}

export function applyBlockdev(b: Builder, line: string): void {
  const { rest } = parseValues(line, {}, { implied: 'driver', open: true })
  const {
    'node-name': id,
    'read-only': readOnly,
    ...properties
  } = line.trimStart().startsWith('{') ? rest : treeOf(rest)
  if (typeof id !== 'string') throw usage('node-name=NAME is needed')
  if (typeof properties['driver'] !== 'string') throw usage('driver=NAME is needed')
  const ro = typeof readOnly === 'string' ? parseFlag(readOnly) : readOnly
  if (ro !== undefined && typeof ro !== 'boolean')
    throw usage(`read-only=${String(readOnly)} is not on or off`)
  b.add('drives', { kind: 'blockdev', id, ...(ro !== undefined && { readOnly: ro }), properties })
}

export function applyNetdev(b: Builder, line: string): void {
  if (withHelp(b, 'netdev', line)) return
  const { values: v, rest } = parseValues(line, netdevKeys, { implied: 'type', open: true })
  if (v.type === undefined) throw usage('a type is needed', 'for instance user')
  if (v.id === undefined) throw usage('id=NAME is needed')
  const properties = { ...rest, ...only(v, ['hostfwd', 'guestfwd']) }
  b.add('netdevs', { type: v.type, id: v.id, ...(Object.keys(properties).length && { properties }) })
}

export function applyNic(b: Builder, line: string): void {
  if (withHelp(b, 'netdev', line)) return
  const { values: v, rest } = parseValues(
    line,
    { ...netdevKeys, ...nicKeys },
    { implied: 'type', open: true },
  )
  if (v.type === undefined) throw usage('a type is needed', 'for instance user, or none')
  if (v.mac !== undefined && !/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(v.mac))
    throw usage(`mac=${v.mac} is not a hardware address`)
  const properties = { ...rest, ...only(v, ['hostfwd', 'guestfwd']) }
  b.add('nics', {
    type: v.type,
    ...only(v, ['model', 'mac', 'id']),
    ...(Object.keys(properties).length && { properties }),
  })
}

export function applyLog(b: Builder, line: string): void {
  if (isHelp(line)) return b.help('log')
  const { classes, patterns } = parseLogItems(line.split(','))
  if (classes.length > 0) b.set('log', [...new Set([...b.config.log ?? [], ...classes])])
  if (patterns.length > 0) b.set('trace', [...b.config.trace ?? [], ...patterns])
}

export function applyTrace(b: Builder, line: string): void {
  if (isHelp(line)) return b.help('trace')
  const { values } = parseValues(line, traceKeys, { implied: 'enable' })
  if (values.enable === undefined) throw usage('enable=PATTERN is needed', '-trace help lists events')
  b.set('trace', [...b.config.trace ?? [], values.enable])
}

export function applyDisplay(b: Builder, line: string): void {
  if (isHelp(line)) return b.help('display')
  const [name, ...more] = splitCommas(line)
  if (name !== 'none' && name !== 'text' && name !== 'curses') {
    if (['gtk', 'sdl', 'vnc', 'spice-app', 'egl-headless', 'dbus', 'cocoa'].includes(name!)) throw usage(`not implemented: display '${name}'`, 'text or none')
    throw usage(`no display '${name}'`, 'text or none')
  }
  if (more.length) throw usage(`not implemented: ${more[0]} of display '${name}'`)
  b.textDisplay = name !== 'none'
}

export function applyMon(b: Builder, line: string): void {
  const { values: v } = parseValues(line, monKeys, { implied: 'chardev' })
  if (v.chardev === undefined) throw usage('chardev=NAME is needed')
  b.monitor(`chardev:${v.chardev}`, v.mode ?? 'readline', v.pretty ?? false)
}

export function applyAction(b: Builder, line: string): void {
  const { values: v } = parseValues(line, actionKeys)
  if (v.reboot) b.set('noReboot', v.reboot === 'shutdown')
  if (v.shutdown) b.management.noShutdown = v.shutdown === 'pause'
  if (v.panic) b.management.panicAction = v.panic
}

export function applyFwCfg(b: Builder, line: string): void {
  const { values: v } = parseValues(line, fwCfgKeys, { implied: 'name' })
  if (!v.name) throw usage('name=NAME is needed')
  if ((v.file === undefined) === (v.string === undefined))
    throw usage('either file=FILE or string=TEXT is needed')
  b.add('fwCfg', { name: v.name, contents: v.file ?? new TextEncoder().encode(v.string) })
}

export function applyGlobal(b: Builder, line: string): void {
  const m = /^([^.=,]+)\.([^=]+)=(.*)$/s.exec(line)
  if (m) return b.add('globals', { driver: m[1]!, property: m[2]!, value: m[3]! })
  const { values: v } = parseValues(line, { driver: text(''), property: text(''), value: text('') })
  if (!v.driver || !v.property || v.value === undefined) throw usage(`'${line}' is not DRIVER.PROPERTY=VALUE`)
  b.add('globals', { driver: v.driver, property: v.property, value: v.value })
}

export function applyDevice(b: Builder, line: string): void {
  if (withHelp(b, 'device', line)) return
  const { name, id, properties } = named(line, 'driver')
  b.add('devices', {
    driver: name,
    ...(id !== undefined && { id }),
    ...(Object.keys(properties).length && { properties }),
  })
}

const objectTypes = ['filter-dump', 'rng-builtin', 'rng-random']

export function applyObject(b: Builder, line: string): void {
  if (withHelp(b, 'object', line)) return
  const { name, id, properties } = named(line, 'qom-type')
  if (!objectTypes.includes(name))
    throw usage(`not implemented: object type '${name}'`, `there are ${objectTypes.join(', ')}`)
  if (id === undefined) throw usage('id=NAME is needed')
  b.add('objects', { type: name, id, ...(Object.keys(properties).length && { properties }) })
}

export function applySmbios(b: Builder, line: string): void {
  const type = splitPairs(line).find(p => p.key === 'type')?.value
  if (type === undefined) {
    const { values } = parseValues(line, { file: file('a structure') })
    if (values.file === undefined) throw usage('file=FILE or type=N is needed')
    return b.add('smbios', { file: values.file })
  }
  const keys = (smbiosKeys as { readonly [type: string]: Keys })[type]
  if (!keys) throw usage(`not implemented: SMBIOS type ${type}`, `type=${Object.keys(smbiosKeys).join(', ')}`)
  const { type: _, ...fields } = parseValues(line, { ...keys, type: text('') }).values as { readonly [name: string]: string | number | boolean | readonly string[] }
  b.add('smbios', { type: Number(type), fields })
}

export function applyUuid(b: Builder, line: string): void {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(line)) throw usage(`'${line}' is not a UUID`)
  b.set('uuid', line.toLowerCase())
}
