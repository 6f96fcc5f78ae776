// The ACPI tables of the `pc` machine, made from the same numbers as its board.
import { GPE_BYTES, SLEEP_TYPE, SMI_COMMAND } from '../devices/pci/piix4-pm.ts'
import { PIRQ_ROUTE } from '../devices/pci/piix3.ts'
import {
  and, arg, busRange, device, dwordField, eisaId, fields, integer, io, ioRange, irq, local,
  memoryRange, method, name, or, otherwise, packageOf, ref, region, resources, returns, scope, sharedInterrupts,
  SPACE, store, string, when, type Aml,
} from './acpi/aml.ts'
import { acpiFiles, dsdt, fadt, madt, type AcpiFiles } from './acpi/tables.ts'
import { IRQ, PC, ramSplit, type PcOptions } from './pc.ts'

const SMI_PORT = 0xb2, LAST_PCI_ADDRESS = PC.IOAPIC - 1, CONFIG_PORTS = 0xcf8, PCI_END = 2 ** 40, GIB = 2 ** 30
/** Interrupts that PCI lines may be routed to. */
const PCI_IRQS = [5, 10, 11]
const LINKS = ['LNKA', 'LNKB', 'LNKC', 'LNKD'], ROUTES = ['PRQ0', 'PRQ1', 'PRQ2', 'PRQ3']
const DISABLED = 0x80, PRESENT = 0x0b, PRESENT_DISABLED = 0x09

export function pcAcpi(o: PcOptions): AcpiFiles {
  return acpiFiles(
    dsdt(sleepStates(), scope('\\_SB', ...processors(o), hostBridge(o), ...LINKS.map(link))),
    fadt({
      sci: IRQ.SCI, smiCommand: SMI_PORT, acpiEnable: SMI_COMMAND.ACPI_ENABLE,
      acpiDisable: SMI_COMMAND.ACPI_DISABLE, pm: PC.PM_IO, gpe: PC.GPE_IO, gpeBytes: GPE_BYTES,
    }),
    madt({
      cpus: o.cpus, ...(o.apicIds && { apicIds: o.apicIds }), localApic: PC.LOCAL_APIC, ioapic: PC.IOAPIC,
      overrides: [
        { irq: IRQ.TIMER, pin: 2 },
        ...[...PCI_IRQS, IRQ.SCI].map(n => ({ irq: n, pin: n, level: true })),
      ],
    }),
  )
}

const sleepStates = (): Aml => [...state('\\_S4', SLEEP_TYPE.S4), ...state('\\_S5', SLEEP_TYPE.S5)]
const state = (at: string, type: number): Aml =>
  name(at, packageOf(integer(type), integer(type), integer(0), integer(0)))

const processors = (o: PcOptions): Aml[] => Array.from({ length: o.cpus }, (_, n) =>
  device(`C${n.toString(16).toUpperCase().padStart(3, '0')}`,
    name('_HID', string('ACPI0007')), name('_UID', integer(n))))

/** Ports and memory that the bus passes on are all that the board does not claim. */
function hostBridge(o: PcOptions): Aml {
  const { below4G, above4G } = ramSplit(o.ramBytes)
  const high = Math.ceil((PC.TOP + above4G) / GIB) * GIB
  return device('PCI0',
    name('_HID', eisaId('PNP0A03')), name('_UID', integer(0)),
    name('_CRS', resources(
      busRange(0, 255), io(CONFIG_PORTS, 8), ioRange(0, CONFIG_PORTS - 1), ioRange(CONFIG_PORTS + 8, 0xffff),
      memoryRange(PC.LEGACY, PC.LEGACY + 0x1_ffff), memoryRange(below4G, LAST_PCI_ADDRESS),
      memoryRange(high, Math.min(high * 2, PCI_END) - 1),
    )),
    name('_PRT', routing()), isaBridge(o),
  )
}

/** INTA of slot 1 is line A; the next slot's, line B. */
const routing = (): Aml => packageOf(...Array.from({ length: 32 * 4 }, (_, i) => {
  const slot = i >> 2, pin = i & 3
  const to = ref(`\\_SB.${LINKS[(slot + pin + 3) & 3]!}`)
  return packageOf(integer(slot * 0x1_0000 + 0xffff), integer(pin), to, integer(0))
}))

function isaBridge(o: PcOptions): Aml {
  const legacy = (at: string, id: string, ...list: readonly Aml[]) =>
    device(at, name('_HID', eisaId(id)), name('_CRS', resources(...list)))
  const port = (kind: string, id: string, n: number, ...list: readonly Aml[]) => device(`${kind}${n + 1}`,
    name('_HID', eisaId(id)), name('_UID', integer(n + 1)), name('_CRS', resources(...list)))
  const count = (n: number | undefined) => Array.from({ length: n ?? 1 }, (_, i) => i)
  return device('ISA', name('_ADR', integer(0x1_0000)),
    region('PRQC', SPACE.PCI_CONFIG, PIRQ_ROUTE, 4), fields('PRQC', ...ROUTES.map(r => [r, 8] as const)),
    legacy('RTC', 'PNP0B00', io(0x70, 8), irq(IRQ.CLOCK)),
    legacy('KBD', 'PNP0303', io(0x60, 1), io(0x64, 1), irq(IRQ.KEYBOARD)),
    legacy('MOU', 'PNP0F13', irq(IRQ.MOUSE)),
    ...count(o.serials).map(n => port('COM', 'PNP0501', n, io(PC.SERIAL[n]!, 8), irq(IRQ.SERIAL[n]!))),
    ...count(o.parallels).map(n => port('LPT', 'PNP0400', n, io(PC.PARALLEL[n]!, 8), irq(IRQ.PARALLEL[n]!))),
  )
}

/** A line of the bus, routed by a register of the PCI-to-ISA bridge. */
function link(at: string, n: number): Aml {
  const route = ref(`\\_SB.PCI0.ISA.${ROUTES[n]!}`), NUMBER_AT = 5
  return device(at,
    name('_HID', eisaId('PNP0C0F')), name('_UID', integer(n)), name('_PRS', resources(sharedInterrupts(...PCI_IRQS))),
    method('_STA', 0,
      when(and(route, integer(DISABLED)), returns(integer(PRESENT_DISABLED))),
      otherwise(returns(integer(PRESENT)))),
    method('_DIS', 0, or(route, integer(DISABLED), route)),
    method('_CRS', 0,
      name('BUF', resources(sharedInterrupts(0))), dwordField(ref('BUF'), NUMBER_AT, 'IRQW'),
      and(route, integer(0x0f), local(0)),
      when(and(route, integer(DISABLED)), store(integer(0), local(0))),
      store(local(0), ref('IRQW')), returns(ref('BUF'))),
    method('_SRS', 1, dwordField(arg(0), NUMBER_AT, 'IRQN'), store(ref('IRQN'), route)),
  )
}
