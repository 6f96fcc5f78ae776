// Items of the firmware configuration device: what QEMU's machine puts there, and `-fw_cfg`.
import { blaming } from '../../base/errors.ts'
import { FW_CFG } from '../../devices/firmware/fw-cfg.ts'
import type { Host } from '../../host/host.ts'
import type { MachineConfig } from '../config.ts'
import { badBootOrder } from '../../machines/pc-cmos.ts'
import { readSource } from './boot.ts'
import type { MachineType } from './machine-type.ts'
import { mistake } from './text.ts'

export type FwCfgPlan = {
  readonly items: { readonly [key: number]: Uint8Array }
  readonly files: { readonly [name: string]: Uint8Array }
}

const MAX_NAME = 55

export async function planFwCfg(config: MachineConfig, host: Host, type: MachineType): Promise<FwCfgPlan> {
  await blaming('boot', () => checkBoot(config, type))
  const files: { [name: string]: Uint8Array } = {
    'bios-geometry': new Uint8Array(0),
    bootorder: new Uint8Array(0), // until devices have their places
    'etc/boot-fail-wait': rebootTimeout(config),
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
  const menu = config.boot?.['menu']
  if (menu === true || menu === 'on') items[FW_CFG.BOOT_MENU] = new Uint8Array([1, 0])
  return { items, files }
}

export function uuidBytes(text: string): Uint8Array {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text))
    throw mistake('board.badConfig', `'${text}' is not a UUID`)
  return Uint8Array.from(text.replaceAll('-', '').match(/../g)!, byte => parseInt(byte, 16))
}

/** On a machine with firmware of its own that chooses; another one starts what -kernel and -bios give it. */
function checkBoot({ boot = {} }: MachineConfig, type: MachineType): void {
  const on = (value: unknown) => value === true || value === 'on', off = (value: unknown) => value === false || value === 'off'
  for (const [name, value] of Object.entries(boot)) {
    if (name === 'menu' || (name === 'strict' && off(value))) continue
    if (type.disk !== 'ide')
      throw mistake('board.badConfig', `not implemented: ${name} on this machine`, '-kernel FILE, or -bios FILE')
    if (name === 'order' || name === 'once') {
      const bad = badBootOrder(String(value))
      if (bad !== undefined) throw mistake('board.badConfig', `${name}=${String(value)}: ${bad}`, 'a floppy, c disk, d CD, n network')
    } else if (name === 'reboot-timeout') {
      const ms = Number(value)
      if (!Number.isInteger(ms) || ms < -1 || ms > MAX_TIMEOUT) throw mistake('board.badConfig', `reboot-timeout=${String(value)} is not a time`, `-1 to ${MAX_TIMEOUT} milliseconds`)
    } else if (name !== 'strict' || !on(value)) throw mistake('board.badConfig', `not implemented: ${name}=${String(value)}`)
  }
}
const MAX_TIMEOUT = 0xffff

/** How long firmware waits after it found nothing to start. */
function rebootTimeout({ boot = {} }: MachineConfig): Uint8Array {
  return new Uint8Array(Int32Array.of(Number(boot['reboot-timeout'] ?? -1)).buffer)
}
