// What a guest's run needs from the host: disks, files, a server. Each is made in the run's scratch folder and may
// look, after the guest has ended, whether the guest left there what it should.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { open, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { SOURCES } from '../../scripts/guests/catalog.ts'
import { compileProgram } from '../../scripts/guests/compile.ts'

export interface Prepared {
  readonly args?: readonly string[]
  /** Words for the kernel command line. */
  readonly append?: readonly string[]
  /** Throws when the guest did not leave what it should. */
  after?(console: string): Promise<void>
  close?(): void
}

export type Resource = { prepare(scratch: string): Promise<Prepared> }

const MIB = 1 << 20
/** Where these are on the IDE channels. */
const IDE_DISKS = ['data', 'files']
const sha256 = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex')

/** A device that takes a drive, or the machine's own IDE channels. */
export type DiskKind = `virtio-blk-${string}` | 'ide'

/** A sparse raw image that starts with `head`, the arguments that attach it as a disk, and a word that says its serial number. */
async function disk(
  scratch: string, device: DiskKind, serial: string, sizeBytes: number, head: Uint8Array,
): Promise<{ readonly args: string[]; readonly append: string[] }> {
  const path = join(scratch, `${serial}.raw`), image = await open(path, 'w'), file = `file=${path}`
  await image.truncate(sizeBytes)
  await image.write(head, 0, head.length, 0)
  await image.close()
  if (device === 'ide') {
    const index = IDE_DISKS.indexOf(serial)
    // QEMU numbers the disks of the machine's own channels.
    return { args: ['-drive', `${file},if=ide,index=${index},format=raw`], append: [`${serial}=QM0000${index + 1}`] }
  }
  const args = ['-drive', `${file},if=none,id=${serial},format=raw`, '-device', `${device},drive=${serial},serial=${serial}`]
  return { args, append: [`${serial}=${serial}`] }
}

/** First MiB: random bytes from the host. The guest writes the next 4 MiB and says what. */
export const dataDisk = (device: DiskKind): Resource => ({
  async prepare(scratch) {
    const size = 32 * MIB
    const head = randomBytes(MIB)
    const { args, append } = await disk(scratch, device, 'data', size, head)
    return {
      args,
      append: [...append, `size=${size}`, `sha256=${sha256(head)}`],
      async after(console) {
        const wrote = /^WROTE ([0-9a-f]{64})$/m.exec(console)?.[1]
        const image = await readFile(join(scratch, 'data.raw'))
        assert.equal(sha256(image.subarray(MIB, 5 * MIB)), wrote, 'the image does not hold what the guest wrote')
        assert.ok(head.equals(image.subarray(0, MIB)), 'the guest changed the first MiB of the image')
      },
    }
  },
})

export const filesDisk = (device: DiskKind): Resource => ({
  prepare: scratch => disk(scratch, device, 'files', 32 * MIB, new Uint8Array()),
})

/** A program as the contents of a disk, since the RAM disks have no room for it. */
export const programDisk = (device: DiskKind, c: string): Resource => ({
  async prepare(scratch) {
    const program = await compileProgram(SOURCES.riscv64!, scratch, c)
    return disk(scratch, device, 'program', Math.ceil(program.length / MIB) * MIB, program)
  },
})

/** A web server on the loopback interface, which a guest of a user-mode network finds at its gateway's address. */
export const httpServer: Resource = {
  async prepare() {
    const body = randomBytes(3 * MIB + 17)
    let loads = 0
    const server = createServer((_, response) => {
      loads++
      response.end(body)
    })
    await new Promise<void>((listening) => { server.listen(0, '127.0.0.1', listening) })
    const { port } = server.address() as AddressInfo
    return {
      append: [`url=http://10.0.2.2:${port}/file`, `sha256=${sha256(body)}`],
      async after() { assert.equal(loads, 2, 'requests that reached the server') },
      close() {
        server.closeAllConnections()
        server.close()
      },
    }
  },
}

/** The file behind the virtio console. */
export const outputFile: Resource = {
  async prepare(scratch) {
    const path = join(scratch, 'hvc0')
    return {
      args: ['-chardev', `file,id=hvc0,path=${path}`, '-device', 'virtconsole,chardev=hvc0'],
      async after() {
        assert.equal((await readFile(path, 'utf8')).replaceAll('\r', ''), 'hello from hvc0\n')
      },
    }
  },
}

const lines = Array.from({ length: 40 }, (_, index) => sha256(`line ${index}`))

/** Lines that are typed faster than a person can; together less than the guest's terminal buffers (4,096 bytes). */
export const burst = {
  lines,
  prepare: async (): Promise<Prepared> => ({ append: [`burst=${lines.length}:${sha256(lines.join(''))}`] }),
}
