import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crashed } from './crashed-task.ts'
import { claimOf, PAYLOAD, startEngine, type TestBed } from './test-bed.ts'

/** Takes what is ready, as the only worker, which runs ten tasks at a time. */
async function askWithRoom({ engine }: TestBed): Promise<void> {
  const roomy = { workerId: 'roomy', queues: ['default'], types: ['test'], concurrency: 10 }
  engine.openSession({ ...roomy, onCancel: () => {} })
  await engine.claim({ ...claimOf('roomy', 10, true), types: ['test'], leaseSeconds: 300 })
}

async function reasonsOfAnother({ engine }: TestBed) {
  const { id } = (await engine.submit({ type: 'test', payload: PAYLOAD })).task
  return (await engine.waiting(id)).reasons
}

test('a worker with room that runs a suspect alone is busy, and it is said with which task and how long at most', async (t) => {
  const bed = await startEngine(t)
  const suspectId = await crashed(bed)
  await askWithRoom(bed)
  await bed.clock.advance(12_000)
  const message = `the only worker that takes it is busy with 1 task; worker roomy runs nothing beside task ${suspectId} of type test, during which 2 workers died, for 58 s more at most; run more workers`
  assert.deepEqual(await reasonsOfAnother(bed), [{ code: 'workers_busy', message, workers: 1, leases: 1, suspectId }])
})

test('after that time the worker takes others again', async (t) => {
  const bed = await startEngine(t)
  await crashed(bed)
  await askWithRoom(bed)
  await bed.clock.advance(70_000)
  const codes = (await reasonsOfAnother(bed)).map(({ code }) => code)
  assert.deepEqual(codes, ['about_to_start'])
})

test('of two suspects the second waits until the first no longer holds their worker', async (t) => {
  const bed = await startEngine(t)
  const first = await crashed(bed)
  await askWithRoom(bed)
  const [reason, busy] = (await bed.engine.waiting(await crashed(bed))).reasons
  assert.match(reason?.message ?? '', /to a worker that has no other such task, and starts there when nothing runs/)
  assert.deepEqual([reason?.code, busy?.code, busy?.suspectId], ['runs_alone', 'workers_busy', first])
})

test('no running tasks are looked at while a worker has nothing to do', async (t) => {
  let lists = 0
  const bed = await startEngine(t, {}, (store) => ({
    ...store,
    reads: { ...store.reads, list: (params) => store.reads.list(params).finally(() => lists++) },
  }))
  await crashed(bed)
  await askWithRoom(bed)
  await bed.engine.claim({ ...claimOf('idle'), types: ['test'] })
  await reasonsOfAnother(bed)
  assert.equal(lists, 0)
})
