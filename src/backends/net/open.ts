// `-netdev` and the filters on it, from options.
import type { NetBackend } from '../../device/net.ts'
import type { Host } from '../../host/host.ts'
import { VmError } from '../../base/errors.ts'
import { dumped } from './dump.ts'
import { loopNet, nullNet } from './simple.ts'

/** What there is, by the names of `-netdev`. */
export const netTypes = [
  { name: 'null', description: 'swallows what is sent, receives nothing' },
  { name: 'loop', description: 'what is sent comes back' },
] as const

export type NetOptions = {
  /** `null`, `loop`; the library may hand in a back end of its own instead. */
  readonly type: string | NetBackend
  readonly id: string
  /** Files that record everything (`-object filter-dump,netdev=ID,file=…,maxlen=…`). */
  readonly dumps?: readonly { readonly file: string; readonly maxBytes?: number }[]
}

export async function openNet(
  host: Pick<Host, 'files'>, { type, id, dumps = [] }: NetOptions,
): Promise<NetBackend & { close(): Promise<void> }> {
  let net = typeof type === 'string' ? byType(type, id) : type
  const closing: (() => Promise<void>)[] = []
  for (const { file, maxBytes } of dumps) {
    const stream = await host.files.open(file, { append: false })
    closing.push(() => stream.close())
    net = dumped(net, {
      write: bytes => void stream.write(bytes),
      now: () => Date.now(),
      ...(maxBytes !== undefined && { maxBytes }),
    })
  }
  return { ...net, async close() { for (const close of closing) await close() } }
}

function byType(type: string, id: string): NetBackend {
  switch (type) {
    case 'null':
    case 'none':
      return nullNet()
    case 'loop':
      return loopNet()
    default:
      throw new VmError('net.unsupported', `not implemented: -netdev ${type},id=${id}`, {
        hint: `there are: ${netTypes.map(t => t.name).join(', ')}`,
      })
  }
}
