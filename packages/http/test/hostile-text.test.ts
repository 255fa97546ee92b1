import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { FRAGMENTS, JSON_TEXTS, notIds, PLAIN_TEXTS } from '@taskyard/conformance'
import { sanitizedText } from '@taskyard/core'
import { type Api, startApi } from './start-api.ts'
import { NOBODY, TEXT_FIELDS, type TextField } from './text-fields.ts'

const LIMITS = { limits: { bulkPerMinute: 100_000 } }

/** What no plain text may hold, and what is too long or too short for most fields. */
const UNFIT = [
  '',
  '\0',
  'a\0b',
  '\ud800',
  'a\udfff',
  '\udc00\ud800',
  'x'.repeat(129),
  '😀'.repeat(129),
  'é'.repeat(20_000),
]
const OTHERS = [...FRAGMENTS, ...notIds(NOBODY).filter((text) => text.length < 200)]

function send({ server }: Api, { method, url, body, headers }: TextField, text: string) {
  const content = body === undefined ? {} : { payload: JSON.stringify(body(text)) }
  const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' }
  return server.inject({ method, url: url(text), headers: { ...type, ...headers?.(text) }, ...content })
}

/** Whether HTTP itself carries a text to where the field is. */
function arrives({ headers, url }: TextField, text: string): boolean {
  if (headers !== undefined) return /^[\x20-\x7e]*$/.test(text) && text === text.trim() && text !== ''
  // A path takes no part that is a dot or two.
  return url('a') === url('b') || (text.isWellFormed() && text.length < 500 && !/^\.{1,2}$/.test(text))
}

/** Which texts a field meets: what it may not hold, and a third of the others, another third than the field before. */
function textsFor(field: TextField, index: number): readonly string[] {
  return [...UNFIT, ...OTHERS.filter((_, i) => i % 3 === index % 3)].filter((text) => arrives(field, text))
}

test('hostile text in every field of every route is taken or refused as its rule says', async (context) => {
  const api = await startApi(context, LIMITS)
  for (const [index, field] of TEXT_FIELDS.entries()) {
    await context.test(field.name, async () => {
      for (const text of textsFor(field, index)) await assertJudged(api, field, text)
    })
  }
  for (const url of ['/api/v1/tasks?limit=200', '/tasks', '/metrics', '/api/v1/queues', '/api/v1/workers']) {
    assert.equal((await api.get(url)).statusCode, 200, url)
  }
  assert.deepEqual(api.logged, [])
})

async function assertJudged(api: Api, field: TextField, text: string): Promise<void> {
  const { statusCode, headers, body, json } = await send(api, field, text)
  const shown = `${JSON.stringify(text.slice(0, 60))}: ${statusCode} ${body.slice(0, 300)}`
  assert.ok(statusCode < 500, shown)
  const isRefused = statusCode >= 400
  if (isRefused) assert.equal(headers['content-type'], 'application/problem+json; charset=utf-8', shown)
  // Long lines are refused for their length, whatever they hold.
  const isTaken = field.takes === null ? text.length < 5000 : field.takes(text)
  if (isTaken) assert.ok(!isRefused || statusCode === 404, shown)
  else if (field.takes !== null) assert.ok(isRefused, shown)
  if (statusCode === 400 && field.path !== null) assert.equal(json().errors?.[0].path, field.path, shown)
}

test('what was submitted with hostile text comes back as it was, in every reading', async (context) => {
  const api = await startApi(context)
  const tasks = JSON_TEXTS.map((payload, i) => ({ payload, tags: [PLAIN_TEXTS[i] as string, `n${i}`] }))
  const body = `{"tasks":[${tasks.map(({ payload, tags }) => `{"type":"t","payload":${payload},"tags":${JSON.stringify(tags)}}`).join(',')}]}`
  const ids = (await api.post('/api/v1/tasks/batch', body)).json().tasks.map(({ id }: { id: string }) => id)
  for (const [i, { payload, tags }] of tasks.entries()) {
    const { body: text } = await api.get(`/api/v1/tasks/${ids[i].toUpperCase()}`)
    assert.ok(text.includes(`"payload":${payload.trim()},"result"`), text)
    const [tag = ''] = tags
    const found = (await api.get(`/api/v1/tasks?tag=${encodeURIComponent(tag)}`)).json()
    assert.deepEqual(
      found.items.map(({ id }: { id: string }) => id),
      [ids[i]],
      JSON.stringify(tag),
    )
    assert.ok((await api.get(`/tasks/${ids[i]}`)).body.includes(`"data":${payload.trim()},`))
  }
})

