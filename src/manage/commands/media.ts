// Media of floppy and CD-ROM drives.
import { badArgument } from './arguments.ts'
import { command } from './command.ts'

const force = { type: 'switch', help: 'although the guest has locked it' } as const
const MODES = ['retain', 'read-only', 'read-write']
const drive = (device: string | undefined, id: string | undefined): string => {
  if (device !== undefined && id !== undefined) throw badArgument("'device' and 'id' exclude each other")
  const name = device ?? id
  if (name === undefined) throw badArgument("Parameter 'id' is missing")
  return name
}

export const mediaCommands = [
  command({
    hmp: ['eject'], help: 'takes the medium out of a drive', args: { force, device: { type: 'word', help: 'the drive' } },
    run: ({ machine }, { device, force: forced }) => machine.media.eject(device, forced === true),
  }),
  command({
    hmp: ['change'], help: 'puts another medium into a drive',
    args: {
      force, device: { type: 'word', help: 'the drive' }, filename: { type: 'word', help: 'an image' },
      format: { type: 'word', help: 'of the image', optional: true },
      mode: { type: 'word', help: 'whether it can be written', optional: true, choices: MODES },
    },
    run({ machine }, { device, filename, format, mode, force: forced }) {
      if (device === 'vnc') throw badArgument('not implemented: change vnc')
      return machine.media.change(device, filename, { force: forced === true, ...(format !== undefined && { format }), ...(mode !== undefined && { readOnly: mode }) })
    },
  }),
  command({
    qmp: 'eject', help: 'takes the medium out of a drive',
    args: { device: { type: 'word', help: 'the drive', optional: true }, id: { type: 'word', help: 'its device', optional: true }, force },
    run: ({ machine }, { device, id, force: forced }) => machine.media.eject(drive(device, id), forced === true),
  }),
  command({
    qmp: 'blockdev-change-medium', help: 'puts another medium into a drive',
    args: {
      device: { type: 'word', help: 'the drive', optional: true }, id: { type: 'word', help: 'its device', optional: true },
      filename: { type: 'word', help: 'an image' }, format: { type: 'word', help: 'of the image', optional: true }, force,
      'read-only-mode': { type: 'word', help: 'whether it can be written', optional: true, choices: MODES },
    },
    run: ({ machine }, { device, id, filename, format, force: forced, 'read-only-mode': mode }) =>
      machine.media.change(drive(device, id), filename, { force: forced === true, ...(format !== undefined && { format }), ...(mode !== undefined && { readOnly: mode }) }),
  }),
]
