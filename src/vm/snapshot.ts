// All guest-visible state of a machine as a stream, and back.
import { VmError } from '../base/errors.ts'
import type { Machine } from './machine.ts'

export async function* snapshotMachine(_m: Machine): AsyncIterable<Uint8Array> {
  throw new VmError('snapshot.mismatch', 'not implemented: snapshots')
}

export async function restoreMachine(_m: Machine, _chunks: AsyncIterable<Uint8Array>): Promise<void> {
  throw new VmError('snapshot.mismatch', 'not implemented: snapshots')
}
