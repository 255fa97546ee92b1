import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { eventually } from '@taskyard/conformance'
import { Client, Taskyard, type WaitingCode } from '@taskyard/taskyard'
import { type ServerKind, sharedServer } from '@taskyard/test-servers'
import { newStoreOn, storeSettings } from './support/store-urls.ts'
import { runTaskyard, startServerProcess, temporaryFolder } from './support/taskyard-process.ts'

// Why a task does not run, as a program is told over HTTP, on every store. No worker is there but those of the tests.

const SERVERS: readonly ServerKind[] = ['postgres', 'redis', 'mongodb']
const LEASE_OVER_WITHIN_MS = 60_000
const ROLES = { TASKYARD_ROLES: 'api,scheduler' }

interface World {
  readonly client: Client
  /** Claims as a worker without a session does, and answers with the leases. */
  claim(claim: object): Promise<readonly { readonly id: string; readonly lease: { readonly token: number } }[]>
  settle(outcome: object): Promise<void>
}

interface Case {
  readonly when: string
  arrange(world: World, queue: string): Promise<string>
  readonly codes: readonly WaitingCode[]
  readonly says?: RegExp
}

const submit = async ({ client }: World, queue: string, options: object = {}) =>
  (await client.submit('test', null, { queue, ...options })).id

const CASES: readonly Case[] = [
  {
    when: 'no worker is known that takes its type',
    async arrange(world, queue) {
      await world.claim({ queues: [queue], types: ['tset'] })
      return (await world.client.submit('tst', null, { queue })).id
    },
    codes: ['no_worker'],
    says: /^no known worker takes type tst; did you mean /,
  },
  {
    when: 'workers take its type from another queue alone',
    async arrange(world, queue) {
      await world.claim({ queues: [`${queue}-elsewhere`], types: ['only-there'] })
      return (await world.client.submit('only-there', null, { queue })).id
    },
    codes: ['other_queues'],
    says: /^workers take type only-there from queue \S+-elsewhere, none from queue \S+; start one that does: /,
  },
  {
    when: 'its queue is paused',
    async arrange(world, queue) {
      await world.claim({ queues: [queue] })
      await world.client.pause(queue)
      return submit(world, queue)
    },
    codes: ['queue_paused'],
    says: /^queue \S+ is paused; resume it: taskyard queues resume \S+ --namespace case-\d+$/,
  },
  {
    when: 'it is due later',
    async arrange(world, queue) {
      await world.claim({ queues: [queue] })
      return submit(world, queue, { delaySeconds: 600 })
    },
    codes: ['due_later'],
    says: /^it is due in (10 m|9 m \d+ s), at /,
  },
  {
    when: 'an attempt has failed',
    async arrange(world, queue) {
      const id = await submit(world, queue)
      const [task] = await world.claim({ queues: [queue] })
      const error = { code: 'smtp', message: 'connection refused' }
      await world.settle({ taskId: id, token: task?.lease.token, outcome: 'failed', error, retryDelaySeconds: 600 })
      return id
    },
    codes: ['backing_off'],
    says: /^attempt 1 of 10 failed \(smtp: connection refused\); the next is due in /,
  },
  {
    when: 'the only worker that takes it is busy, and others come first',
    async arrange(world, queue) {
      await submit(world, queue)
      await world.claim({ queues: [queue] })
      await world.client.submitMany(Array.from({ length: 150 }, () => ({ type: 'test', payload: null, queue })))
      return submit(world, queue)
    },
    codes: ['workers_busy', 'behind_others'],
    says: /^the only worker that takes it is busy with 1 task; /,
  },
  {
    when: 'others come first',
    async arrange(world, queue) {
      await world.claim({ queues: [queue] })
      await world.client.submitMany(Array.from({ length: 150 }, () => ({ type: 'test', payload: null, queue })))
      return submit(world, queue)
    },
    codes: ['behind_others'],
    says: /^150 tasks of its queue and type come before it/,
  },
  {
    when: 'nothing is in its way',
    async arrange(world, queue) {
      await world.claim({ queues: [queue] })
      return submit(world, queue)
    },
    codes: ['about_to_start'],
  },
  {
    when: 'workers died during it',
    async arrange(world, queue) {
      const id = await submit(world, queue)
      for (const crashes of [1, 2]) {
        await world.claim({ queues: [queue], leaseSeconds: 1 })
        await eventually('its lease is over', LEASE_OVER_WITHIN_MS, async () => {
          const task = await world.client.get(id)
          return task.status === 'queued' && task.crashes === crashes
        })
      }
      return id
    },
    codes: ['runs_alone'],
    says: /^workers died during 2 of its attempts, so it is given out alone, /,
  },
  {
    when: 'it runs and was asked to stop',
    async arrange(world, queue) {
      const id = await submit(world, queue)
      await world.claim({ queues: [queue] })
      await world.client.cancel(id)
      return id
    },
    codes: ['cancel_requested'],
    says: /^it was asked to stop .*; worker worker-\S+ has yet to say that it has$/,
  },
  {
    when: 'it has ended',
    async arrange(world, queue) {
      const id = await submit(world, queue)
      await world.client.cancel(id)
      return id
    },
    codes: [],
  },
]

