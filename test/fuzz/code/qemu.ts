// Programs in QEMU: many in one boot, in a file that is the machine's RAM.
import { spawnSync } from 'node:child_process'
import { closeSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { harness } from './harness.ts'
import { AREA_BYTES, areaPa, COUNT_AT, RAM } from './layout.ts'

const QEMU = 'qemu-system-riscv64', RAM_MIB = 128, TIMEOUT_MS = 60_000

export const available = (): boolean => !spawnSync(QEMU, ['--version']).error

/** What programs leave in their areas; undefined for all if one does not come to an end. */
export function runInQemu(images: readonly Uint8Array[]): readonly Uint8Array[] | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'fuzz-qemu-')), path = join(folder, 'ram')
  const file = openSync(path, 'w+')
  try {
    ftruncateSync(file, RAM_MIB << 20)
    writeSync(file, harness(), 0, undefined, 0)
    writeSync(file, Uint8Array.of(images.length & 255, images.length >> 8), 0, 2, COUNT_AT)
    images.forEach((bytes, i) => writeSync(file, bytes, 0, undefined, areaPa(i) - RAM))
    const { error, status, stderr, signal } = spawnSync(QEMU, [
      '-M', 'virt,memory-backend=ram', '-m', `${RAM_MIB}`,
      '-object', `memory-backend-file,id=ram,size=${RAM_MIB}M,mem-path=${path},share=on`,
      '-cpu', 'rv64,zba=true,zbb=true,zbc=false,zbs=true,h=false',
      '-bios', 'none', '-display', 'none', '-serial', 'none', '-monitor', 'none',
    ], { timeout: TIMEOUT_MS, encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] })
    if (signal || (error && 'code' in error && error.code === 'ETIMEDOUT')) return undefined
    if (error || status !== 0) throw new Error(`${QEMU}: ${error?.message ?? `exit status ${status}: ${stderr}`}`)
    return images.map((_, i) => {
      const out = new Uint8Array(AREA_BYTES)
      readSync(file, out, 0, AREA_BYTES, areaPa(i) - RAM)
      return out
    })
  } finally {
    closeSync(file)
    rmSync(folder, { recursive: true })
  }
}
