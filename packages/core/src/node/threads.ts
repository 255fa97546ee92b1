import { existsSync } from 'node:fs'
// The whole of it: a name of its own would be met twice where a bundle begins with the usual line that makes `require`.
import * as modules from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { TaskyardError } from '../errors.ts'

// Where threads find what they run. A thread loads a module by its address, and a bundler leaves none at its own.

/** What a thread's entry in a bundle is called, beside the bundle. */
const BUNDLED = ['taskyard-threads.js', 'taskyard-threads.mjs']
const PUBLISHED = ['@taskyard/taskyard/threads', '@taskyard/client/threads']

/** Modules that threads run or load, by names of their package and file, such as `worker/heartbeat-thread`. */
export type ThreadModules = Readonly<Record<string, () => Promise<ThreadModule>>>

/** What runs a thread has a name alone; what is loaded by one opens an extender of leases there. */
interface ThreadModule {
  // Each has data of its own, which its own package made: nobody between knows their types.
  readonly openLeaseExtender?: (data: never) => unknown
}

/**
 * The address of a thread's module. It stands beside the module that asks (`asker` is that one's `import.meta.url`), as
 * `.ts` among sources and `.js` in a package. In a bundle it is part of another one, `taskyard-threads.js` beside it, or of
 * the installed package; its name is then the fragment of the address. A bundle of CommonJS knows `__filename` alone.
 * @throws TaskyardError invalid_configuration
 */
export function threadModule(asker: string | undefined, name: string): URL {
  const base = asker ?? pathToFileURL(__filename).href
  const own = new URL(`./${name.slice(name.indexOf('/') + 1)}${base.slice(-3)}`, base)
  if (existsSync(own)) return own
  const bundle = BUNDLED.map((file) => new URL(`./${file}`, own)).find((url) => existsSync(url)) ?? installed(own)
  if (bundle === undefined) throw new TaskyardError('invalid_configuration', { reason: missing(own) })
  bundle.hash = name
  return bundle
}

function installed(from: URL): URL | undefined {
  const { resolve } = modules.createRequire(from)
  for (const name of PUBLISHED) {
    try {
      return pathToFileURL(resolve(name))
    } catch {
      // The other one may be there.
    }
  }
  return undefined
}

function missing(own: URL): string {
  const folder = fileURLToPath(new URL('.', own))
  return (
    `the program is bundled without Taskyard's threads: bundle @taskyard/taskyard/threads as taskyard-threads.js in ${folder}, ` +
    'or leave @taskyard/taskyard out of the bundle and install it beside'
  )
}

/** The module that a bundle's thread is to run, or that was asked for at `address`. */
export function loadThreadModule(modules: ThreadModules, address: string, workerData: unknown): Promise<ThreadModule> {
  const name = new URL(address).hash.slice(1) || (workerData as { thread?: string } | null)?.thread || ''
  const load = modules[name]
  if (load === undefined) throw new TypeError(`Taskyard has no thread ${JSON.stringify(name)}`)
  return load()
}
