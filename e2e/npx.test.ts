import assert from 'node:assert/strict'
import { join } from 'node:path'
import { it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { REPOSITORY, runCommand, startServerProcess, temporaryFolder } from './support/taskyard-process.ts'

it('a server that npx has started ends in order when npx is ended by SIGTERM, and leaves the file to the next', async (t) => {
  const folder = await temporaryFolder()
  t.after(() => folder.remove())
  const store = join(folder.path, 'tasks.db')
  const env = { TASKYARD_STORE: `sqlite:${store}`, TASKYARD_PORT: '0' }
  const npx = runCommand('npx', ['--no', '@taskyard/taskyard', 'start'], { cwd: REPOSITORY, env })
  const { pid } = JSON.parse((await npx.line(/^\{.*"ready":true.*\}$/m))[0]) as { pid: number }
  t.after(() => endIfAlive(pid))
  npx.child.kill('SIGTERM')
  const { stderr } = await npx.ended
  while (isAlive(pid)) await sleep(50)
  assert.match(stderr, /npx has ended.*"msg":"stopped"/s)
  const next = await startServerProcess({ store })
  assert.equal((await next.stop()).code, 0)
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

function endIfAlive(pid: number): void {
  if (isAlive(pid)) process.kill(pid, 'SIGKILL')
}
