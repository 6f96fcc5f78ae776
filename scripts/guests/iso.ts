// CD-ROM images that start by a PC's firmware with GRUB, its console on the first serial port.
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './run.ts'

const SERIAL = 'serial --unit=0 --speed=115200\nterminal_input serial\nterminal_output serial\n'

/** Makes the image in `scratch`: GRUB's commands, and the files in /boot. Its path. */
export async function grubIso(scratch: string, commands: string, files: Readonly<Record<string, string>> = {}): Promise<string> {
  const tree = join(scratch, 'tree'), boot = join(tree, 'boot'), image = join(scratch, 'grub.iso')
  await mkdir(join(boot, 'grub'), { recursive: true })
  for (const [name, path] of Object.entries(files)) await copyFile(path, join(boot, name))
  await writeFile(join(boot, 'grub/grub.cfg'), SERIAL + commands)
  await run('grub-mkrescue', ['-o', image, tree])
  return image
}
