// How much of what Redis has acknowledged a failure costs: `node e2e/chaos/loss-window.ts`. One server, many submitters, and
// a failure of Redis's machine, or of its process alone, at a random moment, again and again; after each the server is asked
// for every task it acknowledged.
import { mkdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type DatabaseControl, startDatabase } from './database-control.ts'
import { freePorts } from './free-port.ts'
import { monotonicMs } from './history.ts'
import { call, keepAlive } from './http-call.ts'
import { POWER_FAILURE_SETTINGS, powerFailures } from './power-failure.ts'
import { createServerControl } from './server-control.ts'

const { values } = parseArgs({
  options: {
    'redis-fsync': { type: 'string', default: 'everysec' },
    dies: { type: 'string', default: 'machine' },
    'sync-ms': { type: 'string', default: '0' },
    failures: { type: 'string', default: '20' },
    submitters: { type: 'string', default: '16' },
    directory: { type: 'string', default: `.tmp/chaos/loss-window-${Date.now()}` },
  },
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
const { directory } = values
const syncMs = Number(values['sync-ms'])
const keepsUnsynced = values.dies === 'process'
mkdirSync(directory, { recursive: true })

const database = (await startDatabase(
  {
    store: 'redis',
    databaseSettings: { ...POWER_FAILURE_SETTINGS, appendfsync: values['redis-fsync'] },
    databaseHooks: (server) => powerFailures(server, { log: `${directory}/strace.log`, syncMs, keepsUnsynced }),
  },
  () => {},
)) as DatabaseControl
const [port] = (await freePorts(1)) as [number]
const settings = { name: 'server-1', port, directory, storeUrl: database.url, sessionGraceSeconds: 5 }
const server = createServerControl({ ...settings, write: () => {} })
const url = `http://127.0.0.1:${port}/api/v1/tasks`
const agent = keepAlive()
server.spawn()
await server.untilReady()

const losses: Loss[] = []
for (let failure = 1; failure <= Number(values.failures); failure++) {
  const loss = await fail()
  losses.push(loss)
  console.log(
    `${failure}: ${loss.acknowledged} acknowledged, ${loss.lost} lost, the oldest ${Math.round(loss.oldestMs)} ms before`,
  )
}
const lost = losses.reduce((sum, loss) => sum + loss.lost, 0)
const oldestMs = Math.max(...losses.map((loss) => loss.oldestMs))
console.log(
  `appendfsync ${values['redis-fsync']}, syncs ${syncMs} ms longer, the ${values.dies} died ${losses.length} times: ` +
    `${lost} acknowledged tasks lost, the oldest acknowledged ${Math.round(oldestMs)} ms before`,
)
server.kill('random')
await database.destroy()
process.exit(0)

interface Loss {
  readonly acknowledged: number
  readonly lost: number
  /** How long before the failure the oldest of the lost was acknowledged; 0: none was lost. */
  readonly oldestMs: number
}

async function fail(): Promise<Loss> {
  const acknowledged: { id: string; at: number }[] = []
  let isOver = false
  const submitter = async () => {
    while (!isOver) {
      const id = await submit()
      if (id !== null) acknowledged.push({ id, at: monotonicMs() })
    }
  }
  const submitters = Array.from({ length: Number(values.submitters) }, submitter)
  await delay(1500 + Math.random() * 2000)
  const failedAt = monotonicMs()
  const back = database.kill('random', 100)
  isOver = true
  await Promise.all([back, ...submitters])
  await server.untilReady()
  const lost = []
  for (const task of acknowledged) if (!(await exists(task.id))) lost.push(task)
  const oldestMs = lost.length === 0 ? 0 : Math.max(0, failedAt - Math.min(...lost.map(({ at }) => at)))
  return { acknowledged: acknowledged.length, lost: lost.length, oldestMs }
}

async function submit(): Promise<string | null> {
  const body = JSON.stringify({ type: 'nobody-runs-this', payload: null })
  const headers = { 'content-type': 'application/json' }
  const answer = await call(agent, { method: 'POST', url, headers, body }).catch(() => null)
  return answer?.status === 202 ? (JSON.parse(answer.body) as { id: string }).id : null
}

async function exists(id: string): Promise<boolean> {
  const { status, body } = await call(agent, { method: 'GET', url: `${url}/${id}` })
  if (status !== 200 && status !== 404) throw new Error(`GET ${id} answered ${status}: ${body}`)
  return status === 200
}
