// The npm package v86 (https://github.com/copy/v86) as a command with the options that the benchmark gives: a kernel of 32 bits with
// its initial RAM disk, one processor, the first serial port on standard input and output. BIOS and VGA BIOS are SeaBIOS.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'
import { V86 } from 'v86'

const FIRMWARE = '/usr/share/seabios', VGA_MIB = 8
/** Without ACPI the machine cannot switch itself off: the kernel's last words end the command. */
const END = 'reboot: '

const { values } = parseArgs({
  args: process.argv.slice(2).map((word) => word.replace(/^-(?=[a-z]{2})/, '--')),
  options: {
    version: { type: 'boolean', default: false }, nographic: { type: 'boolean' }, smp: { type: 'string' },
    m: { type: 'string', short: 'm', default: '512' }, kernel: { type: 'string', default: '' },
    initrd: { type: 'string', default: '' }, append: { type: 'string', default: '' },
  },
})

const program = createRequire(import.meta.url).resolve('v86')
const file = (path: string): { buffer: ArrayBuffer } => ({ buffer: new Uint8Array(readFileSync(path)).buffer })

if (values.version) {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', `file://${program}`), 'utf8')) as { version: string }
  console.log(`v86 ${version}`)
} else {
  const emulator = new V86({
    wasm_path: program.replace(/libv86\.mjs$/, 'v86.wasm'), memory_size: Number(values.m) << 20, vga_memory_size: VGA_MIB << 20,
    bios: file(`${FIRMWARE}/bios.bin`), vga_bios: file(`${FIRMWARE}/vgabios-stdvga.bin`),
    bzimage: file(values.kernel), initrd: file(values.initrd), cmdline: values.append, autostart: true,
  })
  let line = ''
  emulator.add_listener('serial0-output-byte', (byte: number) => {
    line += String.fromCharCode(byte)
    if (!line.endsWith('\n')) return
    process.stdout.write(line)
    if (line.includes(END)) process.exit()
    line = ''
  })
  process.stdin.setEncoding('latin1').on('data', (text: string) => emulator.serial0_send(text))
}
