// `-smbios`: what of the system management tables is the user's.
import { blaming } from '../../base/errors.ts'
import type { Host } from '../../host/host.ts'
import { SMBIOS_TYPE, type SmbiosFields, type SmbiosOptions } from '../../machines/smbios.ts'
import type { MachineConfig } from '../config.ts'
import { readSource } from './boot.ts'
import { uuidBytes } from './fw-cfg.ts'
import { mistake } from './text.ts'

const BOOT_TYPES: readonly number[] = [SMBIOS_TYPE.BOOT, SMBIOS_TYPE.END]

export async function planSmbios(config: MachineConfig, host: Host, machine: string): Promise<SmbiosOptions> {
  const fields: { [type: number]: SmbiosFields } = {}, structures: Uint8Array[] = []
  for (const [i, item] of (config.smbios ?? []).entries())
    await blaming(`smbios[${i}]`, async () => {
      if (machine !== 'pc') throw mistake('board.badConfig', 'not implemented: SMBIOS tables on this machine')
      if ('file' in item) {
        const bytes = checkStructure(await readSource(host, item.file)), type = bytes[0]!
        if (fields[type]) throw mistake('board.badConfig', `a structure of type ${type} and fields of it`)
        structures.push(bytes)
        return
      }
      const { type, fields: own } = item
      if (structures.some(s => s[0] === type)) throw mistake('board.badConfig', `fields of type ${type} and a structure of it`)
      fields[type] = type === SMBIOS_TYPE.STRINGS
        ? { value: [...fields[type]?.['value'] as readonly string[] | undefined ?? [], ...await oemStrings(own, host)] }
        : { ...fields[type], ...check(type, own) }
    })
  return { fields, structures, ...(config.uuid !== undefined && { uuid: await blaming('uuid', () => uuidBytes(config.uuid!)) }) }
}

async function oemStrings(own: SmbiosFields, host: Host): Promise<string[]> {
  const list = (name: string) => (own[name] === undefined ? [] : [own[name]].flat().map(String))
  const files = await Promise.all(list('path').map(async path => new TextDecoder().decode(await readSource(host, path))))
  return [...list('value'), ...files]
}

const SPEED = 0xffff
function check(type: number, own: SmbiosFields): SmbiosFields {
  const release = own['release']
  if (release !== undefined && !/^\d{1,3}\.\d{1,3}$/.test(String(release)))
    throw mistake('board.badConfig', `release=${String(release)} is not MAJOR.MINOR`)
  if (type === SMBIOS_TYPE.SYSTEM && own['uuid'] !== undefined) uuidBytes(String(own['uuid']))
  for (const name of ['max-speed', 'current-speed', 'speed'])
    if (own[name] !== undefined && !(Number(own[name]) >= 0 && Number(own[name]) <= SPEED))
      throw mistake('board.badConfig', `${name}=${String(own[name])} is not 0 to ${SPEED}`)
  return own
}

/** One structure with its strings: length and end must be right, or all that follows it would be lost. */
function checkStructure(bytes: Uint8Array): Uint8Array {
  const length = bytes[1] ?? 0, bad = (text: string) => mistake('loader.badImage', text, 'DSP0134, section 6.1: one structure with its strings')
  if (bytes.length < 6 || length < 4 || length + 2 > bytes.length) throw bad(`a file of ${bytes.length} bytes is no structure`)
  if (BOOT_TYPES.includes(bytes[0]!)) throw bad(`structures of type ${bytes[0]} are made by the machine`)
  let end = length
  while (end + 1 < bytes.length && (bytes[end] !== 0 || bytes[end + 1] !== 0)) end++
  if (end + 2 !== bytes.length) throw bad('its strings do not end at the end of the file')
  return bytes
}
