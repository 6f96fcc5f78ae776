// Network back ends: `-netdev`, the back-end half of `-nic`, and the filters on them.
import { netTypes, openNet } from '../../backends/net/open.ts'
import { blaming, type VmError } from '../../base/errors.ts'
import { suggest } from '../../base/nearest.ts'
import type { NetBackend } from '../../device/net.ts'
import type { Host } from '../../host/host.ts'
import type { MachineConfig, PropertyBag } from '../config.ts'
import type { NetInfo } from '../control.ts'
import { nicId } from './wanted.ts'
import { blame, mistake } from './text.ts'

type Dump = { readonly file: string; readonly maxBytes?: number; readonly where: string }
type Net = { readonly type: string; readonly dumps: Dump[]; user: string | undefined }
type OpenNet = NetBackend & { close(): Promise<void> }
export type Nets = {
  /** Connects a card to the back end of that name, or (if it names none) to nothing; opens it later. */
  take(id: unknown, card: string): () => Promise<OpenNet>
  /** Opens those that no card has taken: what they need of the host is checked, and their filters' files are made. */
  rest(): (() => Promise<OpenNet>)[]
  /** The back end of that name; undefined if there is none. */
  find(id: unknown): NetInfo['backend']
}

const TYPES: readonly string[] = netTypes.map(t => t.name)
/** Known by name. */
const OTHER_TYPES = ['user', 'socket', 'stream', 'dgram', 'tap', 'bridge', 'vde', 'l2tpv3', 'hubport', 'vhost-user',
  'vhost-vdpa']

export function planNets(config: MachineConfig, host: Host): Nets {
  const nets = new Map<string, Net>()
  const none = (id: string): VmError =>
    mistake('cli.usage', `no network back end '${id}'`, suggest(id, [...nets.keys()]))
  const add = (id: string, type: string, properties: PropertyBag | undefined, where: string) => {
    const bad = (text: string, hint?: string) => { throw blame(where, mistake('net.unsupported', text, hint)) }
    if (nets.has(id)) bad(`the name '${id}' is taken by another network back end`)
    if (!TYPES.includes(type)) {
      if (OTHER_TYPES.includes(type)) bad(`not implemented: network back end '${type}'`, `there are: ${TYPES.join(', ')}`)
      bad(`no network back end '${type}'`, suggest(type, [...TYPES, ...OTHER_TYPES]))
    }
    const odd = Object.keys(properties ?? {})[0]
    if (odd !== undefined) bad(`network back end '${type}' has no property '${odd}'`)
    nets.set(id, { type, dumps: [], user: undefined })
  }
  config.netdevs?.forEach((n, i) => add(n.id, n.type, n.properties, `netdevs[${i}]`))
  config.nics?.forEach((n, i) => { if (n.type !== 'none') add(nicId(config, i), n.type, n.properties, `nics[${i}]`) })

  config.objects?.forEach((o, i) => {
    if (o.type !== 'filter-dump') return
    const where = `objects[${i}]`, { netdev = '', file, maxlen, ...rest } = o.properties ?? {}
    const bad = (text: string) => { throw blame(where, mistake('cli.usage', text)) }
    const odd = Object.keys(rest)[0]
    if (odd !== undefined) bad(`not implemented: ${odd} of filter-dump`)
    if (typeof file !== 'string') return bad('file=FILE is needed')
    if (maxlen !== undefined && !(Number(maxlen) > 0)) bad(`maxlen=${String(maxlen)} is not a length`)
    const net = nets.get(String(netdev))
    if (!net) throw blame(where, none(String(netdev)))
    net.dumps.push({ file, where, ...(maxlen !== undefined && { maxBytes: Number(maxlen) }) })
  })

  const open = (id: string, { type, dumps }: Net) => () =>
    blaming(dumps[0]?.where ?? 'netdevs', () => openNet(host, { type, id, dumps }))

  return {
    take(id, card) {
      if (id === undefined || id === '') return () => openNet(host, { type: 'none', id: '' })
      const net = nets.get(String(id))
      if (!net) throw none(String(id))
      if (net.user !== undefined)
        throw mistake('cli.usage', `network back end '${String(id)}' has a user already`, net.user)
      net.user = card
      return open(String(id), net)
    },
    rest: () => [...nets].filter(([, net]) => net.user === undefined).map(([id, net]) => open(id, net)),
    find(id) {
      const net = nets.get(String(id))
      return net && { id: String(id), type: net.type }
    },
  }
}

/** Addresses for cards without one: 52:54:00:12:34:56 and the following, leaving out those that were given. */
export function hardwareAddresses(given: Iterable<unknown>): () => string {
  const taken = new Set([...given].map(mac => String(mac).toLowerCase().replaceAll('-', ':')))
  let next = 0x56
  return () => {
    for (;;) {
      const mac = `52:54:00:12:34:${(next++ & 0xff).toString(16).padStart(2, '0')}`
      if (!taken.has(mac)) return mac
    }
  }
}
