// Requests made from contracts/openapi.json, most of them wrong: `npm run fuzz -- [--store sqlite] [--requests 20000] [--seed n]`.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ServerKind, startServer } from '@taskyard/test-servers'
import { programOptions } from '../support/program-options.ts'
import { newStoreOn, storeSettings } from '../support/store-urls.ts'
import { startServerProcess } from '../support/taskyard-process.ts'
import { runFuzz } from './run.ts'

const KINDS = ['sqlite', 'postgres', 'redis', 'mongodb']
const USAGE = `usage: npm run fuzz -- [--store ${KINDS.join('|')}] [--requests 20000] [--seed n]`
const { values } = programOptions(USAGE, {
  options: {
    store: { type: 'string', default: 'sqlite' },
    requests: { type: 'string', default: '20000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
})
const [requests, seed] = [Number(values.requests), Number(values.seed)]
if (!KINDS.includes(values.store) || !Number.isInteger(requests) || !Number.isInteger(seed)) {
  process.stderr.write(`${USAGE}\n`)
  process.exit(2)
}
// An interrupted run must not leave its processes behind: 'exit' handlers kill them.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

const folder = mkdtempSync(join(tmpdir(), 'taskyard-fuzz-'))
const kind = values.store as ServerKind
const database = values.store === 'sqlite' ? null : await startServer(kind)
const store =
  database === null
    ? { TASKYARD_STORE: `sqlite:${join(folder, 'fuzz.db')}`, TASKYARD_PORT: '0' }
    : storeSettings(kind, newStoreOn(kind, database.url))
const env = { ...store, TASKYARD_ROLES: 'api,scheduler', TASKYARD_LOG_LEVEL: 'error' }
const server = await startServerProcess({ env, showsErrors: true })
const log = (line: string) => void process.stderr.write(`${line}\n`)
log(`seed ${seed}, ${server.url}`)
// FerretDB goes through all tasks for most filters, which takes longer than a call may.
const isSlow = kind === 'mongodb'
const { sent, answers, late, faults } = await runFuzz({ ...server, requests, seed, isSlow, log })
const { code } = await server.stop()
await database?.destroy()
rmSync(folder, { recursive: true })

for (const [answer, count] of [...answers].sort()) console.log(`${answer.padEnd(28)} ${count}`)
for (const fault of faults) console.log(`FAULT ${fault}`)
if (code !== 0) console.log(`FAULT the server ended with code ${code}`)
console.log(
  `${sent} requests on ${values.store}, seed ${seed}: ${faults.length} faults${late === 0 ? '' : `, ${late} answers too late`}`,
)
process.exitCode = faults.length === 0 && code === 0 ? 0 : 1
