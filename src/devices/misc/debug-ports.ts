// Ports that help to look into a guest: the debug console at E9h (Bochs: a byte written is printed, reading
// gives E9h), the exit port (a value v ends the run with status 2v+1), and the power-on self test codes at 80h.
import { VmError } from '../../base/errors.ts'
import { defineDevice, numberProperty, u8 } from '../../device/define.ts'

function checkPorts(at: number, count: number): void {
  if (!Number.isInteger(count) || count < 1 || count > 4) throw new VmError('device.badProperty', `iosize=${count} is not 1 to 4`)
  if (!Number.isInteger(at) || at < 0 || at + count > 0x1_0000) throw new VmError('device.badProperty', `iobase=${at} is no port`, { hint: '0 to 0xffff' })
}

export const isaDebugcon = defineDevice({
  name: 'isa-debugcon',
  version: 1,
  description: 'debug console port',
  properties: { iobase: numberProperty(0xe9, 'its port'), readback: numberProperty(0xe9, 'what reading gives') },
  check(p) { checkPorts(p.iobase, 1) },
  state: {},
  chr: true,
  regions: { port: { sizeBytes: 1 } },
  read: (_s, io) => io.props.readback & 0xff,
  write(_s, io, _offset, value) { io.chr.put(value) },
})

export const isaDebugExit = defineDevice({
  name: 'isa-debug-exit',
  version: 1,
  description: 'port that ends the run',
  properties: { iobase: numberProperty(0x501, 'its first port'), iosize: numberProperty(2, 'number of ports, 1 to 4') },
  check(p) { checkPorts(p.iobase, p.iosize) },
  state: {},
  regions: { port: { sizeBytes: 'iosize' } },
  read: () => 0,
  write(_s, io, _offset, value) {
    io.host.request({ kind: 'shutdown', exitCode: ((value << 1) | 1) & 0xff })
  },
})

export const postPort = defineDevice({
  name: 'ioport80',
  version: 1,
  description: 'power-on self test codes',
  state: { code: u8() },
  regions: { port: { sizeBytes: 1 } },
  read: () => 0xff,
  write(s, _io, _offset, value) { s.code = value },
})
