import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { User } from './unprivileged-user.ts'

/**
 * A folder of the cache, made by `fill` if there is none by this name. Complete or absent, also when several processes
 * make it at once: the first one's counts.
 */
export async function inCache(
  name: string,
  user: User | null,
  fill: (target: string) => Promise<void>,
): Promise<string> {
  const place = join(cacheFolder(), name)
  if (existsSync(place)) return place
  mkdirSync(cacheFolder(), { recursive: true })
  const draft = mkdtempSync(`${place}-`)
  try {
    if (user !== null) chownSync(draft, user.uid, user.gid)
    chmodSync(draft, 0o755)
    await fill(join(draft, 'content'))
    moveIfAbsent(join(draft, 'content'), place)
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
  return place
}

/** Root's home is closed to the users that servers run as. */
function cacheFolder(): string {
  const cache = process.getuid?.() === 0 ? '/var/cache' : (process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'))
  return join(cache, 'taskyard', 'test-servers')
}

function moveIfAbsent(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if (!existsSync(to)) throw error
  }
}
