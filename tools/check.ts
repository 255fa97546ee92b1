// Every static check, in one run: `npm run check`, and with `--fix` what can be repaired is repaired first.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const biomeFlags = ['--error-on-warnings', '--diagnostic-level=warn', '--max-diagnostics=50', '--colors=off']

const FIXES = [
  ['format and lint', 'biome', 'check', '--write', ...biomeFlags],
  ['generated files', 'node', 'tools/generate-openapi.ts'],
] as const

const CHECKS = [
  ['format and lint', 'biome', 'ci', ...biomeFlags],
  ['types', 'tsc', '--noEmit'],
  ['dependency rule', 'node', 'tools/check-dependencies.ts'],
  ['sizes of files and functions', 'node', 'tools/check-sizes.ts'],
  ['doc comments', 'node', 'tools/check-doc-comments.ts'],
  ['dead code', 'knip', '--no-progress', '--no-config-hints'],
  ['drift of generated files and documents', 'node', 'tools/run-tests.ts', 'tools/test/drift/*.test.ts'],
] as const

const steps = process.argv.includes('--fix') ? FIXES : CHECKS
const failed = steps.filter(([name, command, ...args]) => !passes(name, command, args))
if (failed.length > 0) {
  console.error(`\nfailed: ${failed.map(([name]) => name).join(', ')}`)
  process.exitCode = 1
}

function passes(name: string, command: string, args: readonly string[]): boolean {
  const startedAt = performance.now()
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  console.log(`${status === 0 ? '✔' : '✖'} ${name} (${seconds} s)`)
  if (args[0] === 'tools/check-sizes.ts') process.stdout.write(`  ${stdout}`)
  if (status !== 0) console.error(`${error?.message ?? ''}${stdout}${stderr}`)
  return status === 0
}
