import assert from 'node:assert/strict'
import { join } from 'node:path'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runCommand, temporaryFolder } from './support/taskyard-process.ts'

const CLOCK = new URL('./support/set-back-clock.mjs', import.meta.url).href
const PROGRAM = fileURLToPath(new URL('./support/set-back-program.ts', import.meta.url))

it('nothing runs twice because the clock of the machine is set back by an hour', async (t) => {
  const folder = await temporaryFolder()
  t.after(() => folder.remove())
  const env = { CLOCK_IS_SET_BACK: join(folder.path, 'set-back') }
  const store = `sqlite:${join(folder.path, 'tasks.db')}`
  const program = runCommand(process.execPath, ['--import', CLOCK, PROGRAM, store], { env })
  t.after(() => program.stop('SIGKILL'))
  const { stdout, stderr } = await program.ended
  assert.notEqual(stdout, '', stderr)
  assert.deepEqual(JSON.parse(stdout), { status: 'succeeded', attempt: 1, runs: 1 })
})
