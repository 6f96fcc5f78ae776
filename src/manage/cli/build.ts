// Collects what the options say and turns it into an Invocation: defaults for serial port and monitor, and
// the checks that need more than one option.
import { VmError } from '../../base/errors.ts'
import type { DriveConfig, MachineConfig } from '../../vm/config.ts'
import type { HelpTopic, Invocation, ManagementConfig, MonitorConfig } from '../invocation.ts'
import { gdbPlace, type LegacyChar, parseLegacyChar } from './chardevs.ts'
import { suggest } from '../../base/nearest.ts'
import { usage } from './values.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] | undefined ? E[] : T[K] }

/** Lists of the configuration to which options append. */
type List =
  | 'drives'
  | 'devices'
  | 'netdevs'
  | 'nics'
  | 'chardevs'
  | 'objects'
  | 'globals'
  | 'fwCfg'
  | 'smbios'
  | 'accels'

export type Builder = {
  readonly config: Mutable<MachineConfig>
  readonly management: Mutable<ManagementConfig>
  nographic: boolean
  textDisplay: boolean
  noDefaults: boolean
  /** Whether output goes to somebody who reads along: then a machine without a window talks to the
   * terminal. */
  readonly interactive: boolean
  /** Sets a single value; the option is its origin. */
  set<K extends keyof MachineConfig>(key: K, value: NonNullable<MachineConfig[K]>): void
  add<K extends List>(list: K, item: NonNullable<MachineConfig[K]>[number]): void
  origin(where: string): void
  serial(line: string): void
  parallel(line: string): void
  debugcon(line: string): void
  monitor(line: string, mode: MonitorConfig['mode'], pretty?: boolean): void
  gdb(line: string): void
  help(topic: HelpTopic, name?: string): void
  /** The option that is being applied: `-drive file=x`. */
  current: string
  readonly origins: ReadonlyMap<string, string>
  finish(): Invocation
}

/** Where `-display text` shows the guest's screen. */
const DISPLAY = { id: 'display', backend: 'stdio', mux: true }

export function builder(interactive: boolean): Builder {
  const config: Mutable<MachineConfig> = {}
  const management: Mutable<ManagementConfig> = {
    monitors: [], gdb: [], startPaused: false, noShutdown: false, panicAction: 'shutdown', loadvm: undefined,
    pidFile: undefined, logFile: undefined, nographic: false,
  }
  const origins = new Map<string, string>()
  let help: Invocation['help']
  let serialsGiven = false, monitorGiven = false

  function addChardev(made: LegacyChar & { kind: 'new' }): string {
    const { config: c } = made
    b.add('chardevs', c)
    if (made.withMonitor) management.monitors.push({ chardev: c.id, mode: 'readline', pretty: false })
    return c.id
  }

  const b: Builder = {
    config, management, interactive, origins, nographic: false, textDisplay: false, noDefaults: false, current: '',
    set(key, value) {
      config[key] = value as never
      origins.set(key, b.current)
    },
    add(list, item) {
      const items = ((config[list] as unknown[] | undefined) ??= [] as never) as unknown[]
      origins.set(`${list}[${items.length}]`, b.current)
      items.push(item)
    },
    origin(where) { origins.set(where, b.current) },
    serial(line) {
      const serials = (config.serials ??= [])
      const at = serials.length
      serialsGiven = true
      const made = parseLegacyChar(line, `serial${at}`)
      if (made.kind === 'new' && made.withMonitor) monitorGiven = true
      origins.set(`serials[${at}]`, b.current)
      serials.push(made.kind === 'none' ? null : made.kind === 'ref' ? made.id : addChardev(made))
    },
    parallel(line) {
      const parallels = (config.parallels ??= []), at = parallels.length, made = parseLegacyChar(line, `parallel${at}`)
      if (made.kind === 'new' && made.withMonitor) monitorGiven = true
      origins.set(`parallels[${at}]`, b.current)
      parallels.push(made.kind === 'none' ? null : made.kind === 'ref' ? made.id : addChardev(made))
    },
    debugcon(line) {
      const made = parseLegacyChar(line, 'debugcon')
      if (made.kind === 'none') return
      if (made.kind === 'new' && made.withMonitor) monitorGiven = true
      const chardev = made.kind === 'ref' ? made.id : addChardev(made)
      b.add('devices', { driver: 'isa-debugcon', properties: { chardev } })
    },
    monitor(line, mode, pretty = false) {
      monitorGiven = true
      const made = parseLegacyChar(line, `compat_monitor${management.monitors.length}`)
      if (made.kind === 'none') return
      if (made.kind === 'new' && made.withMonitor) throw usage(`'mon:' is for -serial`)
      const chardev = made.kind === 'ref' ? made.id : addChardev(made)
      management.monitors.push({ chardev, mode, pretty })
      origins.set(`monitors[${management.monitors.length - 1}]`, b.current)
    },
    gdb(line) {
      if (line === 'none') return
      origins.set(`gdb[${management.gdb.length}]`, b.current)
      management.gdb.push(gdbPlace(line, `gdb${management.gdb.length}`))
    },
    help(topic, name) { help ??= { topic, ...(name !== undefined && { name }) } },
    finish() {
      if (help) return { config, management, origins, help }
      defaults()
      checkIds(config, management, origins)
      return { config, management, origins, help }
    },
  }

  /** A machine without a window talks to the terminal, if there is one; otherwise its serial port is
   * unconnected. */
  function defaults(): void {
    management.nographic = b.nographic
    b.current = b.nographic ? '-nographic' : 'the default serial port'
    monitorGiven ||= management.monitors.length > 0
    if (b.textDisplay) {
      b.current = '-display text'
      const { id } = DISPLAY
      b.add('chardevs', DISPLAY)
      management.textDisplay = id
      if (!monitorGiven && !b.noDefaults) management.monitors.push({ chardev: id, mode: 'readline', pretty: false })
      if (!serialsGiven && !b.noDefaults) b.serial('null')
      b.origin('display')
      return
    }
    if (b.noDefaults) return
    const stdio = config.chardevs?.some(c => c.backend === 'stdio') ?? false
    if (b.nographic) {
      if (!serialsGiven && !monitorGiven) return b.serial('mon:stdio')
      if (!serialsGiven) {
        b.serial(stdio ? 'null' : 'stdio')
        // Without a monitor to switch to, but Ctrl-a x must end the program: Ctrl-C is the guest's.
        const last = config.chardevs!.length - 1
        if (!stdio) config.chardevs![last] = { ...config.chardevs![last]!, mux: true }
      }
      else if (!monitorGiven && !stdio) b.monitor('stdio', 'readline')
      return
    }
    if (serialsGiven) return
    if (b.interactive && !monitorGiven && !stdio) b.serial('mon:stdio')
    else b.serial('null')
  }

  return b
}

