// A CD-ROM that starts a kernel with GRUB, all on the first serial port.
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../../scripts/guests/run.ts'

/** GRUB's menu, which starts its one entry after a second. */
const config = (append: string): string => `serial --unit=0 --speed=115200
terminal_input serial
terminal_output serial
set timeout=1
menuentry 'Debian' {
  linux /boot/kernel ${append}
  initrd /boot/initrd
}
`

/** Makes the image in `scratch`; its path. */
export async function grubIso(scratch: string, kernel: string, initrd: string, append: string): Promise<string> {
  const tree = join(scratch, 'tree'), boot = join(tree, 'boot'), image = join(scratch, 'grub.iso')
  await mkdir(join(boot, 'grub'), { recursive: true })
  await copyFile(kernel, join(boot, 'kernel'))
  await copyFile(initrd, join(boot, 'initrd'))
  await writeFile(join(boot, 'grub/grub.cfg'), config(append))
  await run('grub-mkrescue', ['-o', image, tree])
  return image
}
