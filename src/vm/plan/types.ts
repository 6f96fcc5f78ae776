// The machine types, each architecture's default first.
import type { MachineType } from './machine-type.ts'
import { pc } from './pc.ts'
import { virt } from './virt.ts'

export const machineTypes: readonly MachineType[] = [virt, pc]
