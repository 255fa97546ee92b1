import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rangesBefore } from '../src/operations/position.ts'
import { indexKey } from '../src/schema.ts'

test('the place of a task in its lane is counted in ranges of the index that claims use', () => {
  const key = Object.keys(indexKey('ready_in_order'))
  const task = { _id: 'id', namespace: 'default', queue: 'a', type: 'x', priority: 0, runAt: 1 }
  const ranges = rangesBefore(task)
  assert.equal(ranges.length, 3)
  for (const range of ranges) {
    const fields = Object.entries(range)
    assert.deepEqual(
      fields.map(([name]) => name),
      key.slice(0, fields.length),
    )
    const isRange = fields.map(([, condition]) => typeof condition === 'object')
    assert.deepEqual(isRange, [...fields.slice(1).map(() => false), true])
  }
})
