import assert from 'node:assert/strict'
import { type JsonText, LIMITS, type NewTask, type Task, type TaskError } from '@taskyard/core'
import { FRAGMENTS, JSON_TEXTS, ODD_NAMES, PLAIN_TEXTS } from '../hostile/texts.ts'
import type { Suite } from '../suite.ts'
import { failed, idsOf, leaseRef, only, succeeded, type TestBed, workersOf } from '../test-bed.ts'

/** Items per call: about as many as the engine sends at once. */
const PER_CALL = 500

/**
 * What is plain text or JSON comes back as it was, whatever it spells, and does nothing to what is beside it. Thousands
 * of texts in few calls: whatever divides, quotes or matches inside of a store meets them all together.
 */
export function describeHostileText({ describe, it }: Suite): void {
  describe('hostile text', () => {
    it('in tags comes back, and finds exactly the task that carries it', async (bed) => {
      const tagged = groups(PLAIN_TEXTS, LIMITS.tags)
      const tasks = await submitAll(
        bed,
        tagged.map((tags) => ({ tags })),
      )
      await assertListed(bed, tasks, ({ tags }) => tags)
      for (const [i, tags] of tagged.entries()) {
        const alone = tags.filter((tag) => LOOKED_FOR.has(tag))
        const found = await Promise.all(alone.map((tag) => bed.listAll({ tag })))
        for (const [n, listed] of found.entries())
          assert.deepEqual(idsOf(listed), [tasks[i]?.id], JSON.stringify(alone[n]))
      }
    })

    it('in idempotency keys names one task each', async (bed) => {
      const keys = PLAIN_TEXTS.filter((text) => /^[\x21-\x7e]+$/.test(text))
      const keyed = () => keys.map((key) => ({ idempotency: { key, fingerprint: key } }))
      const tasks = await submitAll(bed, keyed())
      await assertListed(bed, tasks, ({ idempotencyKey }) => idempotencyKey)
      const again = await bed.enqueue(keyed().map((task) => [bed.newTask(task)]))
      const ids = again.map((outcome) => (outcome.kind === 'accepted' ? only(outcome.tasks).id : outcome.kind))
      assert.deepEqual(ids, idsOf(tasks))
      const others = keys.map((key) => [bed.newTask({ idempotency: { key, fingerprint: 'another' } })])
      assert.deepEqual(
        await bed.enqueue(others),
        keys.map((key) => ({ kind: 'idempotency-conflict', key })),
      )
    })

    it('in names of workers and nodes is told, beaten for and ended exactly', async (bed) => {
      const workers = FRAGMENTS.map((text) => ({ workerId: `w${text}`, nodeId: text, session: true }))
      await submitAll(
        bed,
        workers.map(() => ({})),
      )
      const held: string[] = []
      for (const worker of workers) held.push((await bed.claimOne({ worker })).id)
      await bed.store.presence.beat({
        nodeId: FRAGMENTS.join(''),
        workers: workersOf(...workers.map(({ workerId }) => workerId)),
        ttlMs: 60_000,
      })
      const told = (await bed.store.presence.holders({ namespace: null })).map(
        ({ firstEnd, lastEnd, ...holder }) => holder,
      )
      const expected = workers.map((worker) => ({ ...worker, namespace: 'default', alive: true, leases: 1 }))
      assert.deepEqual(sorted(told), sorted(expected))
      const found = await bed.store.reads.find({ namespace: 'default', taskIds: held })
      assert.deepEqual(
        found.map((task) => task?.workerId),
        workers.map(({ workerId }) => workerId),
      )
      const ids = workers.map(({ workerId }) => workerId)
      const [dead, alive] = [ids.filter((_, i) => i % 2 === 0), ids.filter((_, i) => i % 2 === 1)]
      await bed.store.presence.beat({ nodeId: FRAGMENTS.join(''), workers: workersOf(...alive), ttlMs: 60_000 })
      const ended = await bed.store.presence.endLeases({ workers: workersOf(...ids) })
      assert.deepEqual(sorted(ended.map(({ workerId }) => workerId)), sorted(dead))
      assert.equal((await bed.store.presence.holders({ namespace: null })).length, alive.length)
    })

    it('in the texts of errors is kept, with retries to come and without, and leaves every task readable', async (bed) => {
      const errors: readonly TaskError[] = [
        ...groups(PLAIN_TEXTS, 3).map(([code = '', message = '', stack = '']) => ({ code, message, stack })),
        { code: '😀'.repeat(32), message: '😀'.repeat(LIMITS.errorBytes / 8), stack: '€'.repeat(2730) },
        { code: '', message: '', stack: '' },
      ]
      const tasks = await submitAll(
        bed,
        [...errors, ...errors].map(() => ({})),
      )
      const leased = await claimAll(bed, tasks.length)
      const errorOf = (i: number) => errors[i % errors.length] as TaskError
      for (const part of groups(leased)) {
        const settlements = part.map((task) => {
          const i = leased.indexOf(task)
          const retryDelayMs = 60_000
          return { ...leaseRef(task), ...failed({ error: errorOf(i), retryable: i < errors.length, retryDelayMs }) }
        })
        const { results } = await bed.store.tasks.settle({ namespace: 'default', settlements, claim: null })
        assert.deepEqual(
          results.filter(({ status }) => status !== 'ok'),
          [],
        )
      }
      const listed = new Map((await bed.listAll()).map((task) => [task.id, task]))
      for (const [i, { id }] of leased.entries()) assert.deepEqual(listed.get(id)?.error, errorOf(i))
      for (const [i, code] of errors.map(({ code }) => code).entries()) {
        if (i % 16 > 0 || !LOOKED_FOR.has(code)) continue
        const having = leased.filter((_, at) => errorOf(at).code === code).map(({ id }) => id)
        const found = idsOf(await bed.listAll({ errorCode: code }))
        assert.deepEqual([...found].sort(), having.sort(), JSON.stringify(code))
      }
      for (let i = 0; i < leased.length; i += 97) {
        const [event] = (await bed.events(leased[i]?.id ?? '')).slice(-1)
        assert.deepEqual(JSON.parse(event?.data ?? '').error, errorOf(i))
      }
      const { scheduled, failed: ended } = (await bed.counts()).counts
      assert.deepEqual({ scheduled, ended }, { scheduled: errors.length, ended: errors.length })
    })

    it('in log lines is kept, each in its place', async (bed) => {
      const lines = [...PLAIN_TEXTS, '😀'.repeat(LIMITS.logBytes / 4), ''].slice(-LIMITS.recordsPerAttempt)
      const task = await bed.start()
      const entries = lines.map((log) => ({ ...leaseRef(task), progress: null, log }))
      for (const part of groups(entries)) await bed.store.tasks.record({ namespace: 'default', entries: part })
      const kept = (await bed.events(task.id)).filter(({ kind }) => kind === 'log')
      assert.deepEqual(
        kept.map(({ data }) => JSON.parse(data ?? '').line),
        lines,
      )
    })

    it('in JSON comes back to the letter: payloads and results', async (bed) => {
      const texts = [...JSON_TEXTS, ...LONG_JSON]
      const tasks = await submitAll(
        bed,
        texts.map((payload) => ({ payload })),
      )
      await assertListed(bed, tasks, ({ payload }) => payload)
      const leased = await claimAll(bed, tasks.length)
      for (const [i, { payload }] of leased.entries())
        assert.ok(payload === texts[i], `claimed ${texts[i]?.slice(0, 80)}`)
      for (const part of groups(leased)) {
        const settlements = part.map((task) => ({ ...leaseRef(task), ...succeeded(task.payload) }))
        await bed.store.tasks.settle({ namespace: 'default', settlements, claim: null })
      }
      const found = new Map((await bed.listAll()).map((task) => [task.id, task]))
      for (const { id, payload } of leased)
        assert.ok(found.get(id)?.result === payload, `result ${payload.slice(0, 80)}`)
      assert.equal((await bed.counts()).counts.succeeded, texts.length)
    })

    it('in JSON comes back to the letter: progress', async (bed) => {
      const euros = (bytes: number) => `"${'€'.repeat((bytes - 2) / 3)}"` as JsonText
      const texts = [...JSON_TEXTS, euros(LIMITS.progressBytes)].slice(-LIMITS.recordsPerAttempt)
      const task = await bed.start()
      for (const part of groups(texts.map((progress) => ({ ...leaseRef(task), progress, log: null })))) {
        await bed.store.tasks.record({ namespace: 'default', entries: part })
        assert.ok((await bed.find(task.id)).progress === part.at(-1)?.progress)
      }
      const kept = (await bed.events(task.id)).filter(({ kind }) => kind === 'progress')
      assert.deepEqual(
        kept.map(({ data }) => data),
        texts,
      )
    })

    it('that is a name is a name like any other: as queue, type and namespace', async (bed) => {
      for (const field of ['queue', 'type', 'namespace'] as const) {
        const tasks = await submitAll(
          bed,
          ODD_NAMES.map((name) => ({ [field]: name, tags: [field] })),
        )
        for (const [i, name] of ODD_NAMES.entries()) {
          const namespace = field === 'namespace' ? name : 'default'
          const filter = field === 'namespace' ? { namespace } : { [field]: name }
          assert.deepEqual(idsOf(await bed.listAll({ ...filter, tag: field })), [tasks[i]?.id], `${field} ${name}`)
        }
      }
      const claims = ODD_NAMES.flatMap((name) => [
        { queues: [name], types: ['test'] },
        { types: [name] },
        { namespace: name },
      ])
      for (const claim of claims) assert.equal((await bed.claim(claim)).length, 1, JSON.stringify(claim))
      assert.deepEqual(await bed.claim({ queues: ODD_NAMES }), [])
      const counts = await bed.store.reads.counts({ namespace: 'default', queue: null })
      assert.deepEqual(sorted(counts.map(({ queue }) => queue)), sorted([...new Set([...ODD_NAMES, 'default'])]))
    })
  })
}

