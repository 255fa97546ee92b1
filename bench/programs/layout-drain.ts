// Submits tasks in batches and drains them with two claimers, by bare statements on one layout.
import { createUuidV7Generator, systemClock } from '@taskyard/core/runtime'
import pg from 'pg'
import { layouts } from '../layouts/layouts.ts'
import { printResult, programOptions } from '../processes/program.ts'

export interface LayoutDrainOptions {
  readonly url: string
  readonly layout: string
  readonly tasks: number
  readonly batch: number
  readonly claimers: number
}

export interface LayoutDrainResult {
  readonly submitPerSecond: number
  readonly drainPerSecond: number
}

const { url, layout: name, tasks, batch, claimers } = programOptions<LayoutDrainOptions>()
const layout = layouts.find((one) => one.name === name)
if (layout === undefined) throw new Error(`there is no layout "${name}"`)
const payload = JSON.stringify({ to: 'someone@example.com', body: 'x'.repeat(150) })
const newId = createUuidV7Generator(systemClock)
const clients = await Promise.all(Array.from({ length: claimers }, () => connect()))
await clients[0]?.query(layout.schema)

const submitPerSecond = await rate(async (client) => {
  for (let left = tasks / claimers; left > 0; left -= batch) {
    const ids = Array.from({ length: batch }, newId)
    await client.query({ name: 'submit', text: layout.submit, values: [ids, payload] })
  }
})
await clients[0]?.query('VACUUM ANALYZE')
const drainPerSecond = await rate(async (client) => {
  for (;;) {
    const { rows } = await client.query({ name: 'claim', text: layout.claim, values: [500] })
    if (rows.length === 0) return
    await client.query({ name: 'settle', text: layout.settle, values: [rows.map(({ id }) => id)] })
  }
})
for (const client of clients) await client.end()
printResult({ submitPerSecond, drainPerSecond } satisfies LayoutDrainResult)

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return client
}

async function rate(work: (client: pg.Client) => Promise<void>): Promise<number> {
  const start = performance.now()
  await Promise.all(clients.map(work))
  return (tasks / (performance.now() - start)) * 1000
}
