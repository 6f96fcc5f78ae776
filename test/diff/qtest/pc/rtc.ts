import { pcCmos } from '../../../../src/machines/pc-cmos.ts'
import { withProperties } from '../machines.ts'
import { portIn, portOut, type Op, type Random } from '../script.ts'
import type { Ours } from '../ours.ts'
import type { Target } from '../targets.ts'

const A = 10, B = 11, C = 12, CENTURY = 0x32, SET = 0x80, UIP_NS = 244_140
const get = (index: number): Op[] => [portOut(0x70, index), portIn(0x71)]
const set = (index: number, value: number): Op[] => [portOut(0x70, index), portOut(0x71, value)]
const cmosOf = (on: Ours): Uint8Array => on.system.instance('rtc').state.cmos

/** A valid time, in a format that is set with it, as software does: while updates are off. */
function setTime(r: Random): Op[] {
  const format = r.below(4) << 1, binary = format & 4, h24 = format & 2
  const shown = (n: number) => (binary ? n : ((Math.floor(n / 10) << 4) | n % 10))
  const hour = h24 ? shown(r.below(24)) : shown(1 + r.below(12)) | (r.below(2) << 7)
  const second = r.chance(50) ? 55 + r.below(5) : r.below(60), minute = r.chance(50) ? 59 : r.below(60)
  const century = r.pick([19, 20, 21])
  const year = century === 19 ? 70 + r.below(30) : r.below(100) // QEMU rounds times before 1970 up
  const time: [number, number][] = [
    [0, shown(second)], [2, shown(minute)], [4, hour], [7, shown(r.chance(30) ? 28 : 1 + r.below(28))],
    [8, shown(1 + r.below(12))], [9, shown(year)], [CENTURY, shown(century)],
  ]
  return [...set(B, SET | format), ...time.flatMap(([i, v]) => set(i, v)), ...alarm(r, time), ...set(B, format)]
}

/** Soon, at any time, or every second or minute. */
function alarm(r: Random, time: readonly (readonly [number, number])[]): Op[] {
  return [0, 2, 4].flatMap((index, i) => {
    const now = time[i]![1]
    return set(index + 1, r.pick([0xff, 0xc0, now, index === 0 ? (now + 2) & 0x7f : now]))
  })
}

/** On, for many periods, and off: QEMU counts the first one from there, the chip's dividers run on. */
function periodic(r: Random, format: number): Op[] {
  return [
    ...set(A, 0x20 | (3 + r.below(6))), ...get(C), ...set(B, format | 0x40), { op: 'run', ms: 3 }, ...get(C),
    ...set(B, format),
  ]
}

export const rtc: Target = {
  machine: 'pc',
  qemu: { watch: { type: 'ioapic', pins: 'in', only: [8] } },
  ours: {
    high: b => (b.system.instance('rtc').io.irq.level ? [8] : []),
    // QEMU's has 64 MiB and a floppy drive.
    board: b => withProperties(b, 'rtc', {
      cmos: pcCmos({ cpus: 1, ramBelow4G: 64 << 20, ramAbove4G: 0, floppies: [5] }),
    }),
  },
  next(r, on) {
    const format = cmosOf(on)[B]! & 6
    switch (r.below(13)) {
      case 0: return r.chance(20) ? setTime(r) : []
      case 1: return [{ op: 'run', ms: 1 + r.below(6) }]
      case 2: return [{ op: 'step', count: 1 + r.below(60) }]
      case 3: return [...get(C), ...set(B, format | r.pick([0, 0x10, 0x20, 0x30, 0x08]))]
      case 4: return set(A, (r.chance(90) ? 0x20 : 0x70) | r.pick([0, 3, 4, 6, 8, 9, 12, 15]))
      case 5: return get(C)
      case 11: return r.chance(30) ? periodic(r, format) : []
      case 6: return get(A)
      case 7: return get(r.below(128))
      case 8: return r.chance(30) ? set(0x40 + r.below(64), r.below(256)) : get(r.pick([B, 13]))
      case 9: return r.chance(20) ? [...set(A, 0x76), { op: 'step', count: 2 }, ...set(A, 0x26)] : [portIn(0x70)]
      default: return [0, 2, 4, 6, 7, 8, 9, CENTURY, 0x37].flatMap(get)
    }
  },
  explained: [
    {
      reason: 'QEMU counts a new period from the last interrupt; the divider\'s stages go on',
      avoid(o, on) {
        const { index, cmos } = on.system.instance('rtc').state
        return o.op === 'out' && o.at === 0x71 && index === A && (cmos[B] & 0x40) !== 0
      },
    },
    {
      reason: 'QEMU\'s dividers take no reset while updates are off',
      avoid(o, on) {
        const { index, cmos } = on.system.instance('rtc').state
        return o.op === 'out' && o.at === 0x71 && index === A && (cmos[B] & SET) !== 0
          && ((o.value ^ cmos[A]) & 0x70) !== 0
      },
    },
    {
      reason: 'QEMU begins a new second when a running clock is set, and converts a format while it runs',
      avoid(o, on) {
        const { index, cmos } = on.system.instance('rtc').state
        if (o.op !== 'out' || o.at !== 0x71 || cmos[B] & SET) return false
        return index < A || index === CENTURY || index === 0x37 || (index === B && ((o.value ^ cmos[B]) & 6) !== 0)
      },
    },
    {
      reason: 'QEMU sets the periodic flag only while its interrupt is enabled',
      avoid(o, on) { // enabling it with the flag set
        const s = on.system.instance('rtc').state
        return o.op === 'out' && o.at === 0x71 && s.index === B && (o.value & s.cmos[C] & 0x40) !== 0
      },
      mask(o, on) {
        const s = on.system.instance('rtc').state
        return o.op === 'in' && o.at === 0x71 && s.index === C && !(s.cmos[B] & 0x40) ? 0x40 : 0
      },
    },
    {
      reason: 'QEMU\'s time is known to some nanoseconds only',
      avoid(o, on) {
        const s = on.system.instance('rtc').state, now = on.clock.nowNs()
        const near = (ns: number, step: number) => ns % step < 20 || step - (ns % step) < 20
        const matters = o.op === 'in' || (o.op === 'out' && o.at === 0x71 && s.index !== B)
        return matters
          && (near(now, 1e9 / 32768) || near(now - s.beganNs, 1e9) || near(now - s.beganNs + UIP_NS, 1e9))
      },
    },
  ],
}
