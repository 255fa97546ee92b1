import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { startServerProcess, temporaryFolder } from '../support/taskyard-process.ts'
import { answerFaults } from './answer-faults.ts'
import type { FuzzRequest } from './requests.ts'
import { runFuzz } from './run.ts'

test('requests made from the contract, most of them wrong, are answered as it says and harm nothing', async (context) => {
  const folder = await temporaryFolder()
  const env = { TASKYARD_ROLES: 'api,scheduler', TASKYARD_LOG_LEVEL: 'fatal' }
  const server = await startServerProcess({ store: join(folder.path, 'fuzz.db'), env, showsErrors: true })
  context.after(async () => {
    await server.stop()
    await folder.remove()
  })
  const { sent, answers, faults } = await runFuzz({ ...server, requests: 1500, seed: 1 })
  assert.deepEqual(faults, [])
  assert.equal(sent, 1500)
  assert.ok(answers.size >= 50, `only ${[...answers.keys()].join(', ')}`)
  assert.equal((await server.stop()).code, 0)
})

const request: FuzzRequest = { operation: 'x', method: 'GET', target: '/', headers: {}, body: null }
const problem = { status: 400, code: 'invalid_request', detail: 'The request is malformed' }
const PROBLEM = 'application/problem+json; charset=utf-8'

const WRONG_ANSWERS = [
  ['a failure of the server', 500, PROBLEM, { ...problem, status: 500, code: 'internal' }],
  ['a store that cannot serve', 503, PROBLEM, { ...problem, status: 503, code: 'store_unavailable' }],
  ['an error that is no problem document', 404, 'application/json', problem],
  ['another status in the problem', 404, PROBLEM, problem],
  ['an unknown code', 400, PROBLEM, { ...problem, code: 'oops' }],
  ['a problem without detail', 400, PROBLEM, { ...problem, detail: '' }],
  ['a text with holes', 400, PROBLEM, { ...problem, detail: 'over the limit of {limit} bytes' }],
  ['the inside of the server', 400, PROBLEM, { ...problem, detail: 'at run (/app/node_modules/x.js)' }],
] as const

for (const [what, status, contentType, body] of WRONG_ANSWERS) {
  test(`the fuzzer takes ${what} for a fault`, () => {
    assert.notDeepEqual(answerFaults(request, { status, contentType, text: JSON.stringify(body) }), [])
  })
}

test('the fuzzer takes an orderly refusal for none', () => {
  assert.deepEqual(answerFaults(request, { status: 400, contentType: PROBLEM, text: JSON.stringify(problem) }), [])
})
