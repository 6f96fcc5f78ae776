// Running a command to its end, with one clear line when it fails.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** An error whose message is all that the user needs to see. */
export class UserError extends Error {
  override name = 'UserError'
}

const exec = promisify(execFile)

interface Failure { code?: number | string; stdout?: string; stderr?: string }

/** Debian packages of the commands that are used here. */
const PACKAGE: Readonly<Record<string, string>> = { xz: 'xz-utils', 'dpkg-deb': 'dpkg', 'apt-get': 'apt', 'apt-cache': 'apt' }

const notFound = (command: string): string =>
  `${command}: command not found${PACKAGE[command] ? ` (Debian package ${PACKAGE[command]})` : ''}`

/** Runs a command and returns its standard output. Throws UserError with the command's last error line. */
export async function run(command: string, args: readonly string[], options: { cwd?: string } = {}): Promise<string> {
  try {
    const { stdout } = await exec(command, args, { ...options, maxBuffer: 1 << 28, encoding: 'utf8' })
    return stdout
  } catch (cause) {
    const { code, stderr = '' } = cause as Failure
    if (code === 'ENOENT') throw new UserError(notFound(command), { cause })
    const lines = stderr.split('\n').filter((line) => /\S/.test(line))
    const reason = lines.find((line) => /^(E|Err|error)[: ]/i.test(line)) ?? lines.at(-1) ?? `exit status ${code}`
    throw new UserError(`${command}: ${reason.trim()}`, { cause })
  }
}

/** The same for a command whose output is a file's bytes. */
export async function runBytes(command: string, args: readonly string[]): Promise<Uint8Array> {
  try {
    const { stdout } = await exec(command, args, { maxBuffer: 1 << 28, encoding: 'buffer' })
    return stdout
  } catch (cause) {
    const { code } = cause as Failure
    throw new UserError(code === 'ENOENT' ? notFound(command) : `${command} ${args.join(' ')}: exit status ${code}`, { cause })
  }
}

/** Runs a script's main function; a UserError becomes one line, anything else a stack trace. */
export async function runMain(name: string, main: () => Promise<void>): Promise<void> {
  try {
    await main()
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    console.error(`${name}: ${error.message}`)
    process.exitCode = 1
  }
}
