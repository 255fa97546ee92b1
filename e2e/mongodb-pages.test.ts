// The commands of the guide to MongoDB and of its operations page, as a reader would run them.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { sharedServer } from '@taskyard/test-servers'
import { examplesOf } from './support/examples.ts'
import { newStoreOn, storeSettings } from './support/store-urls.ts'
import { REPOSITORY, runCommand, runTaskyard, temporaryFolder } from './support/taskyard-process.ts'

const GUIDE = examplesOf(join(REPOSITORY, 'docs/guides/mongodb.md'))
const OPERATIONS = examplesOf(join(REPOSITORY, 'docs/operations/mongodb.md'))
const TASKYARD = join(REPOSITORY, 'node_modules/.bin/taskyard')

describe('Taskyard on MongoDB', () => {
  let store: string
  let folder: Awaited<ReturnType<typeof temporaryFolder>>

  before(async () => {
    folder = await temporaryFolder()
    store = newStoreOn('mongodb', (await sharedServer('mongodb')).url)
  })
  after(() => folder.remove())

  it('starts with nothing but the URL', async () => {
    const running = runTaskyard(['start'], { env: storeSettings('mongodb', store) })
    await running.line(/ready at/)
    assert.equal((await running.stop()).code, 0)
    assert.match(block(GUIDE, 'taskyard'), /^TASKYARD_STORE=mongodb:\S+ npx @taskyard\/taskyard start\n$/)
  })

  it('is refused on a server that does not apply updates atomically', async () => {
    const { code, stderr } = await runTaskyard(['migrate'], { env: { TASKYARD_STORE: store } }).ended
    assert.notEqual(code, 0)
    assert.match(stderr, /FerretDB/)
  })

  it('is examined by the doctor', async () => {
    const script = block(OPERATIONS, 'doctor').replace('npx @taskyard/taskyard', TASKYARD)
    const env = { ...storeSettings('mongodb', store), MONGODB_URL: store }
    const { stdout } = await runCommand('bash', ['-c', script], { cwd: folder.path, env }).ended
    for (const check of ['version', 'durability', 'wake-ups', 'indexes', 'size', 'latency']) {
      assert.match(stdout, new RegExp(check))
    }
  })
})

function block(of: typeof GUIDE, name: string): string {
  return of.find(({ note }) => note === name)?.text ?? assert.fail(`no block ${name}`)
}
