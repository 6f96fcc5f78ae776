// The Debian packages that real guests are made of, one entry per guest architecture.

export interface GuestSource {
  /** Debian's name of the architecture, and the folder under .cache/guests. */
  readonly arch: string
  /** Release that the packages come from. */
  readonly codename: string
  /** Names under which the mirror may carry that release, in the order to try. */
  readonly suites: readonly string[]
  /** Meta package that depends on the current kernel package. */
  readonly kernelMeta: string
  /** Kernel file inside the kernel package, up to the version. */
  readonly kernelPrefix: string
  readonly installerPackage: string
  readonly installerKernel: string
  readonly installerInitrd: string
  /** Compiler of bench/guestbench, with the Debian packages that carry it. */
  readonly compiler: string
  readonly compilerPackages: readonly string[]
  /** Where the kernel package has its modules. */
  readonly moduleFolder: string
  /** Modules for the initial RAM disks; their dependencies are added. */
  readonly modules: readonly string[]
}

const installer = 'usr/lib/debian-installer/images/13/riscv64/text/debian-installer/riscv64'
/** A PC: the last release that has kernels for i386. */
const pc = (arch: string, kernelMeta: string, compiler: string, compilerPackages: readonly string[]): GuestSource => {
  const images = `usr/lib/debian-installer/images/12/${arch}/text/debian-installer/${arch}`
  return {
    arch, codename: 'bookworm', suites: ['bookworm', 'stable', 'oldstable'], kernelMeta, kernelPrefix: 'boot/vmlinuz-',
    moduleFolder: 'lib/modules', installerPackage: `debian-installer-12-netboot-${arch}`,
    installerKernel: `${images}/linux`, installerInitrd: `${images}/initrd.gz`, compiler, compilerPackages,
    modules: [
      'virtio_pci', 'virtio_blk', 'virtio_net', 'virtio_rng', 'ata_piix', 'sd_mod', 'sr_mod', 'cdrom', 'floppy', 'isofs', 'ext4',
      'crc32c_generic', 'vfat', 'nls_ascii', 'nls_cp437', 'bochs', 'evdev', 'psmouse', 'button',
    ],
  }
}

export const SOURCES: Readonly<Record<string, GuestSource>> = {
  riscv64: {
    arch: 'riscv64',
    codename: 'trixie',
    suites: ['trixie', 'stable', 'oldstable'],
    kernelMeta: 'linux-image-riscv64',
    kernelPrefix: 'boot/vmlinux-',
    moduleFolder: 'usr/lib/modules',
    installerPackage: 'debian-installer-13-netboot-riscv64',
    installerKernel: `${installer}/linux`,
    installerInitrd: `${installer}/initrd.gz`,
    compiler: 'riscv64-linux-gnu-gcc',
    compilerPackages: ['gcc-riscv64-linux-gnu', 'libc6-dev-riscv64-cross'],
    modules: [
      'virtio_mmio', 'virtio_blk', 'virtio_net', 'virtio_rng', 'virtio_balloon', 'virtio_input', 'virtio_gpu',
      'virtio_scsi', 'sd_mod', '9pnet_virtio', '9p', 'ext4', 'crc32c_generic', 'vfat', 'nls_ascii', 'nls_cp437',
    ],
  },
  amd64: pc('amd64', 'linux-image-amd64', 'x86_64-linux-gnu-gcc', ['gcc', 'libc6-dev']),
  i386: pc('i386', 'linux-image-686-pae', 'i686-linux-gnu-gcc', ['gcc-i686-linux-gnu', 'libc6-dev-i386-cross']),
}
