import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StuckQueues, WaitingReason } from '@taskyard/core'
import { checkWaiting } from '../src/cli/doctor/check-waiting.ts'
import type { Examined } from '../src/cli/doctor/examined.ts'

type Stuck = StuckQueues['stuck'][number]

const stuck = (queue: string, type: string, ...reasons: readonly Omit<WaitingReason, 'message'>[]): Stuck => {
  return { queue, type, reasons: reasons.map((reason) => ({ message: 'because', ...reason }) as WaitingReason) }
}
const untaken = (type: string, facts: Partial<WaitingReason> = {}) =>
  stuck('default', type, { code: 'no_worker', knownTypes: ['a', 'b'], knownTypesTotal: 12, meantType: null, ...facts })

async function found(all: readonly Stuck[], total = all.length, complete = true) {
  const server = { isTaskyard: true, queues: [], stuck: { stuck: all, total, complete } }
  const findings = await checkWaiting({ server, namespace: 'default' } as unknown as Examined)
  return findings.map(({ detail, advice }) => [detail, advice].filter((text) => text !== undefined).join(' | '))
}

test('types that nobody takes are one finding, with what was meant and how many are known', async () => {
  assert.deepEqual(await found([untaken('gret', { meantType: 'greet' }), untaken('okk')]), [
    'no known worker takes types gret (did you mean greet?) from queue default; okk from queue default' +
      ' | Start workers that handle them, or correct the types and cancel these. Known workers take a, b and 10 more.',
  ])
  assert.deepEqual(await found([untaken('okk', { knownTypes: [], knownTypesTotal: 0 })]), [
    'no known worker takes type okk from queue default' +
      ' | Start a worker that handles it, or correct the type and cancel these. No worker is known.',
  ])
})

test('no list is cut in silence', async () => {
  const many = Array.from({ length: 100 }, (_, n) => untaken(`type-${n}`))
  const [first, second] = await found(many, 153)
  assert.match(first ?? '', /type-9 from queue default and 90 more \|/)
  assert.match(second ?? '', /^and 53 more queues and types of namespace default \|/)
  const paused = await found(Array.from({ length: 13 }, (_, n) => stuck(`q${n}`, 'x', { code: 'queue_paused' })))
  assert.equal(paused.length, 11)
  assert.match(paused[10] ?? '', /^and 3 more queues with ready tasks are paused \| See them: taskyard queues$/)
})

test('types that are taken from other queues are one finding', async () => {
  const elsewhere = (queue: string) =>
    stuck(queue, 'x', { code: 'other_queues', queue, type: 'x', takenFrom: ['a'], takenFromTotal: 3 })
  assert.deepEqual(await found([elsewhere('b'), elsewhere('c')]), [
    'no known worker takes types x from queue b, but from a and 2 more; x from queue c, but from a and 2 more' +
      ' | Start one for these queues, too: taskyard work FILE --queues b,c',
  ])
})

test('a paused queue that nobody takes from either is told with both', async () => {
  const both = stuck('q', 'x', { code: 'queue_paused' }, { code: 'no_worker', knownTypes: [], knownTypesTotal: 0 })
  const findings = await found([both])
  assert.equal(findings.length, 2)
  assert.match(findings[0] ?? '', /^queue q is paused with 0 ready tasks \|/)
  assert.match(findings[1] ?? '', /^no known worker takes type x from queue q \|/)
})

test('reasons of a later version are counted', async () => {
  assert.deepEqual(await found([stuck('q', 'x', { code: 'rate_limited' })]), [
    'and 1 more queues and types of namespace default | The first 100, with their reasons: GET /api/v1/waiting',
  ])
})
