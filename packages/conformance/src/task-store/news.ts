import assert from 'node:assert/strict'
import type { NewsInterest, NewsMessage, NewsMissed, NewsPort, TaskChanged } from '@taskyard/core'
import { eventually, inRealTime } from '../real-time.ts'
import type { Suite } from '../suite.ts'
import type { TestBed } from '../test-bed.ts'
import { BACK_WITHIN_MS } from '../through-outages.ts'

type Heard = NewsMessage | NewsMissed

/** Far more than any store sends at a time. */
const FLOOD = 20_000

/** News between processes, in real time. Only for stores that are shared. */
export function describeNews({ describe, itIn, capabilities }: Suite): void {
  if (!capabilities.shared) return
  const it = (behaviour: string, test: (bed: TestBed) => Promise<void>) => itIn(inRealTime, behaviour, test)

  describe('news between processes', () => {
    it('is not asked for where nobody listens', async (bed) => {
      await bed.openAnother()
      assert.equal(bed.news.isHeard('succeeded'), false)
    })

    it('is asked for where somebody listens elsewhere, as far as that is of interest', async (bed) => {
      const { news } = await bed.openAnother()
      listenTo(news, { of: 'tasks', statuses: ['succeeded'] })
      await eventually('it is known that somebody listens', BACK_WITHIN_MS, () => bed.news.isHeard('succeeded'))
      assert.deepEqual([bed.news.isHeard('queued'), news.isHeard('succeeded')], [false, true])
    })

    it('is asked for by a process that was there before', async (bed) => {
      listenTo(bed.news, { of: 'tasks' })
      const { news } = await bed.openAnother()
      await eventually('it is known that somebody listens', BACK_WITHIN_MS, () => news.isHeard('running'))
    })

    it('reaches listeners of its own process and of others, at its own once, and as it was told', async (bed) => {
      const { news } = await bed.openAnother()
      const [mine, theirs] = [listenTo(bed.news, { of: 'tasks' }), listenTo(news, { of: 'tasks' })]
      const sent: TaskChanged[] = []
      await eventually('both hear', BACK_WITHIN_MS, () => {
        const message = changed(bed, { tags: sent.length % 2 ? null : ['red', 'blau ü'], status: 'failed' })
        sent.push(message)
        bed.news.publish(message)
        return theirs.length > 1
      })
      assert.deepEqual(mine.slice(0, sent.length), sent)
      for (const message of theirs) assert.ok(sent.some((each) => isSame(each, message)))
    })

    for (const [what, { interest, wanted, unwanted }] of Object.entries(FILTERS)) {
      it(`is heard by ${what}, and nothing else is`, async (bed) => {
        const { news } = await bed.openAnother()
        const heard = [listenTo(bed.news, interest), listenTo(news, interest)]
        await eventually('both hear what they want', BACK_WITHIN_MS, () => {
          bed.news.publish(changed(bed, unwanted))
          bed.news.publish(changed(bed, wanted))
          return heard.every(({ length }) => length > 2)
        })
        const matches = (message: Heard) => isSame({ ...message, ...wanted, tags: wanted.tags ?? [] }, message)
        assert.ok(heard.flat().every(matches), JSON.stringify(heard))
      })
    }

    it('is heard of one task, its changes and its records, and of no other', async (bed) => {
      const { news } = await bed.openAnother()
      const [taskId, other] = [bed.newTask().id, bed.newTask().id]
      const heard = [bed.news, news].map((each) => listenTo(each, { of: 'task', namespace: 'default', taskId }))
      await eventually('both hear of the task', BACK_WITHIN_MS, () => {
        for (const id of [other, taskId]) bed.news.publish(changed(bed, { taskId: id }))
        return heard.every((messages) => messages.length > 1)
      })
      await eventually('both hear of its records', BACK_WITHIN_MS, () => {
        for (const id of [other, taskId]) bed.news.publish({ kind: 'recorded', namespace: 'default', taskId: id })
        return heard.every((messages) => messages.some(({ kind }) => kind === 'recorded'))
      })
      assert.ok(heard.flat().every((message) => 'taskId' in message && message.taskId === taskId))
    })

    it('that is more than can be told is said to be missed', async (bed) => {
      const { news } = await bed.openAnother()
      const heard = listenTo(news, { of: 'tasks' })
      await eventually('it is known that somebody listens', BACK_WITHIN_MS, () => bed.news.isHeard('running'))
      for (let n = 0; n < FLOOD; n++) bed.news.publish(changed(bed))
      await eventually('the other is told', BACK_WITHIN_MS, () => heard.some(({ kind }) => kind === 'missed'))
      assert.ok(heard.length < FLOOD / 2, `${heard.length} messages`)
    })

    it('holds back no request to cancel, however much there is', async (bed) => {
      const { news } = await bed.openAnother()
      listenTo(news, { of: 'tasks' })
      const heard = listenTo(news, { of: 'cancel-requests' })
      const ids = Array.from({ length: 300 }, () => bed.newTask().id)
      await eventually('it is known that somebody listens', BACK_WITHIN_MS, () => bed.news.isHeard('running'))
      for (const taskId of ids) {
        for (let change = 0; change < 20; change++) bed.news.publish(changed(bed))
        bed.news.publish({ kind: 'cancel-requested', namespace: 'default', taskId, workerId: 'worker-1' })
      }
      const requested = () => new Set(heard.map((message) => 'taskId' in message && message.taskId))
      await eventually('all requests are heard', BACK_WITHIN_MS, () => ids.every((id) => requested().has(id)))
      assert.ok(heard.every(({ kind }) => kind === 'cancel-requested'))
    })

    it('reaches nobody who has stopped listening, and the others still', async (bed) => {
      const heard: Heard[] = []
      const stop = bed.news.subscribe({ of: 'tasks' }, (message) => heard.push(message))
      const others = listenTo(bed.news, { of: 'tasks' })
      stop()
      stop()
      bed.news.publish(changed(bed))
      assert.deepEqual([heard.length, others.length], [0, 1])
    })
  })
}

