/** The largest executable section of an ELF file (64 bits, little-endian). */
export function largestCode(elf: Buffer): Uint8Array {
  const table = Number(elf.readBigUInt64LE(0x28)), count = elf.readUInt16LE(0x3c)
  let best: Uint8Array = new Uint8Array(0)
  for (let i = 0; i < count; i++) {
    const at = table + 64 * i, PROGBITS = 1, EXECINSTR = 4n
    if (elf.readUInt32LE(at + 4) !== PROGBITS || !(elf.readBigUInt64LE(at + 8) & EXECINSTR)) continue
    const from = Number(elf.readBigUInt64LE(at + 24)), size = Number(elf.readBigUInt64LE(at + 32))
    if (size > best.length) best = elf.subarray(from, from + size)
  }
  return best
}
