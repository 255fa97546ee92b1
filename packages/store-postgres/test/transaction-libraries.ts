import { drizzle as drizzleOverPg } from 'drizzle-orm/node-postgres'
import { drizzle as drizzleOverPostgresJs } from 'drizzle-orm/postgres-js'
import { sql as drizzleSql } from 'drizzle-orm/sql'
import knex from 'knex'
import { CamelCasePlugin, Kysely, sql as kyselySql, PostgresDialect } from 'kysely'
import pg from 'pg'
import postgres from 'postgres'
import { prismaClient } from './prisma-client.ts'

/** A transaction of a library, and a way to write a row of one's own in it. */
export interface OwnTransaction {
  readonly tx: unknown
  order(item: string): Promise<unknown>
  /** A statement that fails. */
  fail(): Promise<unknown>
}

/** An application's use of a database, which has a table `orders (item)`. */
export interface Library {
  /** Commits when `work` resolves, else rolls back. */
  transaction<Result>(work: (own: OwnTransaction) => Promise<Result>): Promise<Result>
  /** What it offers that is no transaction. */
  readonly outside: unknown
  close(): Promise<unknown>
}

const WRONG = 'SELECT 1 / 0'

export const LIBRARIES: Readonly<Record<string, (url: string, orders: string) => Library>> = {
  'pg (a client)': (url, orders) => {
    const client = new pg.Client(url)
    const connected = client.connect()
    return {
      async transaction(work) {
        await connected
        return inPgTransaction(client, orders, work)
      },
      outside: client,
      close: () => client.end(),
    }
  },
  'pg (a client of a pool)': (url, orders) => {
    const pool = new pg.Pool({ connectionString: url })
    return {
      async transaction(work) {
        const client = await pool.connect()
        return inPgTransaction(client, orders, work).finally(() => client.release())
      },
      outside: pool,
      close: () => pool.end(),
    }
  },
  'postgres (postgres.js)': (url, orders) => {
    const sql = postgres(url, { max: 2, transform: postgres.camel, onnotice: () => {} })
    return {
      transaction: (work) =>
        sql.begin((tx) =>
          work({
            tx,
            order: (item) => tx`INSERT INTO ${tx(orders)} VALUES (${item})`,
            fail: () => tx.unsafe(WRONG),
          }),
        ) as Promise<never>,
      outside: sql,
      close: () => sql.end(),
    }
  },
  Kysely: (url, orders) => {
    const pool = new pg.Pool({ connectionString: url })
    const db = new Kysely({ dialect: new PostgresDialect({ pool }), plugins: [new CamelCasePlugin()] })
    return {
      transaction: (work) =>
        db.transaction().execute((tx) =>
          work({
            tx,
            order: (item) => kyselySql`INSERT INTO ${kyselySql.table(orders)} VALUES (${item})`.execute(tx),
            fail: () => kyselySql.raw(WRONG).execute(tx),
          }),
        ),
      outside: db,
      close: () => db.destroy(),
    }
  },
  'Drizzle over pg': (url, orders) => {
    const pool = new pg.Pool({ connectionString: url })
    const db = drizzleOverPg(pool)
    return { ...drizzleLibrary(db, orders), close: () => pool.end() }
  },
  'Drizzle over postgres.js': (url, orders) => {
    const client = postgres(url, { max: 2 })
    const db = drizzleOverPostgresJs(client)
    return { ...drizzleLibrary(db as never, orders), close: () => client.end() }
  },
  Knex: (url, orders) => {
    const db = knex({ client: 'pg', connection: url })
    return {
      transaction: (work) =>
        db.transaction((tx) =>
          work({ tx, order: async (item) => tx(orders).insert({ item }), fail: async () => tx.raw(WRONG) }),
        ),
      outside: db,
      close: () => db.destroy(),
    }
  },
  Prisma: (url, orders) => {
    const prisma = prismaClient(url)
    return {
      transaction: (work) =>
        prisma.$transaction((tx) =>
          work({
            tx,
            order: (item) => tx.$executeRawUnsafe(`INSERT INTO ${orders} VALUES ($1)`, item),
            fail: () => tx.$executeRawUnsafe(WRONG),
          }),
        ),
      outside: prisma,
      close: () => prisma.$disconnect(),
    }
  },
}

async function inPgTransaction<Result>(
  client: pg.ClientBase,
  orders: string,
  work: (own: OwnTransaction) => Promise<Result>,
): Promise<Result> {
  await client.query('BEGIN')
  try {
    const result = await work({
      tx: client,
      order: (item) => client.query(`INSERT INTO ${orders} VALUES ($1)`, [item]),
      fail: () => client.query(WRONG),
    })
    await client.query('COMMIT')
    return result
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  }
}

type DrizzleOverPg = ReturnType<typeof drizzleOverPg>

function drizzleLibrary(db: DrizzleOverPg, orders: string): Omit<Library, 'close'> {
  const table = drizzleSql.raw(orders)
  return {
    transaction: (work) =>
      db.transaction((tx) =>
        work({
          tx,
          order: (item) => tx.execute(drizzleSql`INSERT INTO ${table} VALUES (${item})`),
          fail: () => tx.execute(drizzleSql.raw(WRONG)),
        }),
      ),
    outside: db,
  }
}
