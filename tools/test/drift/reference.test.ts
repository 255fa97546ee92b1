// Whatever a user can meet is in docs/reference: these lists come from the code, the pages are read as text.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ERRORS } from '@taskyard/core'
import { createMetrics, openApiDocument } from '@taskyard/http'
import { COMMAND_CODES } from '../../../packages/taskyard/src/cli/failure.ts'
import { createProgram } from '../../../packages/taskyard/src/cli/program.ts'
import { ENVIRONMENT } from '../../../packages/taskyard/src/configuration/read-configuration.ts'
import { ROOT } from '../support/plant.ts'

interface Listed {
  readonly page: string
  /** Each entry as the page must write it. */
  readonly entries: readonly string[]
}

const LISTS: Readonly<Record<string, () => Promise<Listed>>> = {
  route: async () => ({ page: 'http-api.md', entries: await routes() }),
  'environment variable': async () => ({
    page: 'environment.md',
    entries: ENVIRONMENT.map(
      ({ name, default: fallback }) => `| \`${name}\` | ${fallback === null ? 'unset' : `\`${fallback}\``} |`,
    ),
  }),
  command: async () => ({ page: 'cli.md', entries: commands().map((name) => `\`taskyard ${name}`) }),
  'option of a command': async () => ({ page: 'cli.md', entries: options() }),
  metric: async () => ({ page: 'metrics.md', entries: metrics() }),
  error: async () => ({ page: 'errors.md', entries: Object.keys(ERRORS).map(errorRow) }),
  'code of the command line': async () => ({
    page: 'errors.md',
    entries: Object.entries(COMMAND_CODES).map(([exitCode, code]) => `| \`${code}\` | ${exitCode} |`),
  }),
}

for (const [kind, list] of Object.entries(LISTS)) {
  test(`every ${kind} is in the reference`, async () => {
    const { page, entries } = await list()
    assert.ok(entries.length > 0)
    assert.deepEqual(absentFrom(read(page), entries), [])
  })

  test(`an undocumented ${kind} is found`, async () => {
    const { page, entries } = await list()
    for (const entry of entries) {
      const withoutIt = read(page).replaceAll(entry, '')
      assert.ok(absentFrom(withoutIt, entries).includes(entry), entry)
    }
  })
}

test('the reference describes no route that does not exist', async () => {
  const described = [...read('http-api.md').matchAll(/^\| (`(?:GET|POST|PUT|PATCH|DELETE) [^`]+`) \|/gm)].map(
    (match) => match[1],
  )
  const existing = await routes()
  assert.deepEqual(
    described.filter((route) => !existing.includes(route as string)),
    [],
  )
})

test('the reference describes no error that does not exist', () => {
  const described = [...read('errors.md').matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1] as string)
  assert.deepEqual(
    described.filter((code) => !(code in ERRORS) && !Object.values(COMMAND_CODES).includes(code)),
    [],
  )
})

function absentFrom(text: string, entries: readonly string[]): readonly string[] {
  return entries.filter((entry) => !text.includes(entry))
}

function read(page: string): string {
  return readFileSync(join(ROOT, 'docs/reference', page), 'utf8')
}

async function routes(): Promise<readonly string[]> {
  const { paths } = (await openApiDocument()) as { paths: Record<string, Record<string, unknown>> }
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `\`${method.toUpperCase()} ${path}\``),
  )
  // Two pages about the API that are not part of it.
  return [...described, '`GET /openapi.json`', '`GET /docs`']
}

function commands(): readonly string[] {
  return createProgram().commands.flatMap((command) => [
    command.name(),
    ...command.commands.map((sub) => `${command.name()} ${sub.name()}`),
  ])
}

function options(): readonly string[] {
  const all = createProgram().commands.flatMap((command) => [command, ...command.commands])
  return [...new Set(all.flatMap((command) => command.options.map(({ long }) => long ?? '')))]
}

function metrics(): readonly string[] {
  const names = createMetrics({ monotonicMs: () => 0 })
    .registry.getMetricsAsArray()
    .map(({ name }) => name)
  return names.map((name) => `| \`${name}\` |`)
}

function errorRow(code: string): string {
  const { status, retryable, definite, title } = ERRORS[code as keyof typeof ERRORS]
  return `| \`${code}\` | ${status} | ${retryable ? 'yes' : 'no'} | ${definite ? 'yes' : 'no'} | ${title} |`
}
