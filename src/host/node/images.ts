// Disk images: synchronous positioned reads and writes, straight into guest memory.
import {
  closeSync, constants, fdatasync, fstatSync, ftruncateSync, openSync, readFileSync, readvSync, unlinkSync,
  writevSync,
  type Stats,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { VmError } from '../../base/errors.ts'
import type { HostImages, ImageFile } from '../host.ts'
import { systemError } from './errno.ts'
import { lockFile, lockFlags } from './lock.ts'
import { puncherOf } from './punch.ts'

/** Parts that one system call takes (IOV_MAX). */
const PARTS = 1024

export const nodeImages: HostImages = {
  open(path, { writable, lock }) {
    let fd
    try {
      fd = openSync(
        path, (writable ? constants.O_RDWR : constants.O_RDONLY) | (lock ? lockFlags(writable) : 0),
      )
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      throw code === 'EAGAIN' || code === 'EWOULDBLOCK' || code === 'EBUSY'
        ? inUse(path)
        : systemError(error, path)
    }
    try {
      const info = fstatSync(fd)
      if (!info.isFile() && !info.isBlockDevice())
        throw new VmError('file.io', `${path}: neither a file nor a block device`)
      if (lock && !lockFile(fd, writable)) throw inUse(path)
      return imageOf(fd, info)
    } catch (error) {
      closeSync(fd)
      throw error instanceof VmError ? error : systemError(error, path)
    }
  },
  temporary() {
    const path = join(tmpdir(), `typevisor-${process.pid}-${Math.random().toString(36).slice(2)}`)
    try {
      const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600)
      unlinkSync(path)
      return imageOf(fd, fstatSync(fd))
    } catch (error) {
      throw systemError(error, path)
    }
  },
}

const inUse = (path: string) => new VmError('block.inUse', `${path}: in use by another machine`, {
  hint: 'stop that machine, open the image with readonly=on on both sides, or give file.locking=off',
})

function imageOf(fd: number, info: Stats): ImageFile {
  const puncher = puncherOf(fd)
  const fixedBytes = info.isBlockDevice() ? blockDeviceBytes(info.rdev) : undefined
  return {
    sizeBytes: () => fixedBytes ?? fstatSync(fd).size,
    read: (offset, into) => transfer(readvSync, fd, into, offset),
    write(offset, from) { transfer(writevSync, fd, from, offset) },
    sync: () => new Promise((resolve, reject) => fdatasync(fd, error => (error ? reject(error) : resolve()))),
    truncate(sizeBytes) { ftruncateSync(fd, sizeBytes) },
    punch: async (offset, length) => info.isFile() && await puncher.punch(offset, length),
    close() {
      puncher.end()
      closeSync(fd)
    },
  }
}

/** A block device's length isn't in its inode; Linux shows it in units of 512 bytes. */
function blockDeviceBytes(rdev: number): number {
  const major = ((rdev >>> 8) & 0xfff), minor = (rdev & 0xff) | ((rdev >>> 12) & 0xfff00)
  return Number(readFileSync(`/sys/dev/block/${major}:${minor}/size`, 'latin1')) * 512
}

type Transfer = (fd: number, parts: readonly Uint8Array[], offset: number) => number

/** Goes on after short transfers, until nothing is left or the file ends. */
function transfer(call: Transfer, fd: number, parts: readonly Uint8Array[], offset: number): number {
  let total = 0
  for (let rest = [...parts]; rest.length;) {
    let n = call(fd, rest.length > PARTS ? rest.slice(0, PARTS) : rest, offset + total)
    if (n === 0 && rest.some(part => part.length)) return total
    total += n
    while (rest.length && n >= rest[0]!.length) n -= rest.shift()!.length
    if (n > 0) rest[0] = rest[0]!.subarray(n)
  }
  return total
}
