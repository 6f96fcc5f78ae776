// The results as Markdown that also reads well in a terminal.
import { type Expectation, BOOT, verdict } from './expectations.ts'
import type { Setting } from './engines.ts'
import type { Scaling } from './parallel.ts'
import type { Start, Starts } from './startup.ts'
import type { Compared, Comparison, Pair } from './suite.ts'

/** First column to the left, the others to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((text, column) =>
    Math.max(3, text.length, ...rows.map((row) => row[column]!.length)))
  const line = (cells: readonly string[]) => `| ${cells.map((cell, column) =>
    column ? cell.padStart(widths[column]!) : cell.padEnd(widths[0]!)).join(' | ')} |`
  const rule = widths.map((width, column) => column ? `${'-'.repeat(width + 1)}:` : '-'.repeat(width + 2))
  return [line(head), `|${rule.join('|')}|`, ...rows.map(line)].join('\n')
}

const ms = (value: number): string => value < 10 ? value.toFixed(1) : value.toFixed(0)
const seconds = (value: number): string => (value / 1000).toFixed(1)
const times = (value: number): string => value.toFixed(2)
const limit = (value: number | undefined): string => value === undefined ? '' : value.toFixed(1)

export function setting({ date, machine, load, commit, versions }: Setting): string {
  return `${date}, commit ${commit}, ${machine}, load before ${load.toFixed(1)}.\n${versions.join('; ')}.`
}

type Names = Pair<string>

const ratio = (pair: Pair<number> | undefined): string => pair?.[1] ? times(pair[0] / pair[1]) : ''

export function kernelTable([ours, peer]: Names, { kernels, shell }: Comparison): string {
  const row = (each: Compared) =>
    [each.name, ...each.ms.map(ms), times(each.ratio), ratio(each.threadMs), ratio(each.cpuMs)]
  const head = ['kernel', `${ours} ms`, `${peer} ms`, 'ratio', 'busiest thread', 'all threads']
  return table(head, [...kernels, ...shell].map(row))
}

/** Of a disturbed run the worse of both ratios counts. */
export function judgedTable({ means, uptime, disturbed }: Comparison): string {
  const name = ({ what, how, of }: Comparison['means'][number]) =>
    how === 'worst' ? `${what}, the worst` : of.length > 1 ? `${what}, geometric mean` : what
  const row = (what: string, elapsed: number, thread: number, expected: Expectation): string[] => {
    const counts = disturbed ? Math.max(elapsed, thread) : elapsed
    const { bar, aim } = expected
    return [what, times(elapsed), times(thread), limit(bar), limit(aim), verdict(counts, expected)]
  }
  const rows = means.map((mean) => row(name(mean), mean.ratio, mean.threadRatio, mean))
  const [ours, peer] = uptime.threadMs!
  rows.push(row(uptime.name, uptime.ratio, ours / peer, BOOT))
  return table(['ratio of', 'ratio', 'busiest thread', 'bar', 'aim', ''], rows)
}

/** How much other programs took part. */
export function sharesText([ours, peer]: Names, { share, disturbed, repeat }: Comparison): string {
  const percent = (value: number) => `${Math.round(100 * value)} %`
  const runs = repeat > 1 ? `Best of ${repeat} runs` : 'One run'
  const had = `${percent(share[0])} of the time (${ours}) and ${percent(share[1])} (${peer})`
  const so = disturbed ? ': disturbed, so the worse of both ratios is judged' : ''
  return `${runs}; the busiest threads got a processor for ${had} that they wanted one${so}.`
}

export function totalsTable([ours, peer]: Names, { uptime, booted, total, waitedMs }: Comparison): string {
  const cpu = total.cpuMs!
  const elapsed = [uptime, booted, total].map(({ name, ms, ratio }) =>
    [name, ...ms.map((value) => times(value / 1000)), times(ratio)])
  return table(['seconds', ours, peer, 'ratio'], [
    ...elapsed,
    ['processor time, user and system', ...cpu.map(seconds), times(cpu[0] / cpu[1])],
    ['threads kept waiting by others', ...waitedMs.map(seconds), ''],
  ])
}

export function memoryTable([ours, peer]: Names, memory: NonNullable<Comparison['memory']>): string {
  const mb = (value: number) => value.toFixed(0)
  return table(['MB resident after the shell benchmark', ours, peer], [
    ['the guest’s RAM', ...memory.map(({ guestMb }) => mb(guestMb))],
    ['all else', ...memory.map(({ residentMb, guestMb }) => mb(residentMb - guestMb))],
  ])
}

export function scalingTable([ours, peer]: Names, scaling: Scaling): string {
  const { kernel, oneMs, twoMs, ratio, waitedMs } = scaling
  return table(['ms', ours, peer], [
    [`one copy of ${kernel}`, ...oneMs.map(ms)],
    ['two copies at the same time', ...twoMs.map(ms)],
    ['ratio (1: two harts are twice one)', ...ratio.map(times)],
    ['threads kept waiting by others, whole run', ...waitedMs.map(ms)],
  ])
}

export function menuTable([ours, peer]: Names, menu: Pair<Start>): string {
  return table(['ms to the menu, median', ours, peer], [
    ['elapsed', ...menu.map((start) => ms(start.ms))],
    ['processor time', ...menu.map((start) => ms(start.cpuMs))],
  ])
}

export function startTable([ours, peer]: Names, { engines, node }: Starts): string {
  const all = [...engines, node]
  return table(['ms to the first byte, median', ours, peer, 'node alone'], [
    ['elapsed', ...all.map((start) => ms(start.ms))],
    ['processor time', ...all.map((start) => ms(start.cpuMs))],
  ])
}
