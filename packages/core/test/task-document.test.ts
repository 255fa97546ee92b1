import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type JsonText,
  type LeasedTask,
  leasedTaskDocumentText,
  TASK_STATUSES,
  type Task,
  taskDocumentText,
  toJsonText,
  toLeasedTaskDocument,
  toTaskDocument,
} from '@taskyard/core'
import fc from 'fast-check'
import { backoffs } from './arbitraries.ts'

describe('task document', () => {
  it('is the same as text and as a value', () => {
    fc.assert(
      fc.property(tasks, (task) => {
        assert.deepEqual(JSON.parse(taskDocumentText(task)), JSON.parse(JSON.stringify(toTaskDocument(task))))
      }),
    )
  })

  it('is the same as text and as a value when it carries a lease', () => {
    fc.assert(
      fc.property(tasks, fc.nat(), fc.nat(), (task, token, expiresAt) => {
        const leased: LeasedTask = { ...task, lease: { token, expiresAt } }
        const document = toLeasedTaskDocument(leased)
        assert.deepEqual(JSON.parse(leasedTaskDocumentText(leased)), JSON.parse(JSON.stringify(document)))
      }),
    )
  })

  it('has its keys in the same order both ways', () => {
    fc.assert(
      fc.property(tasks, (task) => {
        assert.deepEqual(Object.keys(JSON.parse(taskDocumentText(task))), Object.keys(toTaskDocument(task)))
      }),
    )
  })

  it('keeps payload, result and progress as text exactly, which a parsed value cannot', () => {
    const exact = '{"n":12345678901234567890, "__proto__":{"a":1},"b":1,"b":2,"z":"\\u0000\\ud800"}' as JsonText
    const [task] = fc.sample(tasks, 1)
    const text = taskDocumentText({ ...(task as Task), payload: exact, result: exact, progress: exact })
    assert.equal(text.split(exact).length - 1, 3)
  })

  it('hides what is the server’s own business', () => {
    const [task] = fc.sample(tasks, 1)
    const document = toTaskDocument(task as Task)
    assert.ok(!('backoff' in document) && !('cancelRequestedAt' in document))
  })
})

const names = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,20}$/)
const times = fc.integer({ min: 0, max: 8_000_000_000_000 })
const texts = fc.json().map((text) => text as JsonText)
const words = fc.string({ unit: 'binary', maxLength: 20 })

const tasks: fc.Arbitrary<Task> = fc.record({
  id: fc.uuid(),
  namespace: names,
  queue: names,
  type: names,
  status: fc.constantFrom(...TASK_STATUSES),
  priority: fc.integer({ min: -1000, max: 1000 }),
  payload: fc.oneof(texts, fc.anything().filter(isJson).map(toJsonText)),
  result: fc.option(texts),
  error: fc.option(
    fc.oneof(fc.record({ code: words, message: words }), fc.record({ code: words, message: words, stack: words })),
  ),
  attempt: fc.nat(1000),
  maxAttempts: fc.nat(1000),
  crashes: fc.nat(3),
  progress: fc.option(texts),
  tags: fc.array(words, { maxLength: 5 }),
  backoff: backoffs,
  timeoutSeconds: fc.option(fc.double({ min: 0, max: 604_800, noNaN: true })),
  idempotencyKey: fc.option(words),
  workerId: fc.option(words),
  runAt: times,
  createdAt: times,
  startedAt: fc.option(times),
  finishedAt: fc.option(times),
  cancelRequestedAt: fc.option(times),
})

function isJson(value: unknown): boolean {
  try {
    return JSON.stringify(value) !== undefined
  } catch {
    return false
  }
}
