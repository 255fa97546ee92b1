import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, it } from 'node:test'
import { toJsonText } from '@taskyard/core'
import { BUILT_IN_TYPES, COMMON_FAILURES, type FailureCatalogue } from '../src/index.ts'
import { openTypes } from './support/attempt.ts'
import { startHttp } from './support/http.ts'
import { startSmtp } from './support/smtp.ts'

const page = await readFile(new URL('../../../docs/reference/task-types.md', import.meta.url), 'utf8')
const [introduction = '', ...rest] = page.split(/^## /m)
const sections = new Map(rest.map((section) => [/^`([^`]+)`/.exec(section)?.[1], section]))

describe('docs/reference/task-types.md', () => {
  it('has a section for every type, and for no other', () => {
    assert.deepEqual(
      [...sections.keys()],
      BUILT_IN_TYPES.map(({ type }) => type),
    )
  })

  for (const { type, schema, failures } of BUILT_IN_TYPES) {
    const section = sections.get(type) ?? ''

    it(`has a row for every field of ${type}, and for no other`, () => {
      assert.deepEqual(fieldRows(section).sort(), propertyNames(schema).sort())
    })

    it(`lists the error codes of ${type}, and whether they are retried`, () => {
      assert.deepEqual(failureRows(section), catalogueRows(failures))
    })
  }

  it('lists the error codes that all types share', () => {
    assert.deepEqual(failureRows(introduction), catalogueRows(COMMON_FAILURES))
  })

  it('names every operation of transform', () => {
    const { operation } = (BUILT_IN_TYPES.find(({ type }) => type === 'transform')?.schema.properties ?? {}) as Record<
      string,
      { enum: readonly string[] }
    >
    for (const name of operation?.enum ?? []) assert.match(sections.get('transform') ?? '', new RegExp(`\`${name}\``))
    assert.ok(operation !== undefined && operation.enum.length > 0)
  })
})

describe('the examples of docs/reference/task-types.md', () => {
  it('email: the payload is delivered with the result shown', async (t) => {
    const smtp = await startSmtp(t)
    const [payload, shown] = exampleOf('email')
    const result = await openTypes(t, { smtpUrl: smtp.url }).run('email', payload)
    assert.deepEqual({ ...result, messageId: null }, { ...shown, messageId: null, response: '250 OK: message queued' })
    assert.match(result.messageId, /^<[0-9a-f-]{36}@example\.com>$/)
    assert.deepEqual(smtp.mails[0]?.to, shown.accepted)
  })

  it('http-request: the payload is sent with the result shown', async (t) => {
    const http = await startHttp(t, (_request, response) => {
      response.sendDate = false
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 11, connection: 'close' })
      response.end('{"ok":true}')
    })
    const [payload, shown] = exampleOf('http-request')
    const url = (payload.url as string).replace('https://hooks.example.com', http.origin)
    const { run } = openTypes(t, { allowPrivateAddresses: ['127.0.0.1'] })
    const result = await run('http-request', { ...payload, url })
    const { connection, ...headers } = result.headers
    assert.deepEqual({ ...result, headers, durationMs: 0 }, { ...shown, durationMs: 0 })
    assert.equal(http.requests[0]?.body, JSON.stringify(payload.body))
  })

  for (const type of ['transform', 'uppercase', 'test']) {
    it(`${type}: the payload gives the result shown`, { timeout: 60_000 }, async (t) => {
      // The platform's timers keep no process alive.
      const alive = setInterval(() => {}, 1000)
      t.after(() => clearInterval(alive))
      const [payload, shown] = exampleOf(type)
      assert.deepEqual(await openTypes(t).run(type, payload), shown)
    })
  }

  for (const { type } of BUILT_IN_TYPES) {
    it(`${type}: the payload passes the check`, (t) => {
      assert.deepEqual(openTypes(t).checkPayload(type, toJsonText(exampleOf(type)[0])), [])
    })
  }
})

type JsonObject = Readonly<Record<string, unknown>>

/** Payload and result: the first two JSON blocks of the section. */
function exampleOf(type: string): readonly [JsonObject, JsonObject] {
  const blocks = [...(sections.get(type) ?? '').matchAll(/^```json\n([\s\S]*?)^```/gm)].map(
    ([, json]) => json as string,
  )
  assert.equal(blocks.length, 2)
  const [payload, result] = blocks.map((json) => JSON.parse(json) as JsonObject)
  return [payload as JsonObject, result as JsonObject]
}

/** The first cells of the tables whose head says `field`. */
function fieldRows(section: string): string[] {
  return tablesOf(section, 'field').map(([field]) => field as string)
}

function failureRows(section: string): string[] {
  return tablesOf(section, 'code').map(([code, retried, when]) => `${code}: ${retried}: ${when}`)
}

function catalogueRows(failures: FailureCatalogue): string[] {
  return Object.entries(failures).map(([code, { retryable, when }]) => `${code}: ${retryable ? 'yes' : 'no'}: ${when}`)
}

/** Rows of the tables whose first column is headed so; the first cell without its code quotes. */
function tablesOf(section: string, head: string): string[][] {
  const tables = section.split(/\n\n+/).filter((block) => block.startsWith(`| ${head} |`))
  const rows = tables.flatMap((table) => table.trim().split('\n').slice(2))
  return rows.map((row) =>
    row
      .slice(2, -2)
      .split(' | ')
      .map((cell) => cell.replace(/^`([^`]*)`$/, '$1')),
  )
}

/** Names of all properties of a schema, those of list entries included. */
function propertyNames(schema: JsonObject): string[] {
  const properties = Object.entries((schema.properties ?? {}) as Record<string, JsonObject>)
  const ofItems = (property: JsonObject) => propertyNames((property.items ?? {}) as JsonObject)
  return properties.flatMap(([name, property]) => [name, ...ofItems(property)])
}
