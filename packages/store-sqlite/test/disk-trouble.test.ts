import assert from 'node:assert/strict'
import { before, test } from 'node:test'
import { runOnOwnDisk } from './on-own-disk.ts'

let told: ReadonlyMap<unknown, Record<string, unknown>>

before(async () => {
  const lines = await runOnOwnDisk('./disk-trouble.ts', 16)
  told = new Map(lines.map((line) => [line.when, line]))
})

test('a full disk refuses with store_full, definitely and as 503', () => {
  const { code, status, definite } = told.get('full') ?? {}
  assert.deepEqual({ code, status, definite }, { code: 'store_full', status: 503, definite: true })
})

test('a store on a full disk says that it is not healthy', () => {
  const { healthy, code, reason } = told.get('health while full') ?? {}
  assert.deepEqual({ healthy, code }, { healthy: false, code: 'store_full' })
  assert.match(String(reason), /no space left/)
})

test('when space returns the store takes tasks again by itself', () => {
  assert.equal(told.get('space again')?.accepted, true)
  assert.equal(told.get('health again')?.healthy, true)
})

test('exactly the acknowledged tasks are there afterwards', () => {
  const { acknowledged, missing, queued } = told.get('kept') ?? {}
  assert.equal(missing, 0)
  assert.equal(queued, acknowledged)
})

test('a file that cannot be written is refused at start, by name and with the reason', () => {
  const { code, message } = told.get('read-only') ?? {}
  assert.equal(code, 'store_read_only')
  assert.match(String(message), /tasks\.db is on a file system that is mounted read-only/)
})
