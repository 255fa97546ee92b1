// The commands of the guide and the operations page, as a reader would run them.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { systemClock } from '@taskyard/core/runtime'
import { inspectRedisStore } from '@taskyard/store-redis'
import { startServer } from '@taskyard/test-servers'
import { adminClient, namespace, newTask, openTestStore, submissions, troubles, untilServed } from './test-bed.ts'

const DOCS = join(import.meta.dirname, '../../../docs')

describe('the Redis guide', () => {
  it('sets up a server that the inspection finds nothing wrong with', async (t) => {
    const options = blockOf('guides/redis.md', 'sh server').matchAll(/--(\S+) (\S+)/g)
    const settings = Object.fromEntries([...options].map(([, name, value]) => [name, value])) as Record<string, string>
    assert.ok(Object.keys(settings).length >= 4)
    const server = await startServer('redis', { settings })
    t.after(() => server.destroy())
    await openTestStore(t, { url: server.url })
    const findings = await inspectRedisStore({ url: server.url, clock: systemClock })
    assert.deepEqual(troubles(findings), [])
  })
})

describe('the operations page of Redis', () => {
  it('brings tasks back from a backup, after the data was lost', async (t) => {
    const server = await startServer('redis')
    t.after(() => server.destroy())
    const redis = adminClient(t, server.url)
    const folder = (await redis.config('GET', 'dir'))[1] as string
    // Where the server's program is, there redis-cli is too.
    const programs = dirname(/^executable:(.*)$/m.exec(await redis.info('server'))?.[1]?.trim() ?? '')
    const run = (block: string) => {
      const path = [programs, process.env.PATH].join(delimiter)
      const env = { ...process.env, ...server.environment, REDIS_URL: server.url, PATH: path }
      execFileSync('sh', ['-e', '-c', blockOf('operations/redis.md', block)], { cwd: folder, env, stdio: 'pipe' })
    }

    const prefix = 'kept'
    const store = await openTestStore(t, { url: server.url, prefix })
    const task = newTask({ delayMs: 3_600_000 })
    await store.tasks.enqueue(submissions(task))
    run('sh backup')
    await server.kill()
    run('sh restore')
    await server.start()

    const restored = await untilServed(() => openTestStore(t, { url: server.url, prefix }))
    assert.equal((await restored.reads.find({ namespace, taskIds: [task.id] }))[0]?.status, 'scheduled')
  })
})

/** The text of a fenced block by what stands behind its fence. */
function blockOf(page: string, name: string): string {
  const text = readFileSync(join(DOCS, page), 'utf8')
  const start = text.indexOf(`\`\`\`${name}\n`)
  assert.notEqual(start, -1, `${page} has no block ${name}`)
  const from = start + name.length + 4
  return text.slice(from, text.indexOf('```', from))
}
