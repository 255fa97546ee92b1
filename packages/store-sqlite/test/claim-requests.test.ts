import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { migrate } from '../src/database.ts'
import { createState } from '../src/state.ts'

test('claims whose leases have all ended are forgotten, the others are kept', () => {
  const database = new DatabaseSync(':memory:')
  migrate(database, ':memory:')
  const { requests } = createState(database, ':memory:')
  database.exec(`INSERT INTO leases VALUES (1, 1, 5, 1, 0, 0, NULL, 'w', NULL, 0, 0, 0, NULL, NULL, 0, 0, 'kept')`)
  const named = (requestId: string) => ({ namespace: 'default', workerId: 'w', requestId })
  requests.set(named('kept'), [
    [1, 5],
    [2, 5],
  ])
  for (let n = 0; n < 5000; n++) requests.set(named(`ended-${n}`), [[1, 4]])
  assert.deepEqual(requests.get(named('kept')), [1])
  assert.ok(requests.size < 2000, `${requests.size} claims are remembered`)
})
