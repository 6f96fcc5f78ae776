// One of two machines in lock-step. Registers have gdb's numbers: x0-x31, pc 32, f0-f31 from 33, CSRs from 65.
export const PC = 32, F0 = 33, CSR0 = 65
/** x0-x31 and pc. */
export const CORE = 33

export type Side = {
  readonly name: string
  /** Runs until just before the instruction at an address. */
  runTo(address: bigint): Promise<void>
  /** Executes one instruction; taking no interrupt. */
  step(): Promise<void>
  /** x0-x31 and pc. */
  core(): Promise<readonly bigint[]>
  /** Undefined: there is none of that number. */
  read(numbers: readonly number[]): Promise<readonly (bigint | undefined)[]>
  write(number: number, value: bigint): Promise<void>
  /** As the processor sees it; fewer bytes where nothing is mapped. */
  memory(va: bigint, length: number): Promise<Uint8Array>
  /** Physical memory. */
  physical(pa: number, length: number): Promise<Uint8Array>
  close(): Promise<void>
}
