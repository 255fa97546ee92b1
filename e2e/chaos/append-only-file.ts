import { globSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'

/** The file that a Redis server appends its writes to. @throws when it keeps none */
export async function appendOnlyFile(url: string): Promise<string> {
  const redis = new Redis(url)
  try {
    const [, folder] = (await redis.config('GET', 'dir')) as [string, string]
    const files = globSync(join(folder, 'appendonlydir', '*.incr.aof'))
    if (files.length !== 1) throw new Error(`${folder} holds ${files.length} append-only files, not one`)
    return files[0] as string
  } finally {
    redis.disconnect()
  }
}
