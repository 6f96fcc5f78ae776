// Intel 82441FX host bridge (440FX PCIset data sheet 290549-001): configuration mechanism 1 at ports CF8h and
// CFCh, the programmable attribute map that puts RAM over the firmware's ROM between 768 KiB and 1 MiB, and
// system management RAM.
// The pin `smram` is high while processors in system management mode see RAM at A0000h.
// Not modelled: DRAM timing; a segment that reads from PCI and writes to RAM (both go to PCI).
import { defineDevice, output, u32, u8 } from '../../device/define.ts'
import { pciFunction, type PciIdentity } from '../../device/pci.ts'
import { readConfig, writeConfig } from '../../device/pci-bus.ts'
import { guestError, unimplemented } from '../../base/log.ts'

const ENABLE = 0x8000_0000, BUS = 0xff_0000

export const i440fxPcihost = defineDevice({
  name: 'i440FX-pcihost',
  version: 1,
  description: 'PCI host bridge: configuration ports',
  state: { address: u32() },
  regions: {
    address: {
      sizeBytes: 4,
      valid: { unaligned: true },
      read: s => s.address,
      write(s, io, offset, value, size) {
        if (offset === 0 && size === 4) s.address = value
        else guestError(io.id, 'the configuration address takes four bytes')
      },
    },
    data: {
      sizeBytes: 4,
      unlocked: true,
      read(s, io, offset, size) {
        const { address } = s
        if (!(address & ENABLE) || address & BUS) return 0xffffffff
        return readConfig(io.children, (address >>> 8) & 0xff, (address & 0xfc) + offset, size)
      },
      write(s, io, offset, value, size) {
        const { address } = s
        if (!(address & ENABLE) || address & BUS) return
        writeConfig(io.children, (address >>> 8) & 0xff, (address & 0xfc) + offset, value, size)
      },
    },
  },
})

export const PAM = 0x59, SMRAM = 0x72
const READ = 1, WRITE = 2
const D_OPEN = 0x40, D_CLS = 0x20, D_LCK = 0x10, G_SMRAME = 0x08, C_BASE_SEG = 0x02
export const SMRAM_AT = 0xa_0000, SMRAM_BYTES = 0x2_0000

/** Attribute fields: the register and shift of each, and what it covers. */
const segment = (i: number) => ({
  register: PAM + 1 + (i >> 1), shift: 4 * (i & 1), at: 0xc_0000 + i * 0x4000, sizeBytes: 0x4000,
})
export const SEGMENTS = [
  ...Array.from({ length: 12 }, (_, i) => segment(i)),
  { register: PAM, shift: 4, at: 0xf_0000, sizeBytes: 0x1_0000 },
]
export const shadowName = (at: number, rom: boolean) => `${at.toString(16)}${rom ? '-rom' : '-ram'}`

const identity = (p: { coreboot: number }): PciIdentity => ({
  vendor: 0x8086, device: 0x1237, class: 0x060000, revision: 2, subsystemVendor: 0x1af4, subsystem: 0x1100,
  registers: [
    { at: 0x57, bytes: [p.coreboot] },
    { at: PAM, bytes: [0, 0, 0, 0, 0, 0, 0], writable: [0x30, 0x33, 0x33, 0x33, 0x33, 0x33, 0x33] },
    { at: SMRAM, bytes: [C_BASE_SEG], writable: [D_OPEN | D_CLS | D_LCK | G_SMRAME] },
  ],
})
const pci = pciFunction(identity as (p: any) => PciIdentity, {
  afterWrite(s, io, offset, size) {
    lock(s)
    if (offset < SMRAM + 1 && offset + size > PAM) place(s, io)
  },
})

/** Once locked, the register stays as it is, closed, until a reset. */
function lock(s: { readonly config: Uint8Array; locked: number }): void {
  if (!s.locked && s.config[SMRAM]! & D_LCK) s.locked = s.config[SMRAM]! & ~D_OPEN
  if (s.locked) s.config[SMRAM] = s.locked
}

export const i440fx = defineDevice({
  name: 'i440FX',
  version: 1,
  description: 'PCI host bridge: function 00.0',
  properties: {
    ...pci.properties,
    coreboot: { type: 'number', initial: 0, description: 'RAM in 8 MiB, at register 57h' } as const,
  },
  state: { ...pci.state, locked: u8() },
  pins: { ...pci.pins, smram: output() },
  regions: {
    smram: { sizeBytes: SMRAM_BYTES, memory: true },
    ...Object.fromEntries(SEGMENTS.flatMap(({ at, sizeBytes }) =>
      [true, false].map(rom => [shadowName(at, rom), { sizeBytes, memory: true }]))),
  } as { [region: string]: { sizeBytes: number; memory: true } },
  facets: { pci: pci.facet },
  reset(s, io) {
    pci.reset(s, io as any)
    place(s, io)
  },
  update(s, io) { io.smram.set((s.config[SMRAM]! & (G_SMRAME | D_CLS)) === G_SMRAME) },
})

type Windows = { readonly id: string; readonly window: { readonly [region: string]: any } }
/** Shows RAM where the registers say. */
function place(s: { readonly config: Uint8Array }, io: Windows): void {
  for (const { register, shift, at } of SEGMENTS) {
    const mode = (s.config[register]! >> shift) & (READ | WRITE)
    if (mode === WRITE)
      unimplemented(io.id, () => `RAM at 0x${at.toString(16)} that is written and not read`)
    show(io.window[shadowName(at, false)], mode === (READ | WRITE), at)
    show(io.window[shadowName(at, true)], mode === READ, at)
  }
  show(io.window.smram, (s.config[SMRAM]! & D_OPEN) !== 0, SMRAM_AT)
}

function show(window: { moveTo(at: number): void; disable(): void } | undefined, on: boolean, at: number): void {
  if (on) window?.moveTo(at)
  else window?.disable()
}
