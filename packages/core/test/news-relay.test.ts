import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createSimulatedClock } from '@taskyard/conformance'
import {
  type CancelRequested,
  createNewsRelay,
  type NewsInterest,
  type NewsItem,
  type NewsMessage,
  type NewsRelay,
  type TaskChanged,
} from '../src/index.ts'

const LANE = { namespace: 'default', queue: 'mail', type: 'email' }
const idOf = (n: number) => `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`

function changed(n: number, overrides: Partial<TaskChanged> = {}): TaskChanged {
  return { kind: 'changed', taskId: idOf(n), ...LANE, status: 'running', tags: [], ...overrides }
}

interface Process {
  readonly relay: NewsRelay
  /** What it has sent, but of its interests. */
  readonly sent: NewsItem[]
  readonly cancels: CancelRequested[]
  listen(interest: NewsInterest): (NewsMessage | { readonly kind: 'missed' })[]
}

/** Processes that hear each other at once, until one is cut off. */
function processes(count: number) {
  const clock = createSimulatedClock()
  const cut = new Set<number>()
  const all: Process[] = Array.from({ length: count }, (_, index) => {
    const sent: NewsItem[] = []
    const cancels: CancelRequested[] = []
    const toOthers = (items: readonly unknown[]) => {
      if (cut.has(index)) return
      const others = all.filter((_, other) => other !== index && !cut.has(other))
      for (const { relay } of others) relay.hear(`process-${index}`, structuredClone(items))
    }
    const relay = createNewsRelay({
      clock,
      pauseMs: () => 20,
      mostTasks: 100,
      send(items) {
        sent.push(...items.filter(({ kind }) => kind !== 'listening'))
        toOthers(items)
      },
      sendCancels(requests) {
        cancels.push(...requests)
        toOthers(requests)
      },
    })
    return {
      relay,
      sent,
      cancels,
      listen(interest) {
        const heard: (NewsMessage | { readonly kind: 'missed' })[] = []
        relay.subscribe(interest, (message) => heard.push(message))
        return heard
      },
    }
  })
  for (const { relay } of all) relay.connected()
  return { clock, cut, all: all as [Process, Process, ...Process[]] }
}

