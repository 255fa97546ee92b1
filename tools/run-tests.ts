// Runs every test of the repository, or those of the files and patterns given, and ends with one line of figures.
// `--only TEXT` runs those with it in their names; `--unlimited` lets files take as long as they want, as a search does.
import { globSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { run, type TestsStream } from 'node:test'
import { spec } from 'node:test/reporters'
import { parseArgs } from 'node:util'
import { startSharedServers } from '@taskyard/test-servers'

interface Figures {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

const ALL = ['packages/*/test/**/*.test.ts', 'tools/test/**/*.test.ts', 'bench/**/*.test.ts', 'e2e/**/*.test.ts']

/** What takes longest begins first, so that nothing long is left alone at the end. */
const LONGEST_FIRST = [
  /^packages\/store-mongodb\/test\/conformance/,
  /^packages\/store-postgres\/test\/conformance/,
  /^e2e\/chaos\/smoke/,
  /^packages\/store-(redis|sqlite)\/test\/conformance/,
  /^e2e\//,
  /^packages\/store-/,
]

/** Most tests wait, for a disk, a server or a time: one more than the processors keeps these busy. */
const CONCURRENCY = availableParallelism() + 1

/** A test that takes longer hangs; one that is long by its nature says its own limit. */
const LONGEST_TEST_MS = 120_000
/** For a file of tests: that of a store's conformance takes minutes on a busy machine. */
const LONGEST_FILE_MS = 40 * 60_000
const SLOWEST_SHOWN = 10

/** Test files that may want a database server. */
const NEEDS_SERVERS = /^(bench|e2e|packages\/(store-(?!sqlite)|taskyard|test-servers))\b/

const root = join(import.meta.dirname, '..')
const { values: options, positionals: patterns } = parseArgs({
  options: { only: { type: 'string' }, unlimited: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const files = filesOf(patterns.length === 0 ? ALL : patterns)

if (files.some((file) => NEEDS_SERVERS.test(file))) Object.assign(process.env, await startSharedServers())
const { passed, failed, skipped } = await runAll()
console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1

function filesOf(chosen: readonly string[]): readonly string[] {
  const found = globSync(chosen, { cwd: root, exclude: ['**/node_modules/**'] }).sort()
  return found.sort((one, other) => rank(one) - rank(other))
}

function rank(file: string): number {
  const at = LONGEST_FIRST.findIndex((pattern) => pattern.test(file))
  return at < 0 ? LONGEST_FIRST.length : at
}

async function runAll(): Promise<Figures> {
  if (files.length === 0) {
    console.error(`no test file matches ${patterns.join(' ')}`)
    return { passed: 0, failed: 1, skipped: 0 }
  }
  const events = run({
    files: files.map((file) => join(root, file)),
    cwd: root,
    concurrency: CONCURRENCY,
    timeout: options.unlimited ? Number.POSITIVE_INFINITY : LONGEST_FILE_MS,
    ...(options.only === undefined ? {} : { testNamePatterns: options.only }),
    execArgv: ['--import', join(root, 'tools/hangs/report-hangs.ts'), `--test-timeout=${LONGEST_TEST_MS}`],
  })
  const durations = durationsOf(events)
  const result = figuresOf(events)
  await pipeline(events, spec(), process.stdout, { end: false })
  showSlowest(durations)
  return result
}

/** How long each file took, ms. */
function durationsOf(events: TestsStream): ReadonlyMap<string, number> {
  const durations = new Map<string, number>()
  events.on('test:summary', ({ file, duration_ms }) => {
    if (file !== undefined) durations.set(relative(root, file), duration_ms)
  })
  return durations
}

function showSlowest(durations: ReadonlyMap<string, number>): void {
  if (durations.size <= SLOWEST_SHOWN) return
  const slowest = [...durations].sort(([, one], [, other]) => other - one).slice(0, SLOWEST_SHOWN)
  console.log('\nThe slowest files, s:')
  for (const [file, ms] of slowest) console.log(`${(ms / 1000).toFixed(0).padStart(6)}  ${file}`)
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