/** References between the parts, and names used twice. */
function checkIds(
  config: MachineConfig,
  management: ManagementConfig,
  origins: ReadonlyMap<string, string>,
): void {
  const fail = (where: string, message: string, hint?: string): never => {
    throw new VmError('cli.usage', message, { where, ...(hint !== undefined && { hint }) })
  }
  for (const list of ['chardevs', 'netdevs', 'devices', 'drives', 'objects'] as const) {
    const seen = new Map<string, number>()
    ;(config[list] ?? []).forEach((item: { id?: string }, i) => {
      if (item.id === undefined) return
      if (!/^[A-Za-z][A-Za-z0-9._-]*$/.test(item.id))
        fail(`${list}[${i}]`, `'${item.id}' is not a name`, 'a letter, then letters, digits, and . _ -')
      const first = seen.get(item.id)
      if (first !== undefined)
        fail(
          `${list}[${i}]`,
          `the name '${item.id}' is taken by ${origins.get(`${list}[${first}]`) ?? 'another one'}`,
        )
      seen.set(item.id, i)
    })
  }
  const chardevs = config.chardevs ?? []
  const ids = chardevs.map(c => c.id)
  const need = (where: string, id: string) => {
    if (!ids.includes(id)) fail(where, `no character device '${id}'`, suggest(id, ids))
  }
  config.serials?.forEach((id, i) => { if (id !== null) need(`serials[${i}]`, id) })
  config.parallels?.forEach((id, i) => { if (id !== null) need(`parallels[${i}]`, id) })
  management.monitors.forEach((m, i) => need(`monitors[${i}]`, m.chardev))
  management.gdb.forEach((g, i) => { if ('chardev' in g) need(`gdb[${i}]`, g.chardev) })
  config.devices?.forEach((d, i) => {
    const chardev = d.properties?.['chardev']
    if (typeof chardev === 'string') need(`devices[${i}]`, chardev)
  })
  checkUsers(config, management, fail)
  const onStdio = [...chardevs.entries()]
    .filter(([, c]) => c.backend === 'stdio')
    .map(([i]) => `chardevs[${i}]`)
  management.gdb.forEach((g, i) => {
    if ('backend' in g && g.backend === 'stdio') onStdio.push(`gdb[${i}]`)
  })
  if (onStdio.length > 1)
    fail(onStdio[1]!, `standard input and output are taken by ${origins.get(onStdio[0]!) ?? 'another one'}`,
      'share them with mon:stdio or -chardev stdio,mux=on')
}

/** Only a character device with mux=on has several users. */
function checkUsers(
  config: MachineConfig,
  management: ManagementConfig,
  fail: (where: string, message: string, hint?: string) => never,
): void {
  const users = new Map<string, string>()
  const use = (id: string | null, where: string) => {
    if (id === null) return
    const c = config.chardevs?.find(x => x.id === id)
    if (users.has(id) && !c?.mux)
      fail(where, `character device '${id}' has a user already`, 'mux=on lets several share it')
    users.set(id, where)
  }
  config.serials?.forEach((id, i) => use(id, `serials[${i}]`))
  config.parallels?.forEach((id, i) => use(id, `parallels[${i}]`))
  management.monitors.forEach((m, i) => use(m.chardev, `monitors[${i}]`))
  management.gdb.forEach((g, i) => {
    if (!('chardev' in g)) return
    use(g.chardev, `gdb[${i}]`)
    if (config.chardevs?.find(c => c.id === g.chardev)?.mux)
      fail(`gdb[${i}]`, `gdb shares no character device, and '${g.chardev}' has mux=on`)
  })
  config.devices?.forEach((d, i) => {
    const chardev = d.properties?.['chardev']
    if (typeof chardev === 'string') use(chardev, `devices[${i}]`)
  })
}

/** A drive as -hda and friends make it. */
export const legacyDrive = (path: string, index: number, media: 'disk' | 'cdrom' = 'disk'): DriveConfig =>
  ({ kind: 'drive', index, file: path, media, ...(media === 'cdrom' && { readOnly: true }) })
