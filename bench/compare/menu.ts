// From the command to GRUB's menu: SeaBIOS, and GRUB from a CD-ROM, which says a word where it would show the menu.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { grubIso } from '../../scripts/guests/iso.ts'
import { UserError } from '../../scripts/guests/run.ts'
import { type Engine, ROOT } from './engines.ts'
import { type Line, runSession } from './session.ts'
import type { Start } from './startup.ts'
import { median } from './statistics.ts'
import { alternate, type Pair } from './suite.ts'

const REPEAT = 3, TIMEOUT_SECONDS = 120
const COMMANDS = 'echo MENU\nset timeout=0\nmenuentry off { halt }\n'

async function toMenu(engine: Engine, image: string): Promise<Line> {
  let menu: Line | undefined
  await runSession([...engine.command, '-m', '512', '-nographic', '-cdrom', image], {
    timeoutSeconds: TIMEOUT_SECONDS,
    onLine(line) { if (line.text.endsWith('MENU')) menu ??= line },
  })
  if (!menu) throw new UserError(`${engine.name}: no menu`)
  return menu
}

export async function measureMenu(engines: Pair<Engine>, note: (text: string) => void): Promise<Pair<Start>> {
  const scratch = join(ROOT, '.cache/bench')
  await mkdir(scratch, { recursive: true })
  const image = await grubIso(scratch, COMMANDS)
  const runs = await alternate(engines, REPEAT, (engine) => toMenu(engine, image))
  note(`menu: ${REPEAT} times each`)
  const middle = (lines: readonly Line[]): Start =>
    ({ ms: median(lines.map(({ atMs }) => atMs)), cpuMs: median(lines.map(({ cpuMs }) => cpuMs)) })
  return [middle(runs[0]), middle(runs[1])]
}
