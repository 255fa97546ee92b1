// Runs every test of the repository, or those of the files and patterns given, and ends with one line of figures.
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { run, type TestsStream } from 'node:test'
import { spec } from 'node:test/reporters'
import { startSharedServers } from '@taskyard/test-servers'

interface Suite {
  readonly patterns: readonly string[]
  /** Files that run at the same time. Tests that measure time, or start many processes, have the machine to themselves. */
  readonly concurrency: number
}

interface Figures {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

const SUITES: readonly Suite[] = [
  { patterns: ['packages/*/test/**/*.test.ts', 'tools/test/**/*.test.ts'], concurrency: 2 },
  { patterns: ['bench/**/*.test.ts', 'e2e/**/*.test.ts'], concurrency: 1 },
]

/** For a test, and for a file of tests: that of a store's conformance takes minutes on a busy machine. */
const LONGEST_MS = 15 * 60_000

/** Test files that may want a database server. */
const NEEDS_SERVERS = /^(bench|e2e|packages\/(store-(?!sqlite)|taskyard|test-servers))\b/

const root = join(import.meta.dirname, '..')
const chosen = process.argv.slice(2)
const suites = chosen.length === 0 ? SUITES : [{ patterns: chosen, concurrency: 2 }]

if (suites.flatMap(filesOf).some((file) => NEEDS_SERVERS.test(file)))
  Object.assign(process.env, await startSharedServers())
const figures: Figures[] = []
for (const suite of suites) figures.push(await runSuite(suite))
const { passed, failed, skipped } = figures.reduce(sum)
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1

function filesOf({ patterns }: Suite): readonly string[] {
  return globSync(patterns, { cwd: root, exclude: ['**/node_modules/**'] }).sort()
}

async function runSuite(suite: Suite): Promise<Figures> {
  const { concurrency } = suite
  const files = filesOf(suite)
  if (files.length === 0) {
    console.error(`no test file matches ${suite.patterns.join(' ')}`)
    return { passed: 0, failed: 1, skipped: 0 }
  }
  const events = run({ files: files.map((file) => join(root, file)), cwd: root, concurrency, timeout: LONGEST_MS })
  const result = figuresOf(events)
  await pipeline(events, spec(), process.stdout, { end: false })
  return result
}

/** The figures of a whole run; a run that ends without them has failed. */
function figuresOf(events: TestsStream): Promise<Figures> {
  return new Promise((resolve) => {
    events.on('test:summary', ({ file, counts }) => {
      const { passed, skipped, todo, tests } = counts
      if (file === undefined) resolve({ passed, failed: tests - passed - skipped - todo, skipped: skipped + todo })
    })
    events.once('end', () => resolve({ passed: 0, failed: 1, skipped: 0 }))
  })
}

function sum(left: Figures, right: Figures): Figures {
  return {
    passed: left.passed + right.passed,
    failed: left.failed + right.failed,
    skipped: left.skipped + right.skipped,
  }
}