test('what a worker says is mended, and its JSON comes back as it was', async (context) => {
  const api = await startApi(context)
  const id = await api.submit({ type: 't' })
  const { lease } = await api.claim()
  const texts = [...FRAGMENTS, '\0', '\ud800', 'a\0\udfffb']
  const entries = texts.map((log) => ({ taskId: id.toUpperCase(), token: lease.token, log, progress: log }))
  assert.equal((await api.post('/api/v1/leases/record', { entries })).statusCode, 200)
  const { events } = (await api.get(`/api/v1/tasks/${id}/events`)).json()
  const told = (kind: string) => events.filter((event: { kind: string }) => event.kind === kind)
  assert.deepEqual(
    told('log').map(({ data }: { data: { line: string } }) => data.line),
    texts.map((text) => sanitizedText(text, 1000)),
  )
  assert.deepEqual(
    told('progress').map(({ data }: { data: unknown }) => data),
    texts,
  )
  const error = { code: 'c\0', message: `m\ud800${FRAGMENTS.join('')}`, stack: 's\udfff' }
  const outcomes = [{ taskId: id, token: lease.token, outcome: 'failed', error, retryDelaySeconds: 600 }]
  assert.equal((await api.post('/api/v1/leases/settle', { outcomes })).json().results[0].status, 'ok')
  const kept = { code: 'c\ufffd', message: `m\ufffd${FRAGMENTS.join('')}`, stack: 's\ufffd' }
  assert.deepEqual((await api.get(`/api/v1/tasks/${id}`)).json().error, kept)
})

test('every text of the contract is among those that are tried', () => {
  const tried = new Set(TEXT_FIELDS.map(({ name }) => name))
  assert.deepEqual(
    // Of every route it is read in the same way.
    textsOfContract().filter((name) => !tried.has(name) && !name.endsWith(' Taskyard-Namespace')),
    [],
  )
})

// biome-ignore lint/suspicious/noExplicitAny: the contract is looked at as any program would
type Any = any

/** The places of all texts that are not one of a few words, as the contract describes requests. */
function textsOfContract(): readonly string[] {
  const contract = JSON.parse(readFileSync(new URL('../../../contracts/openapi.json', import.meta.url), 'utf8'))
  const operations: Any[] = Object.values(contract.paths).flatMap((methods: Any) => Object.values(methods))
  return operations.flatMap(({ operationId, parameters = [], requestBody }) => [
    ...parameters
      .filter(({ schema }: Any) => isText(schema))
      .map((each: Any) => `${operationId} ${parameterName(each)}`),
    ...textsIn(requestBody?.content['application/json'].schema ?? {}, '').map((path) => `${operationId} ${path}`),
  ])

  function textsIn(schema: Any, path: string): readonly string[] {
    if (schema.$ref !== undefined) return textsIn(contract.components.schemas[schema.$ref.split('/').at(-1)], path)
    if (isText(schema)) return [path]
    // The second tag is tried: that a fault is told with its place.
    if (schema.items !== undefined) return textsIn(schema.items, `${path}/${path.endsWith('/tags') ? 1 : 0}`)
    return Object.entries(schema.properties ?? {}).flatMap(([name, member]) => textsIn(member, `${path}/${name}`))
  }
}

function isText({ type, enum: words }: Any): boolean {
  return type === 'string' && words === undefined
}

function parameterName({ in: place, name }: Any): string {
  return place === 'path' ? `{${name}}` : place === 'query' ? `?${name}` : name
}
