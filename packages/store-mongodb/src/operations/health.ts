import type { Database } from '../database.ts'

/** Writes as tasks are written, so that a server that takes no writes is noticed. @returns the database's size, bytes */
export async function probe({ meta, client, name }: Database, now: number): Promise<number | null> {
  await meta.updateOne({ _id: 'health' }, { $set: { at: now } }, { upsert: true })
  const stats = await client.db(name).command({ dbStats: 1 })
  const bytes = Number(stats.storageSize ?? 0) + Number(stats.indexSize ?? 0)
  return Number.isFinite(bytes) && bytes > 0 ? bytes : null
}
