import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { migrate } from '../src/database.ts'
import { createState } from '../src/state.ts'

test('claims whose leases have all ended are let go of, the others are kept', () => {
  const database = new DatabaseSync(':memory:')
  migrate(database, ':memory:')
  database.exec(`INSERT INTO lanes VALUES (1, 'default', 'default', 'test')`)
  const { requests } = createState(database, ':memory:')
  const lease = database.prepare(
    `INSERT INTO leases (seq, lane, token, attempt, crashes, expires_at, worker_id, session, ready_at, started_at, records, bytes, request_id)
     VALUES (?, 1, 5, 1, 0, 0, 'w', 0, 0, 0, 0, 0, ?)`,
  )
  const named = (requestId: string) => ({ namespace: 'default', workerId: 'w', requestId })
  lease.run(1, 'kept')
  lease.run(3, 'another')
  requests.set(named('kept'), [1, 2, 3])
  for (let n = 0; n < 200_000; n++) requests.set(named(`ended-${n}`), [1, 2])
  assert.deepEqual(requests.get(named('kept')), [1])
  assert.ok(requests.size <= 50_001, `${requests.size} claims are remembered`)
})
