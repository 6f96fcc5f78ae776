// What a kernel image is for, from its first bytes: ELF's e_machine, or the header of a Linux Image
// (arch/riscv/Documentation boot-image-header, arch/arm64 booting.rst, arch/x86/boot.rst). Compressed images do not tell.
import type { Arch } from './config.ts'

/** Bytes of the file that `detectImage` looks at. */
export const HEADER_BYTES = 0x238

export type ImageKind = {
  readonly format: 'elf' | 'linux-image'
  /** Undefined: an architecture that is not known here; `machine` names it. */
  readonly arch: Arch | undefined
  readonly machine: string
}

const elfMachines: { readonly [machine: number]: string } = {
  2: 'SPARC',
  3: 'x86',
  4: 'm68k',
  8: 'MIPS',
  20: 'PowerPC',
  21: 'PowerPC 64',
  22: 'S/390',
  40: 'Arm',
  62: 'x86-64',
  183: 'AArch64',
  243: 'RISC-V',
  258: 'LoongArch',
}
const RISCV = 243, X86_64 = 62, I386 = 3, CLASS64 = 2, BIG_ENDIAN = 2

/** Undefined: neither ELF nor a Linux Image. */
export function detectImage(header: Uint8Array): ImageKind | undefined {
  const at = (offset: number, text: string) =>
    [...text].every((c, i) => header[offset + i] === c.charCodeAt(0))
  if (header.length >= 20 && at(0, '\x7fELF')) {
    const big = header[5] === BIG_ENDIAN
    const machine = big ? header[18]! << 8 | header[19]! : header[19]! << 8 | header[18]!
    const bits = header[4] === CLASS64 ? 64 : 32
    const name = elfMachines[machine] ?? `machine ${machine}`
    return {
      format: 'elf', arch: machine === RISCV && bits === 64 && !big ? 'riscv64' : machine === X86_64 ? 'x86_64' : machine === I386 ? 'i386' : undefined,
      machine: `${big ? 'big-endian ' : ''}${machine === RISCV ? `${bits}-bit ` : ''}${name}`,
    }
  }
  if (header.length < 64) return undefined
  if (at(0x38, 'RSC\x05')) return { format: 'linux-image', arch: 'riscv64', machine: 'RISC-V' }
  if (at(0x38, 'ARM\x64')) return { format: 'linux-image', arch: undefined, machine: 'AArch64' }
  if (at(0x202, 'HdrS')) {
    const long = (header[XLOADFLAGS]! & KERNEL_64) !== 0
    return { format: 'linux-image', arch: long ? 'x86_64' : 'i386', machine: long ? 'x86-64' : 'x86' }
  }
  return undefined
}
/** Of the boot protocol's header from 2.12 on: whether there is a 64-bit entry. */
const XLOADFLAGS = 0x236, KERNEL_64 = 1
