import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createSimulatedClock, SIMULATED_START } from '@taskyard/conformance'
import type { TaskWaiting, WaitingReason } from '@taskyard/core'
import { troubleReport } from '../src/report-trouble.ts'
import { StuckTasks } from '../src/stuck-tasks.ts'

const misspelt: WaitingReason = {
  code: 'no_worker',
  message: 'did you mean greet?',
  type: 'gret',
  knownTypes: ['greet'],
}
const paused: WaitingReason = { code: 'queue_paused', message: 'queue mail is paused', queue: 'mail' }
const soon: WaitingReason = { code: 'about_to_start', message: 'nothing is in its way', workers: 1, seenAgoSeconds: 0 }

/** Each of the looks is answered by the next of these, and by the last from then on. */
function waitingFor(t: TestContext, ...answers: readonly (WaitingReason | Error)[]) {
  const clock = createSimulatedClock()
  const told: string[] = []
  const looks: number[] = []
  const stuckTasks = new StuckTasks((error, during) => told.push(`${during}: ${(error as Error).message}`))
  async function waiting(taskId: string): Promise<TaskWaiting> {
    const answer = answers[Math.min(looks.push(clock.now()) - 1, answers.length - 1)] as WaitingReason | Error
    if (answer instanceof Error) throw answer
    return { taskId, status: 'queued', reasons: [answer] }
  }
  const end = stuckTasks.watch({ id: 'x' }, { clock, waiting })
  t.after(end)
  return { clock, told, looks, end }
}

async function pass(clock: ReturnType<typeof createSimulatedClock>, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) await clock.advance(1000)
}

test('who waits for a task that nothing starts is told once why, after 5 s', async (t) => {
  const { clock, told } = waitingFor(t, misspelt)
  await pass(clock, 4)
  assert.deepEqual(told, [])
  await pass(clock, 120)
  assert.deepEqual(told, ['waiting for a task: did you mean greet?'])
})

test('another reason is told, too, and nothing of what passes by itself', async (t) => {
  const { clock, told } = waitingFor(t, soon, misspelt, paused, soon)
  await pass(clock, 300)
  assert.deepEqual(told, ['waiting for a task: did you mean greet?', 'waiting for a task: queue mail is paused'])
})

test('a look that fails spoils nothing', async (t) => {
  const { clock, told } = waitingFor(t, new Error('away'), misspelt)
  await pass(clock, 60)
  assert.equal(told.length, 1)
})

test('looks become rare, and end with the wait', async (t) => {
  const { clock, looks, end } = waitingFor(t, soon)
  await pass(clock, 155)
  assert.equal(looks.length, 5)
  end()
  await pass(clock, 600)
  assert.equal(looks.length, 5)
})

/** So many wait from now on, and then one more that is stuck. A look takes 20 ms. */
function crowd(t: TestContext, { others, type }: { others: number; type: string }) {
  const clock = createSimulatedClock()
  const told: number[] = []
  const looks = { underWay: 0, most: 0, of: new Map<string, number>() }
  const stuckTasks = new StuckTasks(() => told.push((clock.now() - SIMULATED_START) / 1000))
  async function waiting(taskId: string): Promise<TaskWaiting> {
    looks.most = Math.max(looks.most, ++looks.underWay)
    looks.of.set(taskId, (looks.of.get(taskId) ?? 0) + 1)
    await new Promise<void>((resolve) => clock.after(20, resolve))
    looks.underWay--
    return { taskId, status: 'queued', reasons: [taskId === 'stuck' ? misspelt : soon] }
  }
  const ends = Array.from({ length: others }, (_, i) => stuckTasks.watch({ id: `${i}`, type }, { clock, waiting }))
  ends.push(stuckTasks.watch({ id: 'stuck', type: 'gret' }, { clock, waiting }))
  t.after(() => ends.map((end) => end()))
  return { clock, told, looks, ends }
}

test('of many waits that began together each gets its look, one at a time', async (t) => {
  const { clock, told, looks } = crowd(t, { others: 199, type: 'gret' })
  await pass(clock, 9)
  assert.deepEqual(told, [9])
  assert.equal(looks.most, 1)
  assert.equal(looks.of.size, 200)
})

test('a crowd of one type keeps nobody of another type from a look', async (t) => {
  const { clock, told } = crowd(t, { others: 1000, type: 'mail' })
  await pass(clock, 6)
  assert.ok(told[0] !== undefined && told[0] <= 5.1, `told after ${told[0]} s`)
})

test('who no longer waits takes no turn', async (t) => {
  const { clock, told, looks, ends } = crowd(t, { others: 500, type: 'gret' })
  await pass(clock, 5)
  for (const end of ends.slice(0, 500)) end()
  await pass(clock, 1)
  assert.equal(told.length, 1)
  assert.ok(looks.of.size < 5, `${looks.of.size} have looked`)
})

test('an onError that throws ends no program', (t) => {
  const warned = t.mock.method(console, 'warn', () => {})
  const report = troubleReport(() => {
    throw new Error('no such logger')
  }, createSimulatedClock())
  report(new Error('did you mean greet?'), 'waiting for a task')
  assert.deepEqual(warned.mock.calls[0]?.arguments, [
    'taskyard: onError, told of trouble during waiting for a task: no such logger',
  ])
})
