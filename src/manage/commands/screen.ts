// Pictures of what the guest shows.
import { suggest } from '../../base/nearest.ts'
import { encode, type ImageFormat } from '../display/image.ts'
import { badArgument } from './arguments.ts'
import { command, type CommandContext } from './command.ts'

/** The screen of a device, or the first one. */
function screenOf({ machine }: CommandContext, device: string | undefined, head: bigint | undefined) {
  if (head !== undefined && device === undefined) throw badArgument('a head is one of a device: device is needed')
  const { screens } = machine, found = screens.find(s => device === undefined || s.device === device)
  if (!found) {
    if (screens.length === 0) throw badArgument('this machine has no display', '-device VGA adds one')
    throw badArgument(`no display '${device}'`, suggest(device!, screens.map(s => s.device)))
  }
  if (head) throw badArgument(`'${found.device}' has one head, number 0`)
  return found
}

export const screenCommands = [
  command({
    hmp: ['screendump'], qmp: 'screendump',
    help: 'saves what a display shows, as PNG if the file\'s name ends so or format says so, as PPM otherwise',
    args: {
      filename: { type: 'word', help: 'the file' },
      device: { type: 'word', help: 'id of the display device', optional: true },
      head: { type: 'integer', help: '0', optional: true },
      format: { type: 'word', help: 'of the file', optional: true, choices: ['ppm', 'png'] },
    },
    async run(ctx, { filename, device, head, format }) {
      const picture = await screenOf(ctx, device, head).picture()
      const by = format ?? (/\.png$/i.test(filename) ? 'png' : 'ppm')
      await ctx.host.files.writeChunks(filename, encode(picture, by as ImageFormat))
    },
  }),
]
