// npm start: fetches the guest images if need be and boots Linux to a shell. More arguments go to the emulator.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { guestImages } from './guests/fetch.ts'
import { runMain } from './guests/run.ts'

const PROGRAM = join(import.meta.dirname, '../bin/typevisor-system-riscv64.js')
const DISK_BYTES = 64 << 20

await runMain('start', async () => {
  const images = await guestImages('riscv64', ['boot'])
  const disk = join(images, 'disk.raw')
  if (!existsSync(disk)) {
    await writeFile(disk, '')
    await truncate(disk, DISK_BYTES)
  }
  const args = [
    '-M', 'virt', '-smp', '2', '-m', '512', '-nographic',
    '-kernel', join(images, 'Image'), '-initrd', join(images, 'initrd-shell.gz'), '-append', 'console=ttyS0 quiet',
    '-drive', `file=${disk},if=none,id=hd0,format=raw`, '-device', 'virtio-blk-device,drive=hd0',
    '-netdev', 'null,id=net0', '-device', 'virtio-net-device,netdev=net0', '-device', 'virtio-rng-device',
  ]
  const child = spawn(process.execPath, [PROGRAM, ...args, ...process.argv.slice(2)], { stdio: 'inherit' })
  process.on('SIGINT', () => {}) // the terminal sends it to the emulator too, which decides
  child.on('exit', (status) => { process.exitCode = status ?? 1 })
})
