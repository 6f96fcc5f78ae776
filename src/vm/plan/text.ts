/** 536870912 → `512 MiB`, 1332811 → `1.3 MiB`. */
export function formatSize(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB']
  let i = 0, n = bytes
  for (; i < units.length - 1 && n >= 1024; i++) n /= 1024
  return `${Number.isInteger(n) ? n : n.toFixed(1)} ${units[i]}`
}
