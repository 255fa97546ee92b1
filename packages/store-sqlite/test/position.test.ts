import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { RANGES_BEFORE } from '../src/operations/position.ts'

test('the place of a task in its lane is counted in ranges of an index, whatever the number of tasks', () => {
  const database = new DatabaseSync(':memory:')
  database.exec(readFileSync(new URL('../src/migrations/0001-tasks.sql', import.meta.url), 'utf8'))
  const planOf = (sql: string) =>
    database
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map(({ detail }) => String(detail))
  assert.deepEqual(
    RANGES_BEFORE.map((range) => planOf(range).find((line) => / ready\b/.test(line))),
    [
      'SEARCH ready USING COVERING INDEX ready_in_order (lane=? AND priority=? AND ready_at=? AND seq<?)',
      'SEARCH ready USING COVERING INDEX ready_in_order (lane=? AND priority=? AND ready_at<?)',
      'SEARCH ready USING COVERING INDEX ready_in_order (lane=? AND priority>?)',
    ],
  )
  database.close()
})
