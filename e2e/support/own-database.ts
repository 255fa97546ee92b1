import { randomUUID } from 'node:crypto'
import { sharedServer } from '@taskyard/test-servers'
import pg from 'pg'

/** The URL of a PostgreSQL database of one's own, in which these statements have been run. */
export async function ownDatabase(sql: string): Promise<string> {
  const name = `own_project_${randomUUID().replaceAll('-', '')}`
  const { url } = await sharedServer('postgres')
  const admin = new pg.Client(url)
  await admin.connect()
  await admin.query(`CREATE DATABASE ${name}`)
  await admin.end()
  const own = new URL(url)
  own.pathname = `/${name}`
  const client = new pg.Client(own.href)
  await client.connect()
  await client.query(sql)
  await client.end()
  return own.href
}
