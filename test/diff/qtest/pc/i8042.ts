import { portIn, portOut, type Op, type Random } from '../script.ts'
import type { Ours } from '../ours.ts'
import type { Target } from '../targets.ts'

const DATA = 0x60, COMMAND = 0x64
/** Neither the reset line nor unknown commands. */
const COMMANDS = [0x20, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xad, 0xae, 0xc0, 0xdd, 0xdf, 0xff]
const KEYBOARD = [0xed, 0xee, 0xf0, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xff, 0x00, 0x05, 0xfc, 0x99]
const MOUSE = [0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xec, 0xee, 0xf0, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xff]

const both = (command: number, value: number): Op[] => [portOut(COMMAND, command), portOut(DATA, value)]

function knock(r: Random): Op[] {
  const rates = r.pick([[200, 100, 80], [200, 200, 80]])
  return [...rates.flatMap(v => [...both(0xd4, 0xf3), ...both(0xd4, v)]), ...both(0xd4, 0xf2)]
}

const toData = (o: Op): o is Extract<Op, { op: 'out' }> => o.op === 'out' && o.at === DATA
const commandOf = (on: Ours): number => on.system.instance('i8042').state.command

export const i8042: Target = {
  machine: 'pc',
  qemu: { watch: { type: 'ioapic', pins: 'in', only: [1, 12] } },
  ours: {
    high: b => {
      const { io } = b.system.instance('i8042')
      return [...(io.kbd.level ? [1] : []), ...(io.aux.level ? [12] : [])]
    },
  },
  async prepare(on, qemu) {
    // The mouse's defaults are not the same at power-on; what the last byte read was neither.
    for (const o of [...both(0xd4, 0xf6), portIn(DATA), ...both(0xd2, 0), portIn(DATA)]) {
      await qemu.apply(o as never)
      on.apply(o as never)
    }
  },
  next(r, on) {
    switch (r.below(15)) {
      case 0: return [portOut(COMMAND, r.pick(COMMANDS))]
      case 1: return both(0x60, r.pick([0x03, 0x43, 0x47, 0x65, 0x30, 0x40, r.below(256)]))
      case 2: return both(r.pick([0xd2, 0xd3]), r.below(256))
      case 3: return both(0xd1, (1 | r.below(256)))
      case 4: case 5: return both(0xd4, r.chance(90) ? r.pick(MOUSE) : r.below(0xeb))
      case 6: return r.chance(20) ? knock(r) : []
      case 7: case 8: return [portOut(DATA, r.chance(90) ? r.pick(KEYBOARD) : r.below(6))]
      case 9: return [portOut(0x92, r.below(128) << 1), portIn(0x92)]
      case 10: case 11: return [portIn(COMMAND)]
      case 12: return on.system.instance('i8042').state.from ? [] : [portOut(COMMAND, 0xd0), portIn(DATA)]
      default: return [portIn(COMMAND), portIn(DATA)]
    }
  },
  explained: [
    {
      reason: 'QEMU translates when the keyboard answers, not when the byte is taken',
      avoid(o, on) {
        const s = on.system.instance('i8042').state, { answer } = s.keyboard[0].queue[0]
        return toData(o) && commandOf(on) === 0x60 && answer.length > 0 && ((o.value ^ s.mode) & 0x40) !== 0
      },
    },
    { reason: 'a reset', avoid: (o, on) => toData(o) && commandOf(on) === 0xd1 && (o.value & 1) === 0 },
    {
      reason: 'a reset does not end wrap mode of QEMU\'s mouse',
      avoid: (o, on) => toData(o) && commandOf(on) === 0xd4 && o.value === 0xff
        && on.system.instance('i8042').state.mouse[0].wrap === 1,
    },
    {
      reason: 'the output port\'s bits 4 and 5 are the interrupts; QEMU keeps what was written to it for a while',
      mask(o, on) {
        const s = on.system.instance('i8042').state
        return o.op === 'in' && o.at === DATA && s.from === 1 && (s.answer & 0xcf) === (s.outputPort & 0xcf) ? 0x30 : 0
      },
    },
    {
      reason: 'QEMU\'s mouse does not answer the end of wrap mode when it is not in it',
      avoid(o, on) {
        const s = on.system.instance('i8042').state
        return o.op === 'out' && o.at === DATA && s.command === 0xd4 && o.value === 0xec && !s.mouse[0].wrap
      },
    },
    {
      reason: 'QEMU does not say whether a command or data was written last',
      mask: o => (o.op === 'in' && o.at === COMMAND ? 0x08 : 0),
    },
  ],
}