function worldAt(url: string, namespace: string): World {
  const client = new Client({ url, namespace })
  const post = async (path: string, body: object) => {
    const headers = { 'content-type': 'application/json', 'taskyard-namespace': namespace }
    const response = await fetch(new URL(path, url), { method: 'POST', headers, body: JSON.stringify(body) })
    assert.equal(response.status, 200)
    return (await response.json()) as { tasks: Awaited<ReturnType<World['claim']>> }
  }
  return {
    client,
    claim: async (claim) =>
      (await post('/api/v1/leases', { workerId: `worker-${namespace}`, limit: 1, ...claim })).tasks,
    async settle(outcome) {
      await post('/api/v1/leases/settle', { outcomes: [outcome] })
    },
  }
}

describe('why a task waits', { concurrency: 4 }, () => {
  for (const kind of ['sqlite', ...SERVERS] as const) {
    describe(`on ${kind}`, () => {
      let folder: Awaited<ReturnType<typeof temporaryFolder>>
      let env: Readonly<Record<string, string>>
      const servers: Awaited<ReturnType<typeof startServerProcess>>[] = []
      const start = async () => {
        const server = await startServerProcess({ env: { ...env, ...ROLES } })
        servers.push(server)
        return server.url
      }

      before(async () => {
        folder = await temporaryFolder()
        env =
          kind === 'sqlite'
            ? { TASKYARD_STORE: `sqlite:${join(folder.path, 'tasks.db')}` }
            : storeSettings(kind, newStoreOn(kind, (await sharedServer(kind)).url))
        await start()
      })
      after(async () => {
        await Promise.all(servers.map((server) => server.stop()))
        await folder.remove()
      })

      CASES.forEach(({ when, arrange, codes, says = /^/ }, n) => {
        it(when, async () => {
          const world = worldAt(servers[0]?.url ?? '', `case-${n}`)
          const id = await arrange(world, `queue-${n}`)
          const { taskId, reasons } = await world.client.waiting(id)
          assert.equal(taskId, id)
          assert.deepEqual(
            reasons.map(({ code }) => code),
            codes,
          )
          assert.match(reasons[0]?.message ?? '', says)
          await assert.rejects(world.client.in('elsewhere').waiting(id), { code: 'task_not_found' })
          await world.client.close()
        })
      })

      if (kind === 'sqlite') return
      it('a worker at one server is known at the others, and to programs that open the store', async () => {
        const [here, there] = [worldAt(servers[0]?.url ?? '', 'shared'), worldAt(await start(), 'shared')]
        await there.claim({ workerId: 'there', queues: ['mail'], types: ['letter'] })
        const { id } = await here.client.submit('letter', null)
        const known = () => here.client.waiting(id).then(({ reasons }) => reasons[0]?.code)
        await eventually('a beat tells it', 60_000, async () => (await known()) === 'other_queues')
        const [worker] = await here.client.workers()
        assert.partialDeepStrictEqual(worker, {
          workerId: 'there',
          queues: ['mail'],
          types: ['letter'],
          connected: false,
        })
        const store = env['TASKYARD_STORE'] ?? ''
        await using yard = await Taskyard.open({ store, allowUnsafeDurability: kind === 'mongodb' })
        assert.equal((await yard.in('shared').waiting(id)).reasons[0]?.code, 'other_queues')
        await Promise.all([here.client.close(), there.client.close()])
      })
    })
  }
})

describe('the command line says why a task waits', () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let server: Awaited<ReturnType<typeof startServerProcess>>
  const run = (...commandLine: string[]) =>
    runTaskyard(commandLine, { env: { TASKYARD_URL: server.url, TASKYARD_PORT: '0' } })

  before(async () => {
    folder = await temporaryFolder()
    server = await startServerProcess({ store: join(folder.path, 'tasks.db') })
  })
  after(async () => {
    await server.stop()
    await folder.remove()
  })

  it('in get', async () => {
    const { id } = JSON.parse((await run('submit', 'upercase', '1', '--json').ended).stdout)
    const { stdout } = await run('get', id).ended
    assert.match(stdout, /\n {2}waiting {5}because no known worker takes type upercase; did you mean uppercase\?\n/)
  })

  it('while it waits, after a moment, and again when there is another reason', async () => {
    await run('queues', 'pause', 'slow').ended
    const waiting = run('submit', 'test', '{"delayMs":60000}', '--queue', 'slow', '--wait')
    const remarks: string[] = []
    waiting.child.stderr?.on('data', (text: string) => remarks.push(...text.trim().split('\n')))
    const remark = async (n: number) => {
      while (remarks.length < n) await new Promise((resolve) => waiting.child.stderr?.once('data', resolve))
      return remarks[n - 1] ?? ''
    }
    assert.equal(await remark(1), 'waiting because queue slow is paused; resume it: taskyard queues resume slow')
    await run('queues', 'resume', 'slow').ended
    assert.match(await remark(2), /^worker \S+ has been running it for .*, attempt 1$/)
    await run('cancel', '--queue', 'slow').ended
    await waiting.ended
  })

  it('in doctor, of all that nothing starts', async () => {
    await run('queues', 'pause', 'mail').ended
    await run('submit', 'uppercase', '{"text":"x"}', '--queue', 'mail').ended
    await run('submit', 'nobody', '1', '--queue', 'a').ended
    await run('submit', 'upercase', '1').ended
    const { code, stdout } = await run('doctor').ended
    assert.equal(code, 0, stdout)
    assert.match(
      stdout,
      /! waiting +queue mail is paused with 1 ready task\n +→ Resume it: taskyard queues resume mail\n/,
    )
    assert.match(
      stdout,
      /! waiting +no known worker takes types nobody from queue a; upercase \(did you mean uppercase\?\) from queue default\n +→ Start workers that handle them, .* Known workers take email, http-request, test, transform, uppercase\.\n/,
    )
  })
})
