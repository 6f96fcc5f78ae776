// Runs a command in a Linux guest and prints what it says:
//   node examples/run-command.ts 'uname -a'
// The images are those of `npm run images`.
import { join } from 'node:path'
import { createMachine } from '../src/node.ts'

const IMAGES = join(import.meta.dirname, '../.cache/guests/riscv64')
const command = process.argv.slice(2).join(' ') || 'uname -a; nproc'

await using machine = await createMachine({
  arch: 'riscv64', memoryBytes: 256 * 2 ** 20, smp: { cpus: 2 },
  kernel: join(IMAGES, 'Image'), initrd: join(IMAGES, 'initrd-shell.gz'), append: 'console=ttyS0 quiet',
})
await machine.start()
await machine.serial.until('~ # ')
// The prompt returns behind the output; the echo of the command line comes before it.
await machine.serial.write(`${command}; echo end-of-output\n`)
const said = await machine.serial.until(/\nend-of-output\r?\n/)
console.log(said.replaceAll('\r', '').split('\n').slice(1, -2).join('\n'))
