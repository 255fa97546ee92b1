import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { type TaskHandlers, TaskyardError } from '@taskyard/core'
import { startWorker } from '@taskyard/worker'
import { MemoryApi } from './memory-api.ts'
import { ignoreErrors, openTestBed } from './test-bed.ts'

const run = () => null
const HANDLERS: TaskHandlers = {
  email: { run, maxAttempts: 5, timeoutSeconds: null },
  report: { run, backoff: { kind: 'fixed', baseSeconds: 7 } },
  bare: { run },
  plain: run,
}
const AWAY = new TaskyardError('store_unavailable', { reason: 'test' })

const told = ({ declared }: MemoryApi) => Object.fromEntries(declared)

describe('a worker', () => {
  test('declares what stands beside its functions, before anything else is done', (t) => {
    const { api } = openTestBed(t, HANDLERS)
    assert.deepEqual(told(api), {
      email: { maxAttempts: 5, timeoutSeconds: null },
      report: { backoff: { kind: 'fixed', baseSeconds: 7 } },
    })
  })

  test('runs the functions that have something beside them', async (t) => {
    const { api } = openTestBed(t, { email: { run: (task) => task.payload, maxAttempts: 5 } })
    api.add('email', 'hello')
    assert.equal((await api.settled(1))[0]?.result, 'hello')
  })

  test('declares nothing for functions alone, nor for types that it does not take', (t) => {
    const { api } = openTestBed(t, HANDLERS, { types: ['plain', 'report'] })
    assert.deepEqual(Object.keys(told(api)), ['report'])
    assert.deepEqual(openTestBed(t, { plain: run, bare: { run } }).api.calls, [])
  })

  test('declares until it is heard', async (t) => {
    const api = new MemoryApi()
    api.outage = AWAY
    const worker = startWorker(api, HANDLERS, { ...ignoreErrors, random: () => 0.01 })
    t.after(() => worker.stop({ deadlineSeconds: 0 }))
    for (let tries = 0; tries < 3; tries++) await once(api.events, 'refused declareTypes')
    api.outage = null
    await once(api.events, 'declared')
    assert.equal(told(api)['email']?.maxAttempts, 5)
  })

  test('goes on when its declaration is refused, and says so once', async (t) => {
    const refusal = new TaskyardError('too_many_types', { namespace: 'default', limit: 1000 })
    class Full extends MemoryApi {
      override async declareTypes(): Promise<void> {
        throw refusal
      }
    }
    const [api, troubles] = [new Full(), [] as unknown[]]
    const onError = (error: unknown, during: string) => troubles.push([during, error])
    const worker = startWorker(api, HANDLERS, { onError })
    t.after(() => worker.stop({ deadlineSeconds: 0 }))
    api.add('email')
    await api.settled(1)
    assert.deepEqual(troubles, [['declare types', refusal]])
  })

  test('declares once for its start: what others change or take away stays so, whatever breaks', async (t) => {
    const { api } = openTestBed(t, HANDLERS, { random: () => 0.01 })
    await once(api.events, 'claim')
    api.declared.delete('report')
    api.declared.set('email', { maxAttempts: 2 })
    const refused = once(api.events, 'refused claim')
    api.outage = AWAY
    api.add('other')
    await refused
    api.outage = null
    api.onSessionChange(false)
    api.onSessionChange(true)
    api.add('plain')
    await api.settled(1)
    assert.deepEqual(told(api), { email: { maxAttempts: 2 } })
  })

  test('that stops declares no more', async (t) => {
    const api = new MemoryApi()
    api.outage = AWAY
    const worker = startWorker(api, HANDLERS, { ...ignoreErrors, random: () => 0.01 })
    await once(api.events, 'refused declareTypes')
    await worker.stop({ deadlineSeconds: 0 })
    // Another one tries at the same pace: when it is heard, the first would have been, too.
    const other = startWorker(api, { other: { run, maxAttempts: 1 } }, { ...ignoreErrors, random: () => 0.01 })
    t.after(() => other.stop({ deadlineSeconds: 0 }))
    for (let tries = 0; tries < 3; tries++) await once(api.events, 'refused declareTypes')
    api.outage = null
    await once(api.events, 'declared')
    assert.deepEqual(Object.keys(told(api)), ['other'])
  })
})
