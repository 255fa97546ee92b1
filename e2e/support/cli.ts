import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before } from 'node:test'
import { type RunOptions, runTaskyard, startServerProcess, temporaryFolder } from './taskyard-process.ts'

// biome-ignore lint/suspicious/noExplicitAny: the tests look at documents as any program would
export type Document = any

/** A server for the tests of one file, its store `tasks.db` in a folder of its own, and the command line that talks to it. */
export function useServer() {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>
  let server: Awaited<ReturnType<typeof startServerProcess>>

  before(async () => {
    folder = await temporaryFolder()
    server = await startServerProcess({ store: join(folder.path, 'tasks.db') })
  })
  after(async () => {
    await server.stop()
    await folder.remove()
  })

  function run(commandLine: readonly string[], { env, ...options }: RunOptions = {}) {
    return runTaskyard(commandLine, { ...options, env: { TASKYARD_URL: server.url, ...env } }).ended
  }

  return {
    inFolder: (name: string) => join(folder.path, name),
    serverUrl: () => server.url,
    run,
    async runJson(commandLine: readonly string[], options?: RunOptions): Promise<Document> {
      const { code, stdout, stderr } = await run([...commandLine, '--json'], options)
      assert.equal(code, 0, stderr)
      return JSON.parse(stdout)
    },
  }
}
