import { chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from './free-port.ts'
import { killTree, signalTree } from './process-tree.ts'
import type { Place, Recipe } from './recipe.ts'
import { type Supervised, startSupervised } from './supervised-command.ts'
import type { StartOptions, TestServer } from './test-server.ts'

const LONGEST_START_MS = 60_000
const LONGEST_STOP_MS = 30_000

/** Starts a server after its recipe; resolves when it serves. */
export async function runRecipe(kind: TestServer['kind'], recipe: Recipe, options: StartOptions): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), `taskyard-${kind}-${process.pid}-`))
  if (recipe.user !== null) chownSync(folder, recipe.user.uid, recipe.user.gid)
  const place = { folder, port: await freePort(), settings: options.settings ?? {} }
  let running: Supervised | null = null

  async function start(): Promise<void> {
    if (running !== null && !running.hasEnded()) throw new Error(`the ${kind} server is already running`)
    running = await launch(kind, recipe, place)
  }

  function current(): Supervised {
    if (running === null || running.hasEnded()) throw new Error(`the ${kind} server is not running`)
    return running
  }

  async function kill(): Promise<void> {
    if (running === null || running.hasEnded()) return
    await killTree(running.pid)
    await running.end()
  }

  async function destroy(): Promise<void> {
    await kill()
    rmSync(folder, { recursive: true, force: true })
  }

  try {
    await recipe.prepare(place)
    await start()
  } catch (error) {
    await destroy()
    throw error
  }
  return {
    kind,
    url: recipe.url(place),
    environment: recipe.command(place).env,
    get pid() {
      return current().pid
    },
    async stop() {
      const { pid, end } = current()
      process.kill(pid, recipe.stopSignal)
      await within(LONGEST_STOP_MS, end(), `the ${kind} server did not stop`)
    },
    kill,
    start,
    pause: () => signalTree(current().pid, 'SIGSTOP'),
    resume: () => signalTree(current().pid, 'SIGCONT'),
    destroy,
  }
}

async function launch(kind: TestServer['kind'], recipe: Recipe, place: Place): Promise<Supervised> {
  const log = join(place.folder, 'server.log')
  const running = await startSupervised({
    ...recipe.command(place),
    user: recipe.user,
    log,
    removeAtEnd: place.folder,
  })
  const giveUpAt = performance.now() + LONGEST_START_MS
  while (!(await recipe.isReady(place, running.pid))) {
    const why = running.hasEnded() ? 'ended' : performance.now() > giveUpAt ? 'does not serve' : null
    if (why !== null) {
      await killTree(running.pid)
      throw new Error(`the ${kind} server ${why}:\n${readFileSync(log, 'utf8').slice(-2000)}`)
    }
    await delay(10)
  }
  return running
}

async function within(ms: number, done: Promise<void>, otherwise: string): Promise<void> {
  const late = new AbortController()
  const timeout = delay(ms, undefined, late).then(() => {
    throw new Error(otherwise)
  })
  await Promise.race([done, timeout]).finally(() => late.abort())
  await timeout.catch(() => {})
}
