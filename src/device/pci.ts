// A PCI function's configuration space (PCI Local Bus Specification 3.0, chapter 6, header type 0): identity,
// command and status, base addresses, capabilities, the interrupt pin. A device file says what it is and puts
// the parts into its declaration; base addresses are its regions, which the bus (pci-bus.ts) places as
// windows.
//
//   const pci = pciFunction(p => ({ vendor: 0x8086, device: 0x100e, class: 0x020000, bars, … }))
//   defineDevice({
//     …, state: { ...pci.state, … }, properties: { ...pci.properties }, pins: { ...pci.pins },
//     facets: { pci: pci.facet }, reset(s, io) { pci.reset(s, io) },
//     update(s, io) { pci.setInterrupt(s, io, level) },
//   })
//
// Not modelled: power management states, parity and system errors (none happen).
import { VmError } from '../base/errors.ts'
import { bytes, flagProperty, output, textProperty } from './define.ts'
import type { Pin } from './irq.ts'
import type { Window } from '../mem/windows.ts'

export const CONFIG_BYTES = 256
export const REG = {
  VENDOR: 0x00, DEVICE: 0x02, COMMAND: 0x04, STATUS: 0x06, REVISION: 0x08, CLASS: 0x09, CACHE_LINE: 0x0c,
  HEADER_TYPE: 0x0e, BAR: 0x10, SUBSYSTEM_VENDOR: 0x2c, SUBSYSTEM: 0x2e, ROM: 0x30, CAPABILITIES: 0x34,
  INTERRUPT_LINE: 0x3c, INTERRUPT_PIN: 0x3d,
}
export const COMMAND = { IO: 1, MEMORY: 2, MASTER: 4, SERR: 0x100, INTX_DISABLE: 0x400 }
const STATUS = { INTERRUPT: 0x08, CAPABILITIES: 0x10 }
const FIRST_CAPABILITY = 0x40, MULTIFUNCTION = 0x80

export type Bar = {
  /** 0 to 5, of which a 64-bit one takes the next one too; 6: the expansion ROM. */
  readonly index: number
  readonly space: 'io' | 'memory'
  /** A power of 2. */
  readonly sizeBytes: number
  readonly wide?: boolean
  readonly prefetchable?: boolean
}
/**
 * `bytes` follow the identifier and the link; `writable` masks them. The last one of the list is found first.
 */
export type Capability = {
  readonly id: number
  readonly bytes: readonly number[]
  readonly writable?: readonly number[]
}
export type PciIdentity = {
  readonly vendor: number
  readonly device: number
  readonly subsystemVendor?: number
  readonly subsystem?: number
  /** 24 bits: class, subclass, programming interface. */
  readonly class: number
  readonly revision?: number
  /** 1 (INTA) to 4; left out: none. */
  readonly interruptPin?: number
  /** By region name. */
  readonly bars?: { readonly [region: string]: Bar }
  readonly capabilities?: readonly Capability[]
  /** Registers of its own, from 40h on or over the standard ones; all read-only where `writable` has no bit. */
  readonly registers?: readonly {
    readonly at: number
    readonly bytes: readonly number[]
    readonly writable?: readonly number[]
  }[]
}

/** The expansion ROM's; its register has a bit that switches it on. */
export const ROM_INDEX = 6
const ROM_ENABLE = 1, MIN_ROM_BYTES = 2048
const registerOf = (bar: Bar): number => (bar.index === ROM_INDEX ? REG.ROM : REG.BAR + 4 * bar.index)
/** What a ROM of so many bytes takes. */
export const romBytes = (length: number): number => Math.max(MIN_ROM_BYTES, 2 ** Math.ceil(Math.log2(length || 1)))

type S = { readonly config: Uint8Array }
type IO = {
  readonly props: any
  readonly window: { readonly [region: string]: Window | undefined }
  readonly intx: Pin
}
/** What a device does besides at accesses to its configuration space. */
export type ConfigHooks = {
  beforeRead?(s: any, io: any, offset: number, size: number): void
  afterWrite?(s: any, io: any, offset: number, size: number): void
}