/** Tags by which tasks are listed, one by one: no need to do so for every place that a piece can be at. */
const LOOKED_FOR: ReadonlySet<string> = new Set(FRAGMENTS)

const LONG_JSON = [
  `"${'x'.repeat(LIMITS.bodyBytes - 2)}"`,
  `"${'😀'.repeat((LIMITS.bodyBytes - 4) / 4)}"`,
  `"${'\\u0000'.repeat(10_000)}"`,
  `{"${'é'.repeat(100_000)}":1}`,
] as JsonText[]

async function submitAll(bed: TestBed, tasks: readonly Partial<NewTask>[]): Promise<readonly NewTask[]> {
  const made = tasks.map((task) => bed.newTask(task))
  for (const part of groups(made)) {
    const outcomes = await bed.enqueue(part.map((task) => [task]))
    assert.deepEqual(
      outcomes.filter(({ kind }) => kind !== 'accepted'),
      [],
    )
  }
  return made
}

/** What was submitted, as it is listed and as it is found. */
async function assertListed(bed: TestBed, tasks: readonly NewTask[], field: (task: Task) => unknown): Promise<void> {
  const whole = new Map((await bed.listAll()).map((task) => [task.id, task]))
  assert.equal(whole.size, tasks.length)
  for (const part of groups(tasks)) {
    const found = await bed.store.reads.find({ namespace: 'default', taskIds: idsOf(part) })
    for (const [i, task] of part.entries()) {
      const sent = field({ ...task, idempotencyKey: task.idempotency?.key ?? null } as unknown as Task)
      assert.deepEqual(field(found[i] as Task), sent)
      assert.deepEqual(field(whole.get(task.id) as Task), sent)
    }
  }
  assert.equal((await bed.counts()).counts.queued, tasks.length)
}

async function claimAll(bed: TestBed, count: number) {
  const leased = []
  while (leased.length < count) leased.push(...(await bed.claim({ limit: PER_CALL, leaseMs: 600_000 })))
  return leased
}

function groups<Item>(items: readonly Item[], size = PER_CALL): readonly (readonly Item[])[] {
  const found: (readonly Item[])[] = []
  for (let from = 0; from < items.length; from += size) found.push(items.slice(from, from + size))
  return found
}

function sorted<Item>(items: readonly Item[]): readonly Item[] {
  const text = (item: Item) => JSON.stringify(item, Object.keys(Object(item)).sort())
  return typeof items[0] === 'string' ? [...items].sort() : [...items].sort((a, b) => (text(a) < text(b) ? -1 : 1))
}
