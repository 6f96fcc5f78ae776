import { test, type TestContext } from 'node:test'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { machines } from '../../test/diff/qtest/machines.ts'
import { openQemu, qemuMissing } from '../../test/diff/qtest/qemu.ts'
import { portIn, portOut } from '../../test/diff/qtest/script.ts'
import { FW_CFG } from '../devices/firmware/fw-cfg.ts'
import { pcFirmware } from './pc-firmware.ts'
import type { PcOptions } from './pc.ts'

const GIB = 2 ** 30
const options = (ramBytes: number, cpus = 2): PcOptions =>
  ({ cpus, ramBytes, ramHostOffset: 0, bios: { hostOffset: 0, sizeBytes: 0x2_0000 } })
const files = (ramBytes: number) => pcFirmware(options(ramBytes)).fwCfgFiles

/** Runs a program, or skips the test where it is not installed. */
function run(t: TestContext, program: string, args: readonly string[]): string | undefined {
  try {
    return execFileSync(program, args, { stdio: 'pipe', encoding: 'utf8' })
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code !== 'ENOENT') throw e
    t.skip(`${program} is not installed`)
    return undefined
  }
}

const sum = (bytes: Uint8Array) => bytes.reduce((a, b) => (a + b) & 0xff, 0)

/** What firmware does with the script: tables at an address, pointers and checksums in place. */
function load(given: { readonly [name: string]: Uint8Array }) {
  const at: { [file: string]: number } = {}, memory: { [file: string]: Uint8Array } = {}
  const script = given['etc/table-loader']!, view = new DataView(script.buffer)
  const nameAt = (from: number) => new TextDecoder().decode(script.subarray(from, from + 56)).replace(/\0+$/, '')
  for (let c = 0; c < script.length; c += 128) {
    const file = nameAt(c + 4), bytes = memory[file]
    switch (view.getUint32(c, true)) {
      case 1:
        at[file] = file.endsWith('rsdp') ? 0xf_0000 : 0x7f_0000
        memory[file] = given[file]!.slice()
        break
      case 2: {
        const field = new DataView(bytes!.buffer), offset = view.getUint32(c + 116, true)
        field.setUint32(offset, field.getUint32(offset, true) + at[nameAt(c + 60)]!, true)
        break
      }
      case 3: {
        const [offset, start, length] = [60, 64, 68].map(o => view.getUint32(c + o, true)) as [number, number, number]
        bytes![offset] = bytes![offset]! - sum(bytes!.subarray(start, start + length))
        break
      }
      default: assert.fail(`command ${view.getUint32(c, true)}`)
    }
  }
  return { at, memory }
}

function tablesOf(ramBytes: number): Map<string, Uint8Array> {
  const { at, memory } = load(files(ramBytes)), tables = memory['etc/acpi/tables']!
  const found = new Map<string, Uint8Array>()
  const table = (pa: number) => {
    const from = pa - at['etc/acpi/tables']!, length = new DataView(tables.buffer).getUint32(from + 4, true)
    const bytes = tables.subarray(from, from + length), signature = new TextDecoder().decode(bytes.subarray(0, 4))
    if (signature !== 'FACS') assert.equal(sum(bytes), 0, `checksum of ${signature}`)
    found.set(signature, bytes)
    return new DataView(bytes.buffer, bytes.byteOffset, length)
  }
  const rsdp = memory['etc/acpi/rsdp']!
  assert.equal(sum(rsdp), 0)
  const rsdt = table(new DataView(rsdp.buffer).getUint32(16, true))
  for (let i = 36; i < rsdt.byteLength; i += 4) table(rsdt.getUint32(i, true))
  const fixed = found.get('FACP')!, fields = new DataView(fixed.buffer, fixed.byteOffset)
  table(fields.getUint32(36, true))
  table(fields.getUint32(40, true))
  return found
}

test('firmware\'s script links all tables, and checksums are right', () => {
  assert.deepEqual([...tablesOf(5 * GIB).keys()].sort(), ['APIC', 'DSDT', 'FACP', 'FACS', 'RSDT'])
})

test('Intel\'s compiler reads every table back without an error', t => {
  const dir = mkdtempSync(join(tmpdir(), 'acpi-'))
  try {
    for (const ram of [64 << 20, 5 * GIB])
      for (const [signature, bytes] of tablesOf(ram)) {
        const file = join(dir, `${signature}.aml`)
        writeFileSync(file, bytes)
        if (run(t, 'iasl', ['-d', file]) === undefined) return
        if (signature !== 'DSDT') continue
        assert.match(run(t, 'iasl', ['-tc', '-p', join(dir, 'again'), join(dir, 'DSDT.dsl')])!, /\b0 Errors/)
      }
  } finally {
    rmSync(dir, { recursive: true })
  }
})

/** Files that QEMU 7.2 has and this program has not, and why. */
const OTHERS = [
  'etc/acpi/nvdimm-mem', 'etc/msr_feature_control', 'etc/reserved-memory-end', 'etc/tpm/log', 'etc/vmgenid_guid',
  'genroms/kvmvapic.bin', 'etc/hardware-info',
]

