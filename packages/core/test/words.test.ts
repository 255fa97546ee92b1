import assert from 'node:assert/strict'
import { it } from 'node:test'
import { counted, spokenDuration } from '../src/index.ts'

for (const [milliseconds, spoken] of [
  [-5, '0 ms'],
  [850.4, '850 ms'],
  [999.7, '1 s'],
  [1000, '1 s'],
  [1499, '1 s'],
  [59_600, '1 m'],
  [200_000, '3 m 20 s'],
  [3_599_400, '59 m 59 s'],
  [3_599_999, '1 h'],
  [86_399_999, '1 d'],
  [187_200_000, '2 d 4 h'],
] as const)
  it(`${milliseconds} ms are ${spoken}`, () => assert.equal(spokenDuration(milliseconds), spoken))

it('what is counted is one, or several', () => {
  assert.deepEqual(
    [counted(0, 'task'), counted(1, 'task'), counted(1234, 'task')],
    ['0 tasks', '1 task', '1,234 tasks'],
  )
})
