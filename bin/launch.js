// Starts Typevisor's command line on a Node that can run it. Plain JavaScript that an older Node understands too:
// where the running Node is older than 24, the one in the optional package node-PLATFORM-ARCH takes over.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import module, { createRequire } from 'node:module'
import { constants } from 'node:os'

const NEEDED = 24
/** For glibc's malloc: freed memory goes back to the system beyond a megabyte for each thread. By itself it keeps up to twice
 * the largest block that was ever freed, and the threads that compile for V8 free much. */
const ENVIRONMENT = { MALLOC_TRIM_THRESHOLD_: String(1 << 20) }
/** For V8: garbage is short-lived, the space for new objects need not grow; hints say which branches of compiled code are
 * seldom taken (a flag of this Node's V8, which others may not know). */
const FLAGS = ['--max-semi-space-size=2', ...(process.versions.node.startsWith('24.') ? ['--experimental-wasm-branch-hinting'] : [])]

/** Path of the Node binary that came with the installation, if there is one for this host. */
function bundledNode() {
  const name = `node-${process.platform}-${process.arch}`
  try {
    return createRequire(import.meta.url).resolve(`${name}/bin/node`)
  } catch (error) {
    if (error.code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

/** Runs this very command again with `node`; its signals, terminal and exit status are ours. */
function runAgain(node) {
  const child = spawn(node, [...FLAGS, ...process.execArgv, ...process.argv.slice(1)], {
    stdio: 'inherit', env: { ...ENVIRONMENT, ...process.env },
  })
  // The terminal sends Ctrl-C and the like to both processes: the child decides, this one waits for it.
  for (const signal of ['SIGINT', 'SIGQUIT']) process.on(signal, () => {})
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    console.error(`typevisor: cannot start ${node}: ${error.message}`)
    process.exitCode = 1
  })
  child.on('exit', (status, signal) => {
    // A child that a signal ended ends this process in the shell's way of telling it.
    process.exit(signal ? 128 + constants.signals[signal] : status)
  })
}

/** Runs `program`, a name of package.json's bin, on the command line's arguments. */
export async function launch(program) {
  if (Number.parseInt(process.versions.node, 10) < NEEDED) {
    const node = bundledNode()
    if (node) runAgain(node)
    else {
      console.error(
        `${program}: needs Node ${NEEDED} or later, this is ${process.version}; ` +
        `hint: install one, or the package node-${process.platform}-${process.arch}`)
      process.exitCode = 1
    }
    return
  }
  // The allocator reads its environment when the program starts.
  if (process.platform === 'linux' && process.execve && !('MALLOC_TRIM_THRESHOLD_' in process.env))
    process.execve(process.execPath, [process.argv0, ...FLAGS, ...process.execArgv, ...process.argv.slice(1)],
      { ...ENVIRONMENT, ...process.env })
  // Sources are read and compiled once; later starts take a quarter of the time. Threads look at the variable.
  const { directory } = module.enableCompileCache()
  if (directory) process.env.NODE_COMPILE_CACHE ??= directory
  const source = new URL('../src/manage/cli/main.ts', import.meta.url)
  const built = new URL('../dist/manage/cli/main.js', import.meta.url)
  const { main } = await import(existsSync(source) ? source.href : built.href)
  await main(process.argv.slice(2), program)
}