describe('news between processes', () => {
  it('is not sent, nor asked for, where nobody listens', async () => {
    const { clock, all } = processes(3)
    const [one] = all
    assert.equal(one.relay.isHeard('running'), false)
    for (let n = 0; n < 10; n++) one.relay.publish(changed(n))
    await clock.advance(60_000)
    assert.deepEqual(one.sent, [])
  })

  it('is sent to those who listen, as they said, and to listeners of the process at once', async () => {
    const { clock, all } = processes(2)
    const [one, other] = all
    const heard = other.listen({ of: 'tasks', queue: 'mail', statuses: ['failed'] })
    await clock.advance(20)
    assert.deepEqual([one.relay.isHeard('failed'), one.relay.isHeard('running')], [true, false])
    const wanted = changed(1, { status: 'failed' })
    for (const message of [changed(2), changed(3, { queue: 'other', status: 'failed' }), wanted]) {
      one.relay.publish(message)
      other.relay.publish(message)
    }
    await clock.advance(20)
    assert.deepEqual(heard, [wanted, wanted])
    assert.deepEqual(one.sent, [wanted])
  })

  const FILTERS: Readonly<Record<string, [NewsInterest, NewsMessage, NewsMessage]>> = {
    task: [{ of: 'task', namespace: 'default', taskId: idOf(1) }, changed(1), changed(2)],
    'records of a task': [
      { of: 'task', namespace: 'default', taskId: idOf(1) },
      { kind: 'recorded', namespace: 'default', taskId: idOf(1) },
      { kind: 'recorded', namespace: 'default', taskId: idOf(2) },
    ],
    namespace: [{ of: 'tasks', namespace: 'default' }, changed(1), changed(2, { namespace: 'foreign' })],
    queue: [{ of: 'tasks', queue: 'mail' }, changed(1), changed(2, { queue: 'other' })],
    type: [{ of: 'tasks', type: 'email' }, changed(1), changed(2, { type: 'other' })],
    tag: [{ of: 'tasks', tag: 'red' }, changed(1, { tags: ['blue', 'red'] }), changed(2, { tags: ['blue'] })],
    'tag that is not known': [{ of: 'tasks', tag: 'red' }, changed(1, { tags: null }), changed(2)],
    status: [{ of: 'tasks', statuses: ['running'] }, changed(1), changed(2, { status: 'queued' })],
    'everything of tasks': [
      { of: 'tasks' },
      changed(1, { namespace: 'any', tags: null }),
      { kind: 'cancel-requested', namespace: 'default', taskId: idOf(2), workerId: 'worker' },
    ],
    'cancel requests': [
      { of: 'cancel-requests' },
      { kind: 'cancel-requested', namespace: 'default', taskId: idOf(2), workerId: 'worker' },
      changed(1),
    ],
  }
  for (const [what, [interest, wanted, unwanted]] of Object.entries(FILTERS)) {
    it(`is heard by interest: ${what}`, async () => {
      const { clock, all } = processes(2)
      const [one, other] = all
      const heard = [one.listen(interest), other.listen(interest)]
      await clock.advance(20)
      one.relay.publish(unwanted)
      one.relay.publish(wanted)
      await clock.advance(20)
      assert.deepEqual(heard, [[wanted], [wanted]])
    })
  }

  it('of one task is its newest, and records do not hide a change', async () => {
    const { clock, all } = processes(2)
    const [one, other] = all
    const heard = other.listen({ of: 'tasks' })
    await clock.advance(20)
    one.relay.publish(changed(0))
    const [queued, running] = [changed(1, { status: 'queued' }), changed(1)]
    for (const message of [queued, running, { kind: 'recorded', namespace: 'default', taskId: idOf(1) } as const])
      one.relay.publish(message)
    await clock.advance(20)
    assert.deepEqual(heard, [changed(0), running])
  })

  it('that is too much is bounded, and said to be missed', async () => {
    const { clock, all } = processes(2)
    const [one, other] = all
    const heard = other.listen({ of: 'tasks' })
    await clock.advance(20)
    for (let n = 0; n < 1000; n++) one.relay.publish(changed(n))
    await clock.advance(20)
    assert.ok(heard.length < 110, `${heard.length} messages`)
    assert.equal(heard.at(-1)?.kind, 'missed')
  })

  it('keeps no request to cancel back, however much there is', async () => {
    const { clock, all } = processes(2)
    const [one, other] = all
    other.listen({ of: 'tasks' })
    const heard = other.listen({ of: 'cancel-requests' })
    await clock.advance(20)
    for (let n = 0; n < 1000; n++) {
      one.relay.publish(changed(n))
      one.relay.publish({ kind: 'cancel-requested', namespace: 'default', taskId: idOf(n), workerId: 'worker' })
    }
    await clock.advance(20)
    assert.equal(heard.length, 1000)
    assert.equal(one.cancels.length, 1000)
  })

  it('goes on to whoever still listens, and stops when nobody does, or has gone without a word', async () => {
    const { clock, cut, all } = processes(3)
    const [one, other, third] = all as unknown as [Process, Process, Process]
    const stop = other.relay.subscribe({ of: 'tasks' }, () => {})
    third.listen({ of: 'tasks', statuses: ['failed'] })
    await clock.advance(60_000)
    assert.deepEqual([one.relay.isHeard('running'), one.relay.isHeard('failed')], [true, true])
    stop()
    await clock.advance(20_000)
    assert.deepEqual([one.relay.isHeard('running'), one.relay.isHeard('failed')], [false, true])
    cut.add(2)
    await clock.advance(60_000)
    one.relay.publish(changed(1, { status: 'failed' }))
    await clock.advance(20)
    one.relay.publish(changed(2, { status: 'failed' }))
    assert.equal(one.relay.isHeard('failed'), false)
  })

  it('reaches a process that starts, and one that was cut off, which hears that it missed some', async () => {
    const { clock, cut, all } = processes(2)
    const [one, other] = all
    cut.add(1)
    const heard = other.listen({ of: 'tasks' })
    await clock.advance(20)
    one.relay.publish(changed(1))
    await clock.advance(20)
    assert.deepEqual(heard, [])
    cut.delete(1)
    other.relay.connected()
    await clock.advance(20)
    one.relay.publish(changed(2))
    await clock.advance(20)
    assert.deepEqual(heard, [{ kind: 'missed' }, changed(2)])
    one.relay.connected()
    await clock.advance(20)
    assert.equal(one.relay.isHeard('running'), true)
  })

  it('is not asked for by a process whose connection does not stand yet, which would not hear it', () => {
    const sent: NewsItem[] = []
    const clock = createSimulatedClock()
    const send = (items: readonly NewsItem[]) => sent.push(...items)
    const relay = createNewsRelay({ clock, pauseMs: () => 20, mostTasks: 10, send, sendCancels: () => {} })
    relay.subscribe({ of: 'tasks' }, () => {})
    assert.deepEqual(sent, [])
    relay.connected()
    assert.deepEqual(sent, [{ kind: 'listening', interests: [{ of: 'tasks' }], asks: true }])
    relay.close()
  })

  it('is asked for in few words, whatever many listen for', async () => {
    const { clock, all } = processes(2)
    const [one, other] = all
    const heard = Array.from({ length: 500 }, (_, n) =>
      other.listen({ of: 'task', namespace: 'default', taskId: idOf(n) }),
    )
    await clock.advance(20)
    for (const n of [0, 499]) one.relay.publish(changed(n))
    await clock.advance(20)
    assert.deepEqual([heard[0], heard[1], heard[499]], [[changed(0)], [], [changed(499)]])
  })

  it('takes no harm from what is none of it', async () => {
    const { all } = processes(1)
    const [one] = all
    const heard = one.listen({ of: 'tasks' })
    const foreign = [
      null,
      7,
      'x',
      {},
      [],
      { kind: 'listening' },
      { kind: 'listening', interests: [null, {}, { of: 'x' }] },
    ]
    one.relay.hear('stranger', [...foreign, { ...changed(1), status: 'lost' }, { ...changed(1), kind: 'future' }])
    assert.deepEqual(heard, [])
    assert.equal(one.relay.isHeard('running'), true)
  })

  it('is silent once it is closed', async () => {
    const { clock, all } = processes(2)
    const [one, other] = all
    const heard = other.listen({ of: 'tasks' })
    await clock.advance(20)
    one.relay.close()
    one.relay.publish(changed(1))
    await clock.advance(60_000)
    assert.deepEqual(heard, [])
  })
})
