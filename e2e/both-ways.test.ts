import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Client, Taskyard, type TaskyardApi, TaskyardError } from '@taskyard/taskyard'
import { startServerProcess, temporaryFolder } from './support/taskyard-process.ts'

// The library in the process and the client over HTTP are one interface: they refuse and mean the same.

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let server: Awaited<ReturnType<typeof startServerProcess>>
let embedded: Taskyard
let client: Client

before(async () => {
  folder = await temporaryFolder()
  server = await startServerProcess({ store: join(folder.path, 'server.db') })
  client = new Client({ url: server.url })
  embedded = await Taskyard.open({ store: `sqlite:${join(folder.path, 'embedded.db')}` })
})
after(async () => {
  await embedded.close()
  await client.close()
  await server.stop()
  await folder.remove()
})

/** Callers in JavaScript give what the types forbid. */
const TIMES: readonly (readonly [unknown, string])[] = [
  ['2030-10-27T02:30:00+02:00', 'taken'],
  ['2030-10-27T00:30:00.5Z', 'taken'],
  [new Date('2030-10-27T00:30:00Z'), 'taken'],
  ['2030-10-27T02:30:00', 'invalid_request'],
  ['2030-10-27', 'invalid_request'],
  ['01/02/2030', 'invalid_request'],
  ['10', 'invalid_request'],
  ['', 'invalid_request'],
  [1_901_440_000_000, 'invalid_request'],
  [null, 'invalid_request'],
  [new Date(Number.NaN), 'invalid_request'],
  [new Date(Date.UTC(12_000, 0)), 'invalid_request'],
  [{}, 'invalid_request'],
]

const USES: Readonly<Record<string, (api: TaskyardApi, time: never) => Promise<unknown>>> = {
  'runAt of submit': async (api, runAt) => (await api.submit('later', 1, { runAt })).runAt,
  'runAt of submitMany': async (api, runAt) => {
    const [task] = await api.submitMany([{ type: 'later', payload: 1, runAt }])
    return (await api.get(String(task?.id))).runAt
  },
  'createdAfter of list': async (api, createdAfter) => (await api.list({ type: 'none', createdAfter })).items,
  'createdBefore of list': async (api, createdBefore) => (await api.list({ type: 'none', createdBefore })).items,
  'createdBefore of cancelMatching': (api, createdBefore) => api.cancelMatching({ type: 'none', createdBefore }),
}

for (const [use, call] of Object.entries(USES)) {
  describe(use, () => {
    for (const [time, expected] of TIMES) {
      it(`${shown(time)} is ${expected} in the process and over HTTP`, async () => {
        const inProcess = await outcomeOf(call(embedded, time as never))
        assert.deepEqual(inProcess, await outcomeOf(call(client, time as never)))
        assert.equal(inProcess.code, expected)
      })
    }
  })
}

describe('a submission', () => {
  it('is what it was when it was handed over', async () => {
    for (const api of [embedded, client]) {
      const payload = { n: 1 }
      const tags = ['first']
      const submitting = api.submit('live', payload, { tags })
      payload.n = 2
      tags.push('second')
      const task = await api.get((await submitting).id)
      assert.deepEqual([task.payload, task.tags], [{ n: 1 }, ['first']])
    }
  })
})

async function outcomeOf(call: Promise<unknown>): Promise<{ code: string; value?: unknown }> {
  try {
    return { code: 'taken', value: await call }
  } catch (error) {
    return { code: error instanceof TaskyardError ? error.code : `a bare ${(error as Error).name}` }
  }
}

function shown(time: unknown): string {
  return time instanceof Date ? `Date ${time.getTime()}` : JSON.stringify(time)
}
