import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import pg from 'pg'
import type { ServerKind } from '../../src/index.ts'

/** The least that shows that a server keeps data. Each call is a connection of its own. */
export interface KeyValue {
  put(url: string, value: number): Promise<void>
  get(url: string): Promise<number>
}

export const KEY_VALUE: Readonly<Record<ServerKind, KeyValue>> = {
  postgres: {
    put: (url, value) =>
      inPostgres(url, async (client) => {
        await client.query('create table if not exists kept (value int)')
        await client.query('insert into kept values ($1)', [value])
      }),
    get: (url) =>
      inPostgres(url, async (client) => (await client.query('select max(value) as value from kept')).rows[0].value),
  },
  redis: {
    put: (url, value) => inRedis(url, async (client) => void (await client.set('kept', value))),
    get: (url) => inRedis(url, async (client) => Number(await client.get('kept'))),
  },
  mongodb: {
    put: (url, value) =>
      inMongodb(url, async (client) => void (await client.db('test').collection('kept').insertOne({ value }))),
    get: (url) =>
      inMongodb(url, async (client) => {
        const [last] = await client.db('test').collection('kept').find().sort({ value: -1 }).limit(1).toArray()
        return last?.value
      }),
  },
}

async function inPostgres<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return use(client).finally(() => client.end())
}

async function inRedis<T>(url: string, use: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(url)
  return use(client).finally(() => client.disconnect())
}

async function inMongodb<T>(url: string, use: (client: MongoClient) => Promise<T>): Promise<T> {
  const client = await new MongoClient(url).connect()
  return use(client).finally(() => client.close())
}
