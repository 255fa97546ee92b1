// Database servers for tests that run by hand again and again: `eval "$(npm run --silent servers -- start)"`, later
// `npm run servers -- stop`. A whole run of `npm test` starts its own. What runs is noted in a folder, `.tmp` by default.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { startSharedServers } from '@taskyard/test-servers'

interface Running {
  readonly pid: number
  readonly environment: Readonly<Record<string, string>>
}

const folder = process.argv[3] ?? join(import.meta.dirname, '..', '.tmp')
const file = join(folder, 'test-servers.json')
const log = join(folder, 'test-servers.log')

const COMMANDS: Readonly<Record<string, () => void | Promise<void>>> = { start, stop, status, keep }

const command = COMMANDS[process.argv[2] ?? '']
if (command === undefined || ['postgres', 'redis', 'mongodb'].includes(folder)) {
  console.error('npm run servers -- start | stop | status [FOLDER]')
  process.exitCode = 2
} else {
  await command()
}

async function start(): Promise<void> {
  mkdirSync(folder, { recursive: true })
  if (running() === null) {
    rmSync(file, { force: true })
    const output = openSync(log, 'w')
    const keeper = spawn(process.execPath, [import.meta.filename, 'keep', folder], {
      detached: true,
      stdio: ['ignore', output, output],
    })
    while (!existsSync(file) && keeper.exitCode === null) await delay(50)
    keeper.unref()
  }
  process.stderr.write(readFileSync(log, 'utf8'))
  status()
}

async function stop(): Promise<void> {
  const found = running()
  if (found !== null) process.kill(found.pid)
  while (running() !== null) await delay(20)
  rmSync(file, { force: true })
}

function status(): void {
  const found = running()
  if (found === null) console.error('no test servers are running')
  for (const [name, value] of Object.entries(found?.environment ?? {})) console.log(`export ${name}=${quoted(value)}`)
}

/** The process that the servers live with. */
async function keep(): Promise<void> {
  const found: Running = { pid: process.pid, environment: await startSharedServers() }
  writeFileSync(`${file}.draft`, JSON.stringify(found))
  renameSync(`${file}.draft`, file)
  setInterval(() => {}, 2 ** 30)
}

function quoted(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`
}

function running(): Running | null {
  if (!existsSync(file)) return null
  const found = JSON.parse(readFileSync(file, 'utf8')) as Running
  try {
    process.kill(found.pid, 0)
    return found
  } catch {
    return null
  }
}