/** What the bus calls, under the device's lock. */
export type PciFacet = {
  read(s: any, io: any, offset: number, size: number): number
  write(s: any, io: any, offset: number, value: number, size: number): void
  identity(props: any): PciIdentity
}

/** Reset contents, which bits the guest may write, and where the capabilities are. */
export type ConfigLayout = {
  readonly initial: Uint8Array
  readonly writable: Uint8Array
  readonly capabilityAt: readonly number[]
}

export function pciFunction(identity: (props: any) => PciIdentity, hooks: ConfigHooks = {}) {
  const known = new WeakMap<object, { layout: ConfigLayout; identity: PciIdentity }>()
  const of = (props: object) => {
    let found = known.get(props)
    if (!found) {
      const is = identity(props)
      known.set(
        props, (found = { identity: is, layout: layoutOf(is, (props as any).multifunction === true) }),
      )
    }
    return found
  }
  const facet: PciFacet = {
    identity,
    read(s: S, io: IO, offset, size) {
      if (offset + size > CONFIG_BYTES) return 0xffffffff
      hooks.beforeRead?.(s, io, offset, size)
      return load(s.config, offset, size)
    },
    write(s: S, io: IO, offset, value, size) {
      if (offset + size > CONFIG_BYTES) return
      const { layout, identity: is } = of(io.props)
      for (let i = 0; i < size; i++) {
        const mask = layout.writable[offset + i]!
        s.config[offset + i] = (s.config[offset + i]! & ~mask) | ((value >>> (8 * i)) & mask)
      }
      const touches = (at: number, n: number) => offset < at + n && at < offset + size
      if (touches(REG.COMMAND, 2) || touches(REG.BAR, 24) || touches(REG.ROM, 4)) placeBars(s, io, is)
      hooks.afterWrite?.(s, io, offset, size)
    },
  }
  return {
    properties: {
      addr: textProperty('', 'slot and function, such as 03.0'),
      multifunction: flagProperty(false, 'other functions share the slot'),
    },
    state: { config: bytes(CONFIG_BYTES) },
    pins: { intx: output() },
    facet,
    /** Where capability number `i` of the list lies. */
    capabilityAt: (io: IO, i: number): number => of(io.props).layout.capabilityAt[i]!,
    reset(s: S, io: IO): void {
      const { layout, identity: is } = of(io.props)
      s.config.set(layout.initial)
      placeBars(s, io, is)
    },
    /** What the device would like its pin to be; software may have switched it off. */
    setInterrupt(s: S, io: IO, level: boolean): void {
      const status = s.config[REG.STATUS]!
      s.config[REG.STATUS] = level ? status | STATUS.INTERRUPT : status & ~STATUS.INTERRUPT
      io.intx.set(level && !(command(s) & COMMAND.INTX_DISABLE))
    },
  }
}

export const command = (s: S): number => load(s.config, REG.COMMAND, 2)
/** Whether the device may reach memory. */
export const isMaster = (s: S): boolean => (command(s) & COMMAND.MASTER) !== 0

export function load(from: Uint8Array, offset: number, size: number): number {
  let value = 0
  for (let i = size - 1; i >= 0; i--) value = value * 256 + from[offset + i]!
  return value
}

export function store(to: Uint8Array, offset: number, size: number, value: number): void {
  for (let i = 0; i < size; i++) to[offset + i] = Math.floor(value / 2 ** (8 * i))
}

