import { TaskyardError } from '@taskyard/core'
import type { Value } from './database.ts'

/** Runs one statement with `$1` parameters; rows are arrays of texts, in the order of its columns. */
export type Execute = (text: string, values: readonly Value[]) => Promise<readonly (readonly (string | null)[])[]>

type AnyRow = Readonly<Record<string, unknown>>

interface PgClient {
  query(config: { text: string; values: unknown[]; rowMode: 'array' }): Promise<{ rows: unknown[][] }>
}
interface PostgresJs {
  unsafe(text: string, values: unknown[]): PromiseLike<readonly AnyRow[]> & { values(): PromiseLike<unknown[][]> }
}
interface KyselyTransaction {
  executeQuery(query: {
    sql: string
    parameters: unknown[]
    query: object
    queryId: object
  }): Promise<{ rows: AnyRow[] }>
  getExecutor(): unknown
}
interface KnexTransaction {
  raw(text: string, values: unknown[]): PromiseLike<{ rows: AnyRow[] }>
  client: { acquireConnection?: unknown }
  isTransaction?: boolean
}
interface PrismaTransaction {
  $queryRawUnsafe(text: string, ...values: unknown[]): Promise<AnyRow[]>
}
interface DrizzleTransaction {
  readonly session: { readonly client: unknown }
}

/**
 * How to run statements inside a transaction of the caller's, whichever library it comes from: a `pg` client, a
 * `postgres` (postgres.js) transaction, or a transaction of Kysely, Drizzle (over `pg` or `postgres`), Knex or Prisma.
 * @throws TaskyardError transaction_unsupported
 */
export function executorOf(tx: unknown): Execute {
  if (isKind<PostgresJs>(tx, 'unsafe'))
    return async (text, values) => texts(await tx.unsafe(text, arraysAsText(values)).values())
  if (isKind<PrismaTransaction>(tx, '$queryRawUnsafe')) return overPrisma(tx)
  if (isKind<KyselyTransaction>(tx, 'executeQuery') && isKind(tx, 'getExecutor')) {
    return async (text, values) => {
      const query = {
        sql: text,
        parameters: arraysAsText(values),
        query: { kind: 'RawNode' },
        queryId: { queryId: 'taskyard' },
      }
      return objectRows((await tx.executeQuery(query)).rows)
    }
  }
  if (isKind<KnexTransaction>(tx, 'raw') && 'client' in tx) return overKnex(tx)
  const { session } = (tx ?? {}) as Partial<DrizzleTransaction>
  if (session !== undefined && 'client' in session) return executorOf(session.client)
  if (isKind<PgClient>(tx, 'query')) {
    return async (text, values) =>
      texts((await tx.query({ text, values: arraysAsText(values), rowMode: 'array' })).rows)
  }
  throw new TaskyardError('transaction_unsupported', {
    reason: 'tx is no transaction of pg, postgres, Kysely, Drizzle, Knex or Prisma',
  })
}

// Prisma declares every string as text and knows no arrays as text: the statements cast each of their parameters.
function overPrisma(tx: PrismaTransaction): Execute {
  return async (text, values) => objectRows(await tx.$queryRawUnsafe(text, ...arraysAsText(values).map(asString)))
}

function asString(value: unknown): unknown {
  return typeof value === 'number' ? String(value) : value
}

// Knex writes parameters as `?` and reads `:name`, `?` and `~` in the text.
function overKnex(tx: KnexTransaction): Execute {
  return async (text, values) => {
    const order: unknown[] = []
    const flat = arraysAsText(values)
    const bound = text.replace(/\?/g, '\\?').replace(/\$(\d+)/g, (_, n: string) => {
      order.push(flat[Number(n) - 1])
      return '?'
    })
    return objectRows((await tx.raw(bound, order)).rows)
  }
}

function isKind<Kind>(tx: unknown, method: string): tx is Kind {
  const holder = tx as Record<string, unknown> | null
  return (typeof tx === 'object' || typeof tx === 'function') && holder !== null && typeof holder[method] === 'function'
}

/** Lists become array literals, which every driver passes on as they are. */
function arraysAsText(values: readonly Value[]): unknown[] {
  return values.map((value) => (Array.isArray(value) ? arrayLiteral(value) : value))
}

function arrayLiteral(list: readonly (string | number | null)[]): string {
  const items = list.map((item) => (item === null ? 'NULL' : `"${String(item).replace(/[\\"]/g, '\\$&')}"`))
  return `{${items.join(',')}}`
}

function objectRows(rows: readonly AnyRow[]): (string | null)[][] {
  return texts(rows.map((row) => Object.values(row)))
}

function texts(rows: readonly (readonly unknown[])[]): (string | null)[][] {
  return rows.map((row) => row.map((value) => (value === null || value === undefined ? null : String(value))))
}
