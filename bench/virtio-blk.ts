// What a disk request costs on our side: virtqueue, device, back end, host file, without a guest around it.
//   node bench/virtio-blk.ts [--seconds S]
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { openBlock } from '../src/backends/block/open.ts'
import { virtioBlk } from '../src/devices/virtio/blk.ts'
import { virtioMmio } from '../src/devices/virtio/mmio.ts'
import { start, virtioBench } from '../src/devices/virtio/testing.ts'
import { nodeImages } from '../src/host/node/images.ts'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '1' } } })
const dir = mkdtempSync(join(tmpdir(), 'typevisor-bench-'))
const path = join(dir, 'disk')
writeFileSync(path, new Uint8Array(16 << 20).fill(1))
const disk = openBlock({ images: nodeImages }, { file: path, format: 'raw' })
const b = virtioBench(virtioMmio(virtioBlk), { 'force-legacy': false, media: disk.media })
b.system.attach('dev', disk)
const [q] = start(b, () => true, 1, 64)

for (const [bytes, depth] of [[512, 1], [4096, 1], [4096, 16], [32768, 1]] as const)
  for (const write of [false, true]) {
    const header = { bytes: 16, data: [write ? 1 : 0, ...Array(15).fill(0)] },
      status = { bytes: 1, write: true }
    let requests = 0, inside = 0
    const end = performance.now() + Number(values.seconds) * 1000
    while (performance.now() < end) {
      for (let i = 0; i < depth; i++) q!.add([header, { bytes, write: !write }, status])
      const began = performance.now()
      q!.kick()
      b.system.serve()
      inside += performance.now() - began
      requests += q!.used().length
      b.regs.set(0x64, 3)
    }
    const us = (inside / requests) * 1000
    const size = `${String(bytes).padStart(6)} bytes, ${String(depth).padStart(2)} at once`
    console.log(`${write ? 'write' : 'read '} ${size}: ${us.toFixed(1)} us`)
  }
disk.close()
rmSync(dir, { recursive: true })