function layoutOf(is: PciIdentity, multifunction: boolean): ConfigLayout {
  const initial = new Uint8Array(CONFIG_BYTES), writable = new Uint8Array(CONFIG_BYTES)
  const set = (offset: number, size: number, value: number) => store(initial, offset, size, value)
  const open = (offset: number, size: number, mask: number) => store(writable, offset, size, mask)
  set(REG.VENDOR, 2, is.vendor)
  set(REG.DEVICE, 2, is.device)
  set(REG.REVISION, 1, is.revision ?? 0)
  set(REG.CLASS, 3, is.class)
  set(REG.HEADER_TYPE, 1, multifunction ? MULTIFUNCTION : 0)
  set(REG.SUBSYSTEM_VENDOR, 2, is.subsystemVendor ?? 0)
  set(REG.SUBSYSTEM, 2, is.subsystem ?? 0)
  set(REG.INTERRUPT_PIN, 1, is.interruptPin ?? 0)
  open(REG.COMMAND, 2, COMMAND.IO | COMMAND.MEMORY | COMMAND.MASTER | COMMAND.SERR | COMMAND.INTX_DISABLE)
  open(REG.CACHE_LINE, 1, 0xff)
  open(REG.INTERRUPT_LINE, 1, 0xff)
  for (const bar of Object.values(is.bars ?? {})) {
    const at = registerOf(bar)
    if (bar.index === ROM_INDEX) {
      open(at, 4, (-bar.sizeBytes | ROM_ENABLE) >>> 0)
      continue
    }
    set(at, 1, bar.space === 'io' ? 1 : (bar.wide ? 4 : 0) | (bar.prefetchable ? 8 : 0))
    open(at, 4, -bar.sizeBytes >>> 0)
    if (bar.wide) open(at + 4, 4, 0xffffffff)
  }
  const capabilityAt: number[] = []
  let free = FIRST_CAPABILITY, link = 0
  for (const c of is.capabilities ?? []) {
    capabilityAt.push(free)
    initial.set([c.id, link, ...c.bytes], free)
    writable.set(c.writable ?? [], free + 2)
    link = free
    free += Math.ceil((2 + c.bytes.length) / 4) * 4
  }
  if (link) {
    set(REG.CAPABILITIES, 1, link)
    set(REG.STATUS, 1, STATUS.CAPABILITIES)
  }
  for (const r of is.registers ?? []) {
    initial.set(r.bytes, r.at)
    writable.set(r.writable ?? r.bytes.map(() => 0), r.at)
  }
  return { initial, writable, capabilityAt }
}

/** Puts every base address where its register and the command register say. */
function placeBars(s: S, io: IO, is: PciIdentity): void {
  for (const [region, bar] of Object.entries(is.bars ?? {})) {
    const window = io.window[region]
    const at = addressOf(s, bar)
    if (at === undefined) window?.disable()
    else window?.moveTo(at)
  }
}

/** A bus address, or undefined: not decoded, or no address at all (what sizing leaves behind). */
export function addressOf(s: S, bar: Bar): number | undefined {
  if (!(command(s) & (bar.space === 'io' ? COMMAND.IO : COMMAND.MEMORY))) return undefined
  const at = registerOf(bar)
  if (bar.index === ROM_INDEX && !(s.config[at]! & ROM_ENABLE)) return undefined
  const low = load(s.config, at, 4) - (load(s.config, at, 4) % bar.sizeBytes)
  const address = bar.wide ? load(s.config, at + 4, 4) * 2 ** 32 + low : low
  const last = address + bar.sizeBytes - 1
  return last >= (bar.wide ? 2 ** 53 : 0xffffffff) ? undefined : address
}

/** `03.0`, `3` and `0x3.1`: slot and function as one number, as configuration addresses hold it. */
export function parseAddr(text: string, where: string): number {
  const m = /^(?:0x)?([0-9a-f]{1,2})(?:\.([0-7]))?$/i.exec(text)
  const slot = m ? parseInt(m[1]!, 16) : 32
  if (slot > 31)
    throw new VmError('device.badProperty', `${where}: addr '${text}' is no PCI address`, {
      hint: 'SLOT.FUNCTION, such as 03.0',
    })
  return slot * 8 + Number(m![2] ?? 0)
}
