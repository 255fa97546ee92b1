import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Run } from '../src/database.ts'
import { createLanes } from '../src/lanes.ts'
import { createClaims } from '../src/operations/claim.ts'
import { list } from '../src/operations/list.ts'
import { counts, pause } from '../src/operations/queues.ts'
import type { StoreContext } from '../src/store-context.ts'
import { CLAIM, EVERYTHING, newTask, submissions } from './calls.ts'
import { type OwnSchema, ownSchema } from './own-schema.ts'
import { secondContext } from './time-slot-test-bed.ts'

const FOREIGN = 3_000
const MINE = { namespace: 'default', queue: 'default' }
const TYPES = ['one', 'two']

type Call = (context: StoreContext) => Promise<unknown>

/** That concern one namespace. */
const CALLS: Record<string, Call> = {
  list: async (context) => {
    const page = await list(context, EVERYTHING)
    assert.deepEqual(
      page.items.map(({ type }) => type),
      TYPES.toReversed(),
    )
  },
  counts: async (context) => {
    const [queue] = await counts(context, { namespace: 'default', queue: null })
    assert.equal(queue?.counts.queued, TYPES.length)
  },
  pause: async (context) => {
    const told: number[] = []
    await pause({ ...context, publishReady: (lanes) => told.push(...lanes) }, { ...MINE, paused: false })
    assert.equal(told.length, TYPES.length)
  },
  // The last one: what it has claimed is not waiting any more.
  'claim of every queue': async (context) => {
    const claims = createClaims(
      context,
      () => 0,
      async () => {},
    )
    assert.equal((await claims.claim({ ...CLAIM, queues: null, types: TYPES })).length, TYPES.length)
  },
}

describe('beside thousands of lanes of other namespaces', () => {
  let schema: OwnSchema
  let context: StoreContext

  before(async () => {
    schema = await ownSchema()
    const store = await schema.open()
    await store.tasks.enqueue(submissions(...TYPES.map((type) => newTask({ type }))))
    await schema.query(
      `INSERT INTO "${schema.schema}".lanes (namespace, queue, type)
       SELECT 'other-' || n, 'default', 'test' FROM generate_series(1, ${FOREIGN}) AS n`,
    )
    await schema.query(
      `INSERT INTO "${schema.schema}".counters SELECT lane, 0, 0, 0, 0, 0, 0, 0, 0 FROM "${schema.schema}".lanes`,
    )
    for (const table of ['lanes', 'counters']) await schema.query(`ANALYZE "${schema.schema}".${table}`)
    context = secondContext(store)
  })

  after(async () => {
    await context.database.close()
    await schema.destroy()
  })

  it('a number that is unknown is read alone, once for all who ask at the same time', async () => {
    const { database } = context
    const rows: number[] = []
    const run: Run = async (text, values) => {
      const answer = await database.run(text, values)
      rows.push(answer.length)
      return answer as never
    }
    const lanes = createLanes({ ...database, run })
    const [ends = []] = await database.run<string[]>('SELECT min(lane), max(lane) FROM @lanes')
    const [oldest, newest] = ends.map(Number) as [number, number]
    await Promise.all([[newest], [newest], [newest, oldest], [oldest]].map((some) => lanes.load(some)))
    assert.equal(lanes.get(newest).namespace, `other-${FOREIGN}`)
    assert.equal(lanes.get(oldest).type, TYPES[0])
    assert.deepEqual(rows, [1, 1])
    await lanes.load([newest, oldest])
    assert.equal(rows.length, 2)
    // Whoever may connect to the database can notify, also of numbers that are none.
    await lanes.load([2 ** 40, newest])
    assert.deepEqual(rows, [1, 1, 0])
  })

  for (const [name, call] of Object.entries(CALLS)) {
    it(`${name} reads no lanes and counters but those of its namespace`, async () => {
      assert.ok((await rowsReadBy(context, call)) <= 10 * TYPES.length)
    })
  }
})

/** Rows of lanes and counters that the server reads for a call, planned as outside of a transaction. */
function rowsReadBy(context: StoreContext, call: Call): Promise<number> {
  const { database } = context
  return database.transaction(async (run) => {
    await run(
      `SELECT set_config('enable_' || name, 'on', true) FROM unnest('{seqscan,hashjoin,mergejoin}'::text[]) AS s (name)`,
    )
    await call({ ...context, database: { ...database, run }, lanes: createLanes({ ...database, run }) })
    const [row] = await run<[string]>(
      `SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables
       WHERE schemaname = $1 AND relname IN ('lanes', 'counters')`,
      [database.schema],
    )
    return Number(row?.[0])
  })
}
