// What a machine is made of, as plain data: the library's `createMachine` takes it, and the command line
// produces it. Names of machines, devices and properties are QEMU's. Nothing here is opened or checked
// against a catalogue yet; the assembly does that and throws VmError.

/** Architectures that a machine can have. */
export const ARCHES = ['riscv64', 'x86_64', 'i386'] as const
export type Arch = (typeof ARCHES)[number]

/** Property values as the user gave them: text from a command line, any JSON value from the library or QMP. */
export type PropertyBag = { readonly [name: string]: PropertyValue }
export type PropertyValue = string | number | bigint | boolean | null | readonly PropertyValue[] | PropertyBag

/** A path (or URL, where the host knows them), or the contents themselves. */
export type FileSource = string | Uint8Array

export type MachineConfig = {
  /** Left out: taken from the kernel's header. */
  readonly arch?: Arch
  /** `-name`: shown in titles and by `info name`. */
  readonly name?: string
  /** `-uuid`, in the form 8-4-4-4-12. */
  readonly uuid?: string
  /** `-M`: type and properties. Left out: the architecture's default machine. */
  readonly machine?: { readonly type: string; readonly properties?: PropertyBag }
  /** `-accel`: in order of preference. Left out or empty: the best one that works here. */
  readonly accels?: readonly { readonly name: string; readonly properties?: PropertyBag }[]
  /** `-cpu`: model, and features switched on or off or given a value. */
  readonly cpu?: { readonly model: string; readonly properties?: PropertyBag }
  readonly smp?: SmpConfig
  /** `-m`, in bytes. Left out: the machine's default. */
  readonly memoryBytes?: number

  /** `-bios`: firmware; 'default' and 'none' are QEMU's two special names. */
  readonly bios?: FileSource
  readonly kernel?: FileSource
  readonly initrd?: FileSource
  /** Kernel command line. */
  readonly append?: string
  /** A device tree in place of the generated one. */
  readonly dtb?: FileSource
  /** `-boot`: order, once, menu, strict. */
  readonly boot?: PropertyBag
  readonly fwCfg?: readonly FwCfgItem[]
  /** `-smbios` in order. */
  readonly smbios?: readonly SmbiosItem[]
  /** Where firmware files are looked for, in order, before the built-in places (`-L`). */
  readonly dataPaths?: readonly string[]

  /** `-drive`, `-hda`… and `-blockdev` in order of appearance. */
  readonly drives?: readonly DriveConfig[]
  /** `-device` in order of appearance. */
  readonly devices?: readonly DeviceConfig[]
  /** `-netdev` and the back-end half of `-nic`. */
  readonly netdevs?: readonly NetdevConfig[]
  /** `-nic`: a back end together with the machine's default (or the named) card. */
  readonly nics?: readonly NicConfig[]
  readonly chardevs?: readonly ChardevConfig[]
  /** `-serial` in order: ids of character devices; null is a port without anything behind it (`none`
   * removes none). */
  readonly serials?: readonly (string | null)[]
  /** `-parallel` in order, in the same way. */
  readonly parallels?: readonly (string | null)[]
  /** `-vga`: the display card. Left out: the machine's default. */
  readonly vga?: 'std' | 'none'
  readonly objects?: readonly ObjectConfig[]
  /** `-global driver.property=value`. */
  readonly globals?: readonly { readonly driver: string; readonly property: string; readonly value: string }[]

  readonly rtc?: RtcConfig
  /** `-snapshot`: writes to drives go to temporary storage. */
  readonly snapshot?: boolean
  /** `-no-reboot`: a guest reset ends the machine. */
  readonly noReboot?: boolean
  /** Classes of log lines that are on (`-d`). */
  readonly log?: readonly string[]
  /** `-dfilter`: addresses of the code that is logged, both ends included. */
  readonly logFilter?: readonly { readonly start: bigint; readonly end: bigint }[]
  /** `-singlestep`: translated blocks hold one instruction. */
  readonly singlestep?: boolean
  /** Patterns of trace events (`-trace`). */
  readonly trace?: readonly string[]
  /** No devices but those asked for and the ones that are soldered on (`-nodefaults`). */
  readonly noDefaults?: boolean
}

export type SmpConfig = {
  readonly cpus: number
  readonly maxcpus?: number
  readonly sockets?: number
  readonly cores?: number
  readonly threads?: number
}

export type DriveConfig = {
  /** How it was asked for: a drive makes its own device unless `interface` is 'none'; a blockdev node never
   * does. */
  readonly kind: 'drive' | 'blockdev'
  readonly id?: string
  /** `if=`: virtio, none, ide, scsi, sd, pflash, mtd, floppy; left out: the machine's default. */
  readonly interface?: string
  readonly index?: number
  /** `file=`; for a library user also the contents. */
  readonly file?: FileSource
  readonly format?: string
  readonly readOnly?: boolean
  readonly snapshot?: boolean
  readonly media?: 'disk' | 'cdrom'
  /** Everything else as given (cache, aio, discard, file.locking, driver…; for a blockdev the whole option
   * tree). */
  readonly properties?: PropertyBag
}

export type DeviceConfig = {
  readonly driver: string
  readonly id?: string
  readonly properties?: PropertyBag
}

export type NetdevConfig = { readonly type: string; readonly id: string; readonly properties?: PropertyBag }

export type NicConfig = {
  /** Type of the back end, or 'none'. */
  readonly type: string
  /** Left out: the machine's default card. */
  readonly model?: string
  readonly mac?: string
  readonly id?: string
  /** The back end's properties. */
  readonly properties?: PropertyBag
}

export type ChardevConfig = {
  readonly id: string
  /** stdio, file, pty, socket, null, ringbuf, or 'stream': the library's own end. */
  readonly backend: string
  /** Several front ends (a serial port and a monitor) share it; Ctrl-a switches. */
  readonly mux?: boolean
  readonly properties?: PropertyBag
}

export type ObjectConfig = { readonly type: string; readonly id: string; readonly properties?: PropertyBag }

export type FwCfgItem = { readonly name: string; readonly contents: FileSource }

/** Fields of a structure by QEMU's names, or a whole structure. */
export type SmbiosItem =
  | { readonly type: number; readonly fields: { readonly [name: string]: string | number | boolean | readonly string[] } }
  | { readonly file: FileSource }

export type RtcConfig = {
  /** 'utc', 'localtime' or a date. */
  readonly base?: string
  readonly clock?: 'host' | 'rt' | 'vm'
  readonly driftfix?: 'none' | 'slew'
}
