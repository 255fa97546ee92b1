import assert from 'node:assert/strict'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import { runTaskyard, startServerProcess, temporaryFolder } from './support/taskyard-process.ts'

it('a file that is moved away and back: 503, not ready, a finding of doctor; then everything is there and it goes on', async (t) => {
  const folder = await temporaryFolder()
  t.after(() => folder.remove())
  const path = join(folder.path, 'tasks.db')
  const server = await startServerProcess({ store: path })
  t.after(() => server.stop())
  const submit = () =>
    fetch(`${server.url}/api/v1/tasks`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"type":"nobody","payload":1}',
    })
  const first = await submit()
  assert.equal(first.status, 202)
  const { id } = (await first.json()) as { id: string }

  await rename(path, `${path}.moved`)
  const refused = await submit()
  assert.equal(refused.status, 503)
  const { code, detail } = (await refused.json()) as { code: string; detail: string }
  assert.equal(code, 'store_unavailable')
  assert.match(detail, /tasks\.db was removed or moved away while it was in use/)
  assert.ok(!detail.includes(folder.path), detail)
  assert.equal((await fetch(`${server.url}/readyz`)).status, 503)
  assert.equal((await fetch(`${server.url}/livez`)).status, 200)
  const doctor = await askDoctor(server.url, path)
  assert.match(doctor.stdout, /store.*tasks\.db was removed or moved away/)
  assert.equal(doctor.code, 1)

  await rename(`${path}.moved`, path)
  assert.equal((await submit()).status, 202)
  // Background work that failed meanwhile is well again at its next round.
  while ((await fetch(`${server.url}/readyz`)).status !== 200) await new Promise((resolve) => setTimeout(resolve, 100))
  assert.equal((await fetch(`${server.url}/api/v1/tasks/${id}`)).status, 200)
})

/** Doctor gives a server some seconds to answer, which may be too few on a busy machine. */
async function askDoctor(url: string, path: string) {
  for (;;) {
    const told = await runTaskyard(['doctor'], { env: { TASKYARD_URL: url, TASKYARD_STORE: `sqlite:${path}` } }).ended
    if (!told.stdout.includes('nothing answers')) return told
  }
}
