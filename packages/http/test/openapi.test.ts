import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { openApiDocument } from '../src/index.ts'
import { startApi } from './start-api.ts'

interface Operation {
  operationId: string
  summary: string
  tags: string[]
  responses: Record<string, object>
}

const document = (await openApiDocument()) as {
  openapi: string
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, object> }
}

const operations = Object.values(document.paths).flatMap((path) => Object.values(path))

test('the contract in the repository is up to date', async () => {
  const stored = JSON.parse(await readFile(new URL('../../../contracts/openapi.json', import.meta.url), 'utf8'))
  assert.deepEqual(JSON.parse(JSON.stringify(document)), stored, 'run node tools/generate-openapi.ts')
})

test('the document is OpenAPI 3.1 and names every operation once', () => {
  assert.equal(document.openapi, '3.1.0')
  const ids = operations.map(({ operationId }) => operationId)
  assert.equal(new Set(ids).size, ids.length)
  for (const { operationId, summary, tags, responses } of operations) {
    assert.ok(summary && tags.length === 1 && Object.keys(responses).length > 0, operationId)
  }
})

test('every reference inside the document leads somewhere', () => {
  for (const [, name] of JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)) {
    assert.ok(Object.hasOwn(document.components.schemas, name as string), name)
  }
  assert.doesNotMatch(JSON.stringify(document), /"\$ref":"(?!#\/components\/schemas\/)/)
})

test('every operation of the document is a route of the server', async (context) => {
  const { server } = await startApi(context)
  await server.ready()
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const method of Object.keys(methods)) {
      const url = path.replaceAll(/\{(\w+)\}/g, ':$1')
      assert.ok(server.hasRoute({ method: method.toUpperCase() as 'GET', url }), `${method} ${url}`)
    }
  }
})

test('the server serves the document', async (context) => {
  const { get } = await startApi(context)
  const response = await get('/openapi.json')
  assert.match(String(response.headers['content-type']), /^application\/json/)
  assert.deepEqual(Object.keys(response.json().paths), Object.keys(document.paths))
})

test('the reference page and all it loads come from the server itself', async (context) => {
  const { get } = await startApi(context)
  const page = await get('/docs')
  const home = page.statusCode === 302 ? await get(String(page.headers['location'])) : page
  assert.equal(home.statusCode, 200)
  assert.match(home.body, /swagger-ui/)
  const assets = [...home.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url as string)
  assert.ok(assets.length > 2)
  for (const asset of assets) {
    assert.doesNotMatch(asset, /^(https?:)?\/\//)
    const url = new URL(asset, 'http://x/docs/').pathname
    assert.equal((await get(url)).statusCode, 200, url)
  }
})

test('a browser that asks for the server itself is led to the reference page, nobody else', async (context) => {
  const { get } = await startApi(context)
  const page = await get('/', { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' })
  assert.equal(page.statusCode, 302)
  const location = new URL(String(page.headers['location']), 'http://x/').pathname
  assert.equal((await get(location)).statusCode, 200)
  for (const accept of ['*/*', 'application/json']) assert.equal((await get('/', { accept })).statusCode, 404)
})

test('the reference page works over plain HTTP under any name, and asks nobody else', async (context) => {
  const { get } = await startApi(context)
  const page = await get('/docs/')
  const policy = String(page.headers['content-security-policy'])
  assert.match(policy, /default-src 'self'/)
  assert.doesNotMatch(policy, /upgrade-insecure-requests|https?:|\.io/)
})
