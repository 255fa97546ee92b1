import { TaskyardError } from '@taskyard/core'
import type { Value } from './driver.ts'
import { isRace, toStoreError } from './postgres-errors.ts'

/** Runs one statement with `$1` parameters; rows are arrays of texts, in the order of its columns. */
export type Execute = (text: string, values: readonly Value[]) => Promise<readonly (readonly (string | null)[])[]>

type Query = (text: string, values: readonly unknown[]) => PromiseLike<readonly Row[]>
type Row = readonly unknown[] | Readonly<Record<string, unknown>>

interface PgClient {
  query(config: { text: string; values: readonly unknown[]; rowMode: 'array' }): Promise<{ rows: unknown[][] }>
  escapeIdentifier: unknown
}
interface PostgresJs {
  unsafe(text: string, values: readonly unknown[]): { values(): PromiseLike<unknown[][]> }
}
interface KyselyTransaction {
  withoutPlugins(): KyselyTransaction
  executeQuery(query: object): Promise<{ rows: Row[] }>
}
interface KnexTransaction {
  raw(text: string, values: readonly unknown[]): PromiseLike<{ rows: Row[] }>
}
interface PrismaTransaction {
  $queryRawUnsafe(text: string, ...values: readonly unknown[]): Promise<Row[]>
}
interface DrizzleTransaction {
  readonly session: { readonly client: unknown }
}

/**
 * How to run statements inside a transaction of the caller's, whichever library it comes from: a `pg` client, a
 * `postgres` (postgres.js) transaction, or a transaction of Kysely, Drizzle (over `pg` or `postgres`), Knex or Prisma.
 * The first statement rejects with `transaction_unsupported` where there is no transaction, before anything is written.
 * @throws TaskyardError transaction_unsupported
 */
export function executorOf(tx: unknown): Execute {
  const query = queryOf(tx)
  const inTransaction = once(() => assertInTransaction(query))
  return async (text, values) => {
    await inTransaction()
    try {
      return (await query(text, values.map(asParameter))).map(textsOf)
    } catch (error) {
      throw toTransactionError(error)
    }
  }
}

function queryOf(tx: unknown): Query {
  if (has<PostgresJs>(tx, 'unsafe')) return (text, values) => tx.unsafe(text, values).values()
  if (has<PrismaTransaction>(tx, '$queryRawUnsafe')) return overPrisma(tx)
  if (has<KyselyTransaction>(tx, 'executeQuery', 'withoutPlugins')) return overKysely(tx)
  if (has<KnexTransaction>(tx, 'raw')) return overKnex(tx)
  if (has<PgClient>(tx, 'query', 'escapeIdentifier')) {
    return async (text, values) => (await tx.query({ text, values, rowMode: 'array' })).rows
  }
  const { session } = (tx ?? {}) as Partial<DrizzleTransaction>
  if (session?.client !== undefined) return queryOf(session.client)
  throw unsupported('tx is no transaction of pg, postgres, Kysely, Drizzle, Knex or Prisma')
}

function overKysely(tx: KyselyTransaction): Query {
  const plain = tx.withoutPlugins()
  return async (text, values) => {
    const query = { sql: text, parameters: values, query: { kind: 'RawNode' }, queryId: { queryId: 'taskyard' } }
    return (await plain.executeQuery(query)).rows
  }
}

// Prisma writes numbers as the type it thinks fit; as text they are what the statement casts them to.
function overPrisma(tx: PrismaTransaction): Query {
  return (text, values) =>
    tx.$queryRawUnsafe(text, ...values.map((value) => (typeof value === 'number' ? String(value) : value)))
}

// Knex writes parameters as `?`.
function overKnex(tx: KnexTransaction): Query {
  return async (text, values) => {
    const inOrder: unknown[] = []
    const bound = text.replace(/\?/g, '\\?').replace(/\$(\d+)/g, (_, n: string) => {
      inOrder.push(values[Number(n) - 1])
      return '?'
    })
    return (await tx.raw(bound, inOrder)).rows
  }
}

/** A pool, or a client that has not begun, would commit each statement by itself. */
async function assertInTransaction(query: Query): Promise<void> {
  try {
    // The server refuses this outside of a transaction. The lock conflicts with nothing in daily work.
    await query('LOCK TABLE pg_catalog.pg_namespace IN ACCESS SHARE MODE', [])
  } catch (error) {
    const { code } = serverError(error)
    if (code === '25P01') throw unsupported('tx is not in a transaction: begin one, and hand over what it gives')
    if (code === '25P02') throw unsupported('it has failed before; it can only be rolled back')
    throw toTransactionError(error)
  }
}

function unsupported(reason: string): TaskyardError {
  return new TaskyardError('transaction_unsupported', { reason })
}

function toTransactionError(error: unknown): TaskyardError {
  const { code, message } = serverError(error)
  if (isRace({ code })) {
    const reason = `${message}; run the transaction again`
    return new TaskyardError('store_unavailable', { reason }, { cause: error })
  }
  return toStoreError(Object.assign(new Error(message, { cause: error }), { code }))
}

/** What the server said, which Prisma keeps deep inside and Knex puts behind the whole statement. */
function serverError(error: unknown): { code: string | undefined; message: string } {
  const { meta, code, message } = error as {
    meta?: { driverAdapterError?: { cause?: { originalCode?: string; originalMessage?: string } } }
    code?: string
    message?: string
  }
  const inner = meta?.driverAdapterError?.cause
  if (inner?.originalCode !== undefined) return { code: inner.originalCode, message: inner.originalMessage ?? '' }
  return { code, message: (message ?? String(error)).split(' - ').at(-1) as string }
}

function has<Kind>(tx: unknown, ...methods: readonly (keyof Kind & string)[]): tx is Kind {
  if (tx === null || (typeof tx !== 'object' && typeof tx !== 'function')) return false
  return methods.every((method) => typeof (tx as Record<string, unknown>)[method] === 'function')
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | null = null
  return () => {
    done ??= work()
    return done
  }
}

/** Lists become array literals, which every driver passes on as they are. */
function asParameter(value: Value): unknown {
  return Array.isArray(value) ? arrayLiteral(value) : value
}

function arrayLiteral(list: readonly (string | number | null)[]): string {
  const items = list.map((item) => (item === null ? 'NULL' : `"${String(item).replace(/[\\"]/g, '\\$&')}"`))
  return `{${items.join(',')}}`
}

function textsOf(row: Row): (string | null)[] {
  const columns: readonly unknown[] = Array.isArray(row) ? row : Object.values(row)
  return columns.map((value) => (value === null || value === undefined ? null : String(value)))
}