interface Filter {
  readonly interest: NewsInterest
  readonly wanted: Partial<TaskChanged>
  readonly unwanted: Partial<TaskChanged>
}

const FILTERS: Readonly<Record<string, Filter>> = {
  namespace: {
    interest: { of: 'tasks', namespace: 'own' },
    wanted: { namespace: 'own' },
    unwanted: { namespace: 'foreign' },
  },
  queue: { interest: { of: 'tasks', queue: 'mail' }, wanted: { queue: 'mail' }, unwanted: { queue: 'other' } },
  type: { interest: { of: 'tasks', type: 'email' }, wanted: { type: 'email' }, unwanted: { type: 'other' } },
  tag: { interest: { of: 'tasks', tag: 'red' }, wanted: { tags: ['blue', 'red'] }, unwanted: { tags: ['blue'] } },
  status: { interest: { of: 'tasks', statuses: ['failed'] }, wanted: { status: 'failed' }, unwanted: {} },
  'all of these': {
    interest: {
      of: 'tasks',
      namespace: 'own',
      queue: 'mail',
      type: 'email',
      tag: 'red',
      statuses: ['queued', 'failed'],
    },
    wanted: { namespace: 'own', queue: 'mail', type: 'email', tags: ['red'], status: 'failed' },
    unwanted: { namespace: 'own', queue: 'mail', type: 'email', tags: ['red'] },
  },
}

/** News of a task that nobody has told of yet. */
export function changed(bed: Pick<TestBed, 'newTask'>, overrides: Partial<TaskChanged> = {}): TaskChanged {
  const { id, namespace, queue, type, tags } = bed.newTask()
  return { kind: 'changed', taskId: id, namespace, queue, type, tags, status: 'running', ...overrides }
}

/** What is heard from now on. */
export function listenTo(news: NewsPort, interest: NewsInterest): readonly Heard[] {
  const heard: Heard[] = []
  news.subscribe(interest, (message) => heard.push(message))
  return heard
}

function isSame(one: unknown, other: unknown): boolean {
  try {
    assert.deepEqual(one, other)
    return true
  } catch {
    return false
  }
}
