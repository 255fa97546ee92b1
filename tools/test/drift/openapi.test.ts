import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openApiDocument } from '@taskyard/http'
import { plant, ROOT, runIn } from '../support/plant.ts'

test('contracts/openapi.json is what the routes say', () => {
  const { status, output } = runIn(ROOT, 'node', 'tools/generate-openapi.ts', '--check')
  assert.equal(status, 0, output)
})

test('a contract that differs from the routes is found', async (t) => {
  const document = { ...(await openApiDocument()), openapi: '3.0.0' }
  const folder = plant(t, { 'contracts/openapi.json': JSON.stringify(document) }, ['tools/generate-openapi.ts'])
  const { status, output } = runIn(folder, 'node', 'tools/generate-openapi.ts', '--check')
  assert.equal(status, 1)
  assert.match(output, /out of date/)
})
