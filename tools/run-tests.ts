// Runs every test of the repository, or those of the files and patterns given, and ends with one line of figures.
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { run, type TestsStream } from 'node:test'
import { spec } from 'node:test/reporters'

const SUITES = ['packages/*/test/**/*.test.ts', '{tools,bench}/test/**/*.test.ts', 'e2e/**/*.test.ts']
/** For a test, and for a file of tests. */
const LONGEST_MS = 5 * 60_000

const root = join(import.meta.dirname, '..')
const patterns = process.argv.length > 2 ? process.argv.slice(2) : SUITES
const files = globSync(patterns, { cwd: root, exclude: ['**/node_modules/**'] }).sort()

if (files.length === 0) {
  console.error(`no test file matches ${patterns.join(' ')}`)
  process.exitCode = 1
} else {
  const paths = files.map((file) => join(root, file))
  const events = run({ files: paths, cwd: root, concurrency: 2, timeout: LONGEST_MS })
  const figures = figuresOf(events)
  await pipeline(events, spec(), process.stdout, { end: false })
  const { passed, failed, skipped } = await figures
  console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`)
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1
}

/** The figures of the whole run; a run that ends without them has failed. */
function figuresOf(events: TestsStream): Promise<{ passed: number; failed: number; skipped: number }> {
  return new Promise((resolve) => {
    events.on('test:summary', ({ file, counts }) => {
      const { passed, skipped, todo, tests } = counts
      if (file === undefined) resolve({ passed, failed: tests - passed - skipped - todo, skipped: skipped + todo })
    })
    events.once('end', () => resolve({ passed: 0, failed: 1, skipped: 0 }))
  })
}
