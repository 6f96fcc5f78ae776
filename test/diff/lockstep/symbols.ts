// Addresses of symbols: of an ELF file, or of a System.map (`ADDRESS TYPE NAME` in each line).
import { readFileSync } from 'node:fs'
import { VmError } from '../../../src/base/errors.ts'

const SYMTAB = 2, HEADER_BYTES = 64, SYMBOL_BYTES = 24

export function addressOf(where: string, file: string | undefined): bigint {
  if (/^(0x[0-9a-f]+|\d+)$/i.test(where)) return BigInt(where)
  if (file === undefined)
    throw new VmError('cli.usage', `where is '${where}'?`, { hint: '--symbols FILE, an ELF file or a System.map' })
  const found = symbolsOf(readFileSync(file)).get(where)
  if (found === undefined) throw new VmError('cli.usage', `${file} has no symbol '${where}'`)
  return found
}

export function symbolsOf(bytes: Buffer): Map<string, bigint> {
  if (bytes.length > HEADER_BYTES && bytes.readUInt32BE(0) === 0x7f454c46) return elfSymbols(bytes)
  const lines = bytes.toString('latin1').matchAll(/^([0-9a-f]+) \w (\S+)$/gm)
  return new Map(Array.from(lines, m => [m[2]!, BigInt(`0x${m[1]}`)]))
}

/** The symbol table of a 64-bit little-endian ELF file (gABI, chapter 4). */
function elfSymbols(b: Buffer): Map<string, bigint> {
  const at = Number(b.readBigUInt64LE(40)), size = b.readUInt16LE(58), count = b.readUInt16LE(60)
  const section = (i: number) => {
    const h = at + i * size
    return {
      type: b.readUInt32LE(h + 4), offset: Number(b.readBigUInt64LE(h + 24)), bytes: Number(b.readBigUInt64LE(h + 32)),
      link: b.readUInt32LE(h + 40),
    }
  }
  const symbols = new Map<string, bigint>()
  for (let i = 0; i < count; i++) {
    const table = section(i)
    if (table.type !== SYMTAB) continue
    const names = section(table.link).offset
    for (let s = table.offset; s < table.offset + table.bytes; s += SYMBOL_BYTES) {
      const name = names + b.readUInt32LE(s), end = b.indexOf(0, name)
      if (end > name) symbols.set(b.toString('latin1', name, end), b.readBigUInt64LE(s + 8))
    }
  }
  return symbols
}
