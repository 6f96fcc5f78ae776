// The boot ROM at 0x1000, where harts start in machine mode: it passes the hart's number in a0, the device tree in a1
// and a description of the next stage in a2 (OpenSBI's docs/firmware/fw_dynamic.md), and jumps to the firmware.
// Instructions: RISC-V unprivileged specification, RV32I, RV64I and Zicsr.

export const ROM = { name: 'mrom', at: 0x1000, sizeBytes: 0xf000 } as const

const A0 = 10, A1 = 11, A2 = 12, T0 = 5, ZERO = 0, MHARTID = 0xf14
const iType = (opcode: number, funct3: number, rd: number, rs1: number, imm: number): number =>
  ((imm & 0xfff) << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode) >>> 0
const auipc = (rd: number, imm20: number) => (imm20 << 12 | rd << 7 | 0x17) >>> 0
const addi = (rd: number, rs1: number, imm: number) => iType(0x13, 0, rd, rs1, imm)
const ld = (rd: number, rs1: number, imm: number) => iType(0x03, 3, rd, rs1, imm)
const csrr = (rd: number, csr: number) => iType(0x73, 2, rd, ZERO, csr)
const jr = (rs1: number) => iType(0x67, 0, ZERO, rs1, 0)

/** Of struct fw_dynamic_info: "OSBI", its version, and the next stage's mode. */
const MAGIC = 0x4942534fn, VERSION = 2n, SUPERVISOR = 1n

export function resetRom(o: {
  readonly start: number
  readonly deviceTree: number
  /** What firmware starts in supervisor mode; 0: nothing. */
  readonly next: number
}): Uint8Array {
  const START = 24, TREE = 32, INFO = 40
  const code = [auipc(T0, 0), addi(A2, T0, INFO), csrr(A0, MHARTID), ld(A1, T0, TREE), ld(T0, T0, START), jr(T0)]
  // magic, version, next_addr, next_mode, options, boot_hart
  const data = [BigInt(o.start), BigInt(o.deviceTree), MAGIC, VERSION, BigInt(o.next), SUPERVISOR, 0n, 0n]
  const v = new DataView(new ArrayBuffer(4 * code.length + 8 * data.length))
  code.forEach((word, i) => v.setUint32(4 * i, word, true))
  data.forEach((word, i) => v.setBigUint64(4 * code.length + 8 * i, word, true))
  return new Uint8Array(v.buffer)
}
