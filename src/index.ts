// The package `typevisor` where there is no Node: types, and `makeMachine` for a host of one's own.
export { VmError, type VmErrorCode } from './base/errors.ts'
export type { Host } from './host/host.ts'
export { type Machine, makeMachine } from './manage/library.ts'
export type { SerialPort } from './manage/char/port.ts'
export type * from './vm/config.ts'
export type * from './vm/control.ts'
