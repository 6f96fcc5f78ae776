// The package `typevisor` on Node, which is also called `typevisor/node`.
//
//   import { createMachine } from 'typevisor'
//
//   await using machine = await createMachine({
//     arch: 'riscv64', memoryBytes: 512 * 2 ** 20,
//     kernel: 'Image', initrd: 'initrd.gz', append: 'console=ttyS0',
//   })
//   await machine.start()
//   await machine.serial.until('login: ')
//   await machine.serial.write('root\n')
//   console.log(await machine.monitor('info registers'))
import { nodeHost } from './host/node/host.ts'
import { type Machine, makeMachine } from './manage/library.ts'
import type { AccelStatus } from './accel/probe.ts'
import type { Arch, MachineConfig } from './vm/config.ts'
import * as assembly from './vm/machine.ts'

export * from './index.ts'
export { nodeHost } from './host/node/host.ts'
export type { AccelObstacle, AccelStatus } from './accel/probe.ts'

/** Makes a machine; it stands still until `start`. Throws VmError for what the user can put right. */
export const createMachine = (config: MachineConfig): Promise<Machine> =>
  makeMachine(config, nodeHost, assembly)

/** What can be had on this host for guests of an architecture, best first, and why not what cannot. */
export const probeAccelerators = (arch: Arch): readonly AccelStatus[] => assembly.probeAccelerators(arch, nodeHost)