test('the files are those of QEMU, and the memory map is the same', async t => {
  if (await qemuMissing(machines.pc.program)) return t.skip(`${machines.pc.program} is not installed`)
  for (const ram of [64 << 20, 4 * GIB]) {
    const answers = await qemuFiles(ram), ours = files(ram)
    assert.deepEqual([...answers.keys()].filter(n => !OTHERS.includes(n)).sort(), Object.keys(ours).sort())
    assert.deepEqual(ramEntries(answers.get('etc/e820')!), ramEntries(ours['etc/e820']!))
    assert.equal(answers.get('etc/smbios/smbios-anchor')!.length, ours['etc/smbios/smbios-anchor']!.length)
  }
})

/** QEMU reserves a range below 1 TiB, too, which processors of AMD keep for themselves. */
function ramEntries(e820: Uint8Array): number[][] {
  const entries = Array.from({ length: e820.length / 20 }, (_, i) => [...e820.subarray(20 * i, 20 * i + 20)])
  return entries.filter(entry => entry[16] === 1)
}

/** The directory and some small files, read through the ports of a machine that does not run. */
async function qemuFiles(ramBytes: number, args: readonly string[] = [], wanted = ['etc/e820', 'etc/smbios/smbios-anchor']): Promise<Map<string, Uint8Array>> {
  const qemu = await openQemu(machines.pc, { args: ['-m', String(ramBytes / 2 ** 20), '-smp', '2', ...args] })
  const read = async (count: number) => {
    const bytes = new Uint8Array(count)
    for (let i = 0; i < count; i++) bytes[i] = Number((await qemu.apply(portIn(0x511))).value)
    return bytes
  }
  const select = (key: number) => qemu.apply(portOut(0x510, key, 2))
  try {
    await select(FW_CFG.FILE_DIR)
    const count = new DataView((await read(4)).buffer).getUint32(0)
    const directory = await read(64 * count), view = new DataView(directory.buffer)
    const found = new Map<string, Uint8Array>()
    for (let at = 0; at < directory.length; at += 64) {
      const name = new TextDecoder().decode(directory.subarray(at + 8, at + 64)).replace(/\0.*$/s, '')
      await select(view.getUint16(at + 4))
      found.set(name, await read(wanted.includes(name) ? view.getUint32(at) : 0))
    }
    return found
  } finally {
    qemu.close()
  }
}

/** Structures by type, each with its strings. */
function structuresOf(tables: Uint8Array): Map<number, Uint8Array[]> {
  const found = new Map<number, Uint8Array[]>()
  for (let at = 0; at < tables.length;) {
    let end = at + tables[at + 1]!
    while (tables[end] !== 0 || tables[end + 1] !== 0) end++
    found.set(tables[at]!, [...found.get(tables[at]!) ?? [], tables.slice(at, end + 2)])
    at = end + 2
  }
  return found
}

test('-smbios makes the structures that QEMU makes of it', async t => {
  if (await qemuMissing(machines.pc.program)) return t.skip(`${machines.pc.program} is not installed`)
  const TABLES = 'etc/smbios/smbios-tables', own = join(tmpdir(), `smbios-${process.pid}`)
  const structure = Uint8Array.from([13, 22, 0, 13, 1, ...Array(16).fill(0), 1, ...Buffer.from('en|US|iso8859-1'), 0, 0])
  const given: { readonly [type: number]: { readonly [name: string]: string | number | boolean | readonly string[] } } = {
    0: { vendor: 'Maker', version: '1.2', date: '01/02/2026', release: '3.14', uefi: true },
    1: { manufacturer: 'Acme', product: 'Box', version: 'v', serial: 's1', uuid: '00112233-4455-6677-8899-aabbccddeeff', sku: 'k', family: 'f' },
    2: { manufacturer: 'Acme', product: 'Board', version: 'v2', serial: 's2', asset: 'a2', location: 'left' },
    3: { manufacturer: 'Acme', version: 'v3', serial: 's3', asset: 'a3', sku: 'k3' },
    4: { sock_pfx: 'Socket', manufacturer: 'Acme', version: 'v4', serial: 's4', asset: 'a4', part: 'p4', 'max-speed': 3000, 'current-speed': 2000 },
    11: { value: ['one', 'two'] },
    17: { loc_pfx: 'Slot', bank: 'b', manufacturer: 'Acme', serial: 's', asset: 'a', part: 'p', speed: 1600 },
  }
  const text = (fields: (typeof given)[number]) => Object.entries(fields).flatMap(([name, value]) =>
    [value].flat().map(v => `${name}=${v === true ? 'on' : v}`)).join(',')
  writeFileSync(own, structure)
  try {
    const args = [...Object.entries(given).flatMap(([type, fields]) => ['-smbios', `type=${type},${text(fields)}`]), '-smbios', `file=${own}`]
    const theirs = structuresOf((await qemuFiles(64 << 20, args, [TABLES])).get(TABLES)!)
    const made = pcFirmware({
      ...options(64 << 20), topology: { sockets: 1, cores: 2, threads: 1 }, smbios: { fields: given, structures: [structure] },
    }).fwCfgFiles[TABLES]!
    const ours = structuresOf(made)
    // The handle of a processor's cache, and which features it has, is QEMU's own; so is the identification of its processor.
    const masked = (type: number, s: Uint8Array) => (type === 4 ? s.fill(0, 8, 16) : s)
    for (const type of [0, 1, 2, 3, 4, 11, 13, 16, 17, 19, 32])
      assert.deepEqual(ours.get(type)?.map(s => masked(type, s)), theirs.get(type)?.map(s => masked(type, s)), `type ${type}`)
  } finally {
    rmSync(own)
  }
})
