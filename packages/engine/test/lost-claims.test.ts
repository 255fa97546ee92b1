import assert from 'node:assert/strict'
import { test } from 'node:test'
import { givenFirst, TaskyardError } from '@taskyard/core'
import { around, gate, named } from './held-claims.ts'
import { claimOf, PAYLOAD, startEngine } from './test-bed.ts'

const TASK = { type: 'test', payload: PAYLOAD }

test('a task whose claim lost its answer reaches the long poll that it was claimed for', async (t) => {
  let losses = 0
  const losing = around(async (params, store) => {
    const tasks = await store.tasks.claim(params)
    if (tasks.length > 0 && losses++ === 0) throw new TaskyardError('store_unavailable', { reason: 'lost' })
    return tasks
  })
  const { engine, clock } = await startEngine(t, {}, losing)
  const waiting = engine.claim(claimOf('worker-1'), 30)
  const { task } = await engine.submit(TASK)
  await clock.advance(1000)
  const [claimed] = await waiting
  assert.deepEqual([claimed?.id, claimed?.attempt], [task.id, 1])
})

test('a long poll that may have been given tasks does not end as if there were none', async (t) => {
  const losing = around(async (params, store) => {
    const tasks = await store.tasks.claim(params)
    if (tasks.length > 0) throw new TaskyardError('store_unavailable', { reason: 'lost' })
    return tasks
  })
  const { engine, clock } = await startEngine(t, {}, losing)
  const ended = assert.rejects(engine.claim(named('r1'), 5), { code: 'store_unavailable' })
  await engine.submit(TASK)
  await clock.advance(5000)
  await ended
})

/** Loses the first answer that gives tasks, and holds the next one up until the gate is opened. */
function losingFirst(opened: Promise<void>) {
  let answers = 0
  return around(async (params, store) => {
    const tasks = await store.tasks.claim(params)
    if (tasks.length === 0) return tasks
    answers += 1
    if (answers === 1) throw new TaskyardError('store_unavailable', { reason: 'lost' })
    await opened
    return tasks
  })
}

test('tasks of a long poll that nobody can repeat go back, also when an answer before was lost', async (t) => {
  const { opened, open } = gate()
  const { engine, clock } = await startEngine(t, {}, losingFirst(opened))
  const gone = new AbortController()
  const waiting = engine.claim(claimOf('worker-1'), 30, gone.signal)
  const ended = assert.rejects(waiting, { code: 'store_unavailable' })
  const { task } = await engine.submit(TASK)
  await clock.advance(1000)
  gone.abort()
  await ended
  open()
  await clock.advance(0)
  const { status, attempt } = await engine.get(task.id)
  assert.deepEqual({ status, attempt }, { status: 'queued', attempt: 0 })
})

test('whoever answers a long poll that nobody can repeat may give all of it back', async (t) => {
  const { engine, clock } = await startEngine(t, {}, losingFirst(Promise.resolve()))
  const waiting = engine.claim(claimOf('worker-1'), 30)
  const { task } = await engine.submit(TASK)
  await clock.advance(1000)
  await engine.giveBack(givenFirst(await waiting))
  assert.equal((await engine.get(task.id)).status, 'queued')
})

test('what a long poll with a name was given before does not go back: its first answer may have been heard', async (t) => {
  const { opened, open } = gate()
  const { engine, clock } = await startEngine(t, {}, losingFirst(opened))
  const gone = new AbortController()
  const ended = assert.rejects(engine.claim(named('r1'), 30, gone.signal), { code: 'store_unavailable' })
  const { task } = await engine.submit(TASK)
  await clock.advance(1000)
  gone.abort()
  await ended
  open()
  await clock.advance(0)
  assert.equal((await engine.get(task.id)).status, 'running')
})
