// The page about a machine of one's own: its unit is read by systemd, its proxy runs before a server.
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Client } from '@taskyard/taskyard'
import { nginxBinary, systemdAnalyze } from '@taskyard/test-servers'
import { examplesOf } from './support/examples.ts'
import {
  MAIN,
  REPOSITORY,
  type Running,
  runCommand,
  runTaskyard,
  startServerProcess,
  temporaryFolder,
} from './support/taskyard-process.ts'

const examples = examplesOf(join(REPOSITORY, 'docs/operations/deploy.md'))
const textOf = (note: string) => examples.find((example) => example.note === note)?.text ?? assert.fail(note)

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let server: Awaited<ReturnType<typeof startServerProcess>>
let proxy: Running
let port: number

before(async () => {
  folder = await temporaryFolder()
  const [, hosts = ''] = /TASKYARD_PUBLIC_HOSTS=(.*)/.exec(textOf('taskyard.env')) ?? []
  server = await startServerProcess({ store: join(folder.path, 'tasks.db'), env: { TASKYARD_PUBLIC_HOSTS: hosts } })
  port = await freePort()
  proxy = await startProxy()
})
after(async () => {
  await proxy?.stop()
  await server?.stop()
  await folder.remove()
})

describe('the page about a machine of your own', () => {
  it('has a unit that systemd takes', async () => {
    const { command, env } = await systemdAnalyze()
    const unit = join(folder.path, 'taskyard.service')
    await writeFile(unit, textOf('taskyard.service').replace(/\/srv\/taskyard\/node_modules\/.bin\/taskyard/, MAIN))
    const { code, stderr } = await runCommand(command, ['verify', unit], { env }).ended
    // Of the machine's other units there is much to complain about.
    const ours = stderr.split('\n').filter((line) => line.includes('taskyard'))
    assert.deepEqual([code, ours], [0, []], stderr)
  })

  it('has settings that the server takes', async () => {
    const file = join(folder.path, 'taskyard.env')
    await writeFile(file, textOf('taskyard.env').replace('/var/lib/taskyard', folder.path))
    const { stdout } = await runCommand(process.execPath, [`--env-file=${file}`, MAIN, 'doctor', '--json']).ended
    const { findings } = JSON.parse(stdout)
    assert.equal(findings.find(({ check }: { check: string }) => check === 'configuration').verdict, 'ok')
  })

  it('has a proxy that lets nobody in without the password, and a client with it do everything', async () => {
    assert.equal((await fetch(`http://127.0.0.1:${port}/api/v1/tasks`)).status, 401)
    const url = `http://ada:secret@127.0.0.1:${port}`
    await using client = new Client({ url })
    const worker = client.work({ greet: ({ payload }) => `Hello, ${payload}!` })
    const { id } = await client.submit('greet', 'Ada')
    const kinds: string[] = []
    for await (const { kind } of client.watch(id)) kinds.push(kind)
    assert.deepEqual(kinds, ['submitted', 'started', 'succeeded'])
    const { workers } = JSON.parse((await runTaskyard(['workers', '--url', url, '--json']).ended).stdout)
    assert.ok(workers.some(({ workerId }: { workerId: string }) => workerId === worker.workerId))
    await worker.stop()
  })
})

/** That of the page, without TLS, on free ports. */
async function startProxy(): Promise<Running> {
  const { code, stdout } = await runCommand('openssl', ['passwd', '-apr1', 'secret']).ended
  assert.equal(code, 0)
  await writeFile(join(folder.path, 'htpasswd'), `ada:${stdout}`)
  const site = textOf('taskyard.conf')
    .replace('listen 443 ssl', `listen 127.0.0.1:${port}`)
    .replace(/^ *ssl_.*\n/gm, '')
    .replace('/etc/nginx/taskyard.htpasswd', join(folder.path, 'htpasswd'))
    .replace('http://127.0.0.1:8080', server.url)
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder.path};`)
  const main = `daemon off; master_process off; pid ${folder.path}/pid; error_log stderr; events {}\nhttp { access_log off; ${paths.join(' ')}\n${site}}\n`
  await mkdir(join(folder.path, 'logs'))
  await writeFile(join(folder.path, 'nginx.conf'), main)
  const { command, env } = await nginxBinary()
  const running = runCommand(command, ['-p', folder.path, '-c', join(folder.path, 'nginx.conf'), '-e', 'stderr'], {
    env,
  })
  while (running.isAlive()) {
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => null)
    if (answer !== null) return running
  }
  throw new Error((await running.ended).stderr)
}

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => listener.once('listening', resolve))
  const { port: free } = listener.address() as { port: number }
  await new Promise((resolve) => listener.close(resolve))
  return free
}
