// The guide to several customers is run as a reader would run it: every block, in order, in an empty folder.
import assert from 'node:assert/strict'
import { symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { examplesOf } from './support/examples.ts'
import {
  MAIN,
  REPOSITORY,
  type Running,
  runCommand,
  startServerProcess,
  temporaryFolder,
} from './support/taskyard-process.ts'

const blocks = examplesOf(join(REPOSITORY, 'docs/guides/several-customers.md'))
const IN_BACKGROUND = ['server', 'worker', 'gateway', 'built-in types']

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let server: Awaited<ReturnType<typeof startServerProcess>>
let gatewayUrl: string
let worker: Running
let gateway: Running

before(async () => {
  folder = await temporaryFolder()
  await symlink(join(REPOSITORY, 'node_modules'), join(folder.path, 'node_modules'))
  await writeFile(join(folder.path, 'package.json'), '{"type":"module"}')
  for (const { note, text } of blocks.filter(({ language }) => language === 'ts')) {
    await writeFile(join(folder.path, note), text)
  }
  server = await startServerProcess({ store: join(folder.path, 'tasks.db') })
  worker = shell(blockFor('worker'))
  gateway = shell(blockFor('gateway'), { PORT: '0' })
  const [, port] = await gateway.line(/port: (\d+)/)
  gatewayUrl = `http://127.0.0.1:${port}`
})
after(async () => {
  await worker?.stop()
  await gateway?.stop()
  await server?.stop()
  await folder.remove()
})

describe('the guide to several customers', () => {
  it('starts the server as the other guides do', () => {
    assert.equal(blockFor('server'), 'npx @taskyard/taskyard start\n')
  })

  it('has code that compiles', async () => {
    const config = { extends: join(REPOSITORY, 'tsconfig.json'), include: [`${folder.path}/*.ts`], exclude: [] }
    await writeFile(join(folder.path, 'tsconfig.json'), JSON.stringify(config))
    const tsc = join(REPOSITORY, 'node_modules/typescript/bin/tsc')
    const { code, stdout } = await runCommand(process.execPath, [tsc, '-p', folder.path], { cwd: folder.path }).ended
    assert.equal(code, 0, stdout)
  })

  for (const [index, { language, note, text }] of blocks.entries()) {
    if (language !== 'sh' || IN_BACKGROUND.includes(note)) continue
    it(`runs: ${text.trim().split('\n').at(-1)}`, async () => {
      const { code, stdout, stderr } = await shell(text).ended
      assert.equal(code, 0, stderr)
      const promised = blocks[index + 1]
      if (promised?.language === 'text') assert.equal(stdout, promised.text)
    })
  }

  it('has a gateway that names the customer, whatever the call says', async () => {
    const namespacesOf = async (customer: string) => {
      const headers = { authorization: `Bearer key-of-${customer}`, 'taskyard-namespace': 'globex' }
      const answer = await fetch(`${gatewayUrl}/api/v1/tasks`, { headers })
      const { items } = (await answer.json()) as { items: readonly { namespace: string }[] }
      return [...new Set(items.map(({ namespace }) => namespace))]
    }
    assert.deepEqual(await namespacesOf('acme'), ['acme'])
    assert.deepEqual(await namespacesOf('globex'), ['globex'])
  })

  it('has a gateway that takes submissions, and refuses strangers and what tells of all', async () => {
    const call = (path: string, options: RequestInit = {}) => fetch(`${gatewayUrl}${path}`, options)
    const headers = { authorization: 'Bearer key-of-acme', 'content-type': 'application/json' }
    const body = JSON.stringify({ type: 'report', payload: { month: '2027-01' } })
    const answer = await call('/api/v1/tasks', { method: 'POST', headers, body })
    assert.equal(answer.status, 202)
    assert.equal(((await answer.json()) as { namespace: string }).namespace, 'acme')
    assert.equal((await call('/api/v1/tasks')).status, 401)
    assert.equal((await call('/metrics', { headers })).status, 404)
  })

  it('has a server that runs built-in types for the customers it names', async () => {
    const block = /^TASKYARD_WORKER_NAMESPACES=(\S+) npx @taskyard\/taskyard start\n$/.exec(blockFor('built-in types'))
    const env = { TASKYARD_WORKER_NAMESPACES: block?.[1] ?? '' }
    const other = await startServerProcess({ store: join(folder.path, 'built-in.db'), env })
    for (const customer of ['acme', 'globex']) {
      const command = `npx @taskyard/taskyard submit uppercase '{"text":"hello"}' --namespace ${customer} --wait`
      assert.equal((await shell(command, { TASKYARD_URL: other.url }).ended).code, 0)
    }
    await other.stop()
  })

  it('has workers that stop in order', async () => {
    assert.equal((await worker.stop()).code, 0)
  })
})

/** A block as the reader's shell would run it, with the command of this repository, the server and the gateway of this test. */
function shell(text: string, env: Readonly<Record<string, string>> = {}): Running {
  const here = text
    .replaceAll('npx @taskyard/taskyard', `"${process.execPath}" "${MAIN}"`)
    .replace(/^npx node/m, `exec "${process.execPath}"`)
    .replaceAll('http://127.0.0.1:8080', server.url)
    .replaceAll('http://127.0.0.1:8081', gatewayUrl)
  return runCommand('bash', ['-c', `set -e\n${here}`], {
    cwd: folder.path,
    env: { TASKYARD_URL: server.url, ...env },
  })
}

function blockFor(note: string): string {
  return blocks.find((block) => block.note === note)?.text ?? assert.fail(`no block for the ${note}`)
}
