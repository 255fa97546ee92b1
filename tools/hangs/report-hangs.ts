// Loaded into every process that runs tests: a test that hangs says what it waits for, and so does a process that no test keeps.
import { join } from 'node:path'
import { afterEach, beforeEach } from 'node:test'
import { suspendedFunctions } from './suspended-functions.ts'

const ROOT = join(import.meta.dirname, '../..')
/** Without any test that runs: in a hook, while the file is loaded, or at the end. */
const IDLE_MS = Number(process.env.TEST_IDLE_MS) || 120_000

interface EndedTest {
  readonly fullName: string
  readonly error: { readonly failureType?: string } | null
}

let running = 0
let idle = startIdle()

function startIdle(): NodeJS.Timeout {
  return setTimeout(() => void endIdleProcess(), IDLE_MS).unref()
}

async function endIdleProcess(): Promise<void> {
  console.error(await reportOf('No test runs, and the process does not end'))
  process.exit(1)
}

beforeEach(() => {
  running += 1
  clearTimeout(idle)
})

afterEach(async (context) => {
  running -= 1
  if (running === 0) idle = startIdle()
  const { error, fullName } = context as unknown as EndedTest
  if (error?.failureType !== 'testTimeoutFailure') return
  console.error(await reportOf(`"${fullName}" hangs`))
})

async function reportOf(what: string): Promise<string> {
  const waiting = await suspendedFunctions(ROOT)
  const resources = [...new Set(process.getActiveResourcesInfo())].join(', ') || 'none'
  return [`${what}. Suspended:`, ...waiting.map((each) => `    ${each}`), `  Open: ${resources}`].join('\n')
}
