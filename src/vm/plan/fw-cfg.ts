// Items of the firmware configuration device: what QEMU's machine puts there, and `-fw_cfg`.
import { blaming } from '../../base/errors.ts'
import { FW_CFG } from '../../devices/firmware/fw-cfg.ts'
import type { Host } from '../../host/host.ts'
import type { MachineConfig } from '../config.ts'
import { readSource } from './boot.ts'
import type { MachineType } from './machine-type.ts'
import { mistake } from './text.ts'

export type FwCfgPlan = {
  readonly items: { readonly [key: number]: Uint8Array }
  readonly files: { readonly [name: string]: Uint8Array }
}

const MAX_NAME = 55

export async function planFwCfg(config: MachineConfig, host: Host, type: MachineType): Promise<FwCfgPlan> {
  const files: { [name: string]: Uint8Array } = {
    'bios-geometry': new Uint8Array(0),
    bootorder: new Uint8Array(0), // until devices have their places
    'etc/boot-fail-wait': new Uint8Array([0xff, 0xff, 0xff, 0xff]),
  }
  for (const [i, { name, contents }] of (config.fwCfg ?? []).entries())
    await blaming(`fwCfg[${i}]`, async () => {
      if (name === '' || new TextEncoder().encode(name).length > MAX_NAME)
        throw mistake('board.badConfig', `'${name}' has not 1 to ${MAX_NAME} characters`)
      if (Object.hasOwn(files, name)) throw mistake('board.badConfig', `there is an item '${name}' already`)
      files[name] = await readSource(host, contents)
    })
  const items: { [key: number]: Uint8Array } = {}
  if (config.uuid !== undefined) items[FW_CFG.UUID] = await blaming('uuid', () => uuidBytes(config.uuid!))
  const menu = await blaming('boot', () => bootMenu(config.boot, type))
  if (menu) items[FW_CFG.BOOT_MENU] = new Uint8Array([1, 0])
  return { items, files }
}

function uuidBytes(text: string): Uint8Array {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text))
    throw mistake('board.badConfig', `'${text}' is not a UUID`)
  return Uint8Array.from(text.replaceAll('-', '').match(/../g)!, byte => parseInt(byte, 16))
}

/** What a machine without disks of its own starts is given by -kernel and -bios; the rest of -boot is for firmware that
 * chooses. */
function bootMenu(boot: MachineConfig['boot'], type: MachineType): boolean {
  for (const [name, value] of Object.entries(boot ?? {}))
    if (name !== 'menu' && !(name === 'order' && type.disk === 'ide') && !(name === 'strict' && (value === false || value === 'off')))
      throw mistake('board.badConfig', `not implemented: ${name} on this machine`, '-kernel FILE, or -bios FILE')
  const menu = boot?.['menu']
  return menu === true || menu === 'on'
}
