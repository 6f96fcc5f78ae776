// A guest that maps a display card, sets a mode and draws, first at one address and then at another.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeHost } from '../host/node/host.ts'
import type { Picture } from './control.ts'
import { createMachine } from './machine.ts'

const program = Uint32Array.of(
  0x30008437, // 00  lui s0,0x30008
  0x500002b7, // 04  lui t0,0x50000
  0x00542823, // 08  sw t0,16(s0)
  0x52000337, // 0c  lui t1,0x52000
  0x00642c23, // 10  sw t1,24(s0)
  0x00200393, // 14  addi t2,zero,2
  0x00742223, // 18  sw t2,4(s0)
  0x04000e13, // 1c  addi t3,zero,64
  0x51c31123, // 20  sh t3,1282(t1)
  0x01000e13, // 24  addi t3,zero,16
  0x51c31223, // 28  sh t3,1284(t1)
  0x02000e13, // 2c  addi t3,zero,32
  0x51c31323, // 30  sh t3,1286(t1)
  0x04100e13, // 34  addi t3,zero,65
  0x51c31423, // 38  sh t3,1288(t1)
  0x02000e13, // 3c  addi t3,zero,32
  0x41c30023, // 40  sb t3,1024(t1)
  0x00000913, // 44  addi s2,zero,0
  0x00028e93, // 48  addi t4,t0,0
  0x10028f13, // 4c  addi t5,t0,256
  0x012ea023, // 50  sw s2,0(t4)
  0x004e8e93, // 54  addi t4,t4,4
  0xffeeece3, // 58  bltu t4,t5,80000050
  0x00190913, // 5c  addi s2,s2,1
  0x0c800f93, // 60  addi t6,zero,200
  0xfff962e3, // 64  bltu s2,t6,80000048
  0x0002aa83, // 68  lw s5,0(t0)
  0x00028a13, // 6c  addi s4,t0,0
  0x501002b7, // 70  lui t0,0x50100
  0x00542823, // 74  sw t0,16(s0)
  0x000109b7, // 78  lui s3,0x10
  0xf009899b, // 7c  addiw s3,s3,-256
  0x1132a023, // 80  sw s3,256(t0)
  0x000a2a83, // 84  lw s5,0(s4)
  0x1152a223, // 88  sw s5,260(t0)
  0x0000006f, // 8c  jal zero,8000008c
)
const WIDTH = 64, LAST_VALUE = 199, GREEN = 0xff00ff00, WHITE = 0xffffffff, BLACK = 0xff000000

test('a guest draws into a frame buffer, which it moves', async () => {
  const options = {
    arch: 'riscv64', bios: 'none', kernel: new Uint8Array(program.buffer), memoryBytes: 32 << 20,
    devices: [{ driver: 'VGA', properties: { addr: '01.0', vgamem_mb: 1 } }],
  } as const
  const m = await createMachine(options, nodeHost)
  const look = async (): Promise<Picture> => m.screens[0]!.picture()
  try {
    assert.deepEqual(m.screens.map(s => s.device), ['VGA.0'])
    assert.deepEqual([(await look()).width, (await look()).height], [640, 480], 'blank')
    await m.resume()
    const drawn = (p: Picture) => p.width === WIDTH && p.pixels[WIDTH + 1] !== BLACK
    let picture = await look()
    for (let i = 0; i < 500 && !drawn(picture); i++) {
      await new Promise(resolve => setTimeout(resolve, 10))
      picture = await look()
    }
    await m.pause()
    picture = await look()
    assert.deepEqual([picture.width, picture.height], [WIDTH, 16])
    assert.deepEqual(new Set(picture.pixels.subarray(0, WIDTH)), new Set([(0xff000000 | LAST_VALUE << 16) >>> 0]))
    assert.equal(picture.pixels[WIDTH], GREEN, 'written at the new address')
    assert.equal(picture.pixels[WIDTH + 1], WHITE, 'what is read at the old address: nothing')

    const parts: Uint8Array[] = []
    for await (const part of m.snapshot()) parts.push(part)
    const twin = await createMachine(options, nodeHost)
    await twin.restore((async function* () { yield* parts })())
    assert.deepEqual((await twin.screens[0]!.picture()).pixels, picture.pixels, 'its snapshot')
    await twin.close()
  } finally {
    await m.close()
  }
})
