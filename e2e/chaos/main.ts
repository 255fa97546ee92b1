import { programOptions } from '../support/program-options.ts'
import { type ChaosOptions, STORE_KINDS, type StoreKind, wholeQuietMs } from './options.ts'
import { POWER_FAILURE_SETTINGS, powerFailures } from './power-failure.ts'
import { verdictText } from './report.ts'
import { runChaos } from './run.ts'

const usage = `usage: npm run chaos -- [--store ${STORE_KINDS.join('|')}] [--kills n] [--tasks 50000] [--seed n] [--workers 3]
         [--servers 2] [--redis-fsync always|everysec] [--power-failures] [--directory path] [--json]
--power-failures, of Redis: a kill also costs it what it has not synced (needs strace)
`
const { values } = programOptions(usage, {
  options: {
    store: { type: 'string', default: 'sqlite' },
    'redis-fsync': { type: 'string', default: 'always' },
    'power-failures': { type: 'boolean', default: false },
    servers: { type: 'string' },
    kills: { type: 'string' },
    tasks: { type: 'string', default: '50000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    workers: { type: 'string', default: '3' },
    directory: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  process.stderr.write(usage)
  process.exit(0)
}
const isSqlite = values.store === 'sqlite'
// An interrupted run must not leave its processes behind: 'exit' handlers kill them.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

const [kills, tasks, seed, workers, servers] = [
  values.kills ?? (isSqlite ? '200' : '300'),
  values.tasks,
  values.seed,
  values.workers,
  values.servers ?? (isSqlite ? '1' : '2'),
].map(Number) as Numbers
const isWrong =
  ![kills, tasks, seed, workers, servers].every((value) => Number.isInteger(value) && value >= 0) ||
  kills * tasks * workers * servers === 0 ||
  !STORE_KINDS.includes(values.store as StoreKind) ||
  !['always', 'everysec'].includes(values['redis-fsync']) ||
  (isSqlite && servers > 1) ||
  (values['power-failures'] && values.store !== 'redis')
if (isWrong) {
  process.stderr.write(usage)
  process.exit(2)
}
const store = values.store as StoreKind
const directory = values.directory ?? `.tmp/chaos/${new Date().toISOString().replaceAll(':', '-')}`
const log = (line: string) => void process.stderr.write(`${line}\n`)
log(`seed ${seed}, ${directory}`)
const graces = { leaseSeconds: 5, sessionGraceSeconds: 5 }
const result = await runChaos({
  ...graces,
  store,
  ...redisOptions(),
  servers,
  kills,
  tasks,
  seed,
  workers,
  directory,
  quietMs: wholeQuietMs(store, graces),
  log,
})
const { verdict, history, seconds } = result
const text = `${verdictText(verdict)}\n\nseed ${seed}, ${Math.round(seconds)} s, history in ${history}`
process.stdout.write(`${values.json ? JSON.stringify({ seed, seconds, history, ...verdict }, null, 2) : text}\n`)
process.exitCode = verdict.passed ? 0 : 1

function redisOptions(): Pick<ChaosOptions, 'databaseSettings' | 'databaseHooks'> {
  if (store !== 'redis') return {}
  const databaseSettings = { appendfsync: values['redis-fsync'] }
  if (!values['power-failures']) return { databaseSettings }
  return {
    databaseSettings: { ...databaseSettings, ...POWER_FAILURE_SETTINGS },
    databaseHooks: (server) => powerFailures(server, { log: `${directory}/strace.log` }),
  }
}

type Numbers = [number, number, number, number, number]
