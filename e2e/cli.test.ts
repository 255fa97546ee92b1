import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { useServer } from './support/cli.ts'

const { run } = useServer()

describe('the command line', () => {
  it('exits 5 and says what to do when no server answers', async () => {
    const { code, stdout, stderr } = await run(['queues', '--json'], { env: { TASKYARD_URL: 'http://127.0.0.1:9' } })
    assert.equal(code, 5)
    assert.equal(JSON.parse(stdout).error.code, 'connection_failed')
    assert.match(stderr, /Start one with: taskyard start/)
    assert.match(stderr, /TASKYARD_STORE=… TASKYARD_ROLES=api,scheduler taskyard start$/m)
  })

  it('suggests the command that was meant, exit code 2', async () => {
    const { code, stderr } = await run(['sumbit'])
    assert.equal(code, 2)
    assert.match(stderr, /Did you mean submit\?/)
  })

  it('prints a document on stdout even for a usage error with --json', async () => {
    const { code, stdout } = await run(['list', '--status', 'done', '--json'])
    assert.equal(code, 2)
    assert.equal(JSON.parse(stdout).error.code, 'usage')
  })

  it('has help with examples for every command', async () => {
    const { code, stdout } = await run(['--help'])
    assert.equal(code, 0)
    for (const name of [
      'start',
      'work',
      'submit',
      'get',
      'list',
      'cancel',
      'retry',
      'delete',
      'queues',
      'migrate',
      'doctor',
    ]) {
      assert.match(stdout, new RegExp(`\\n  ${name} `))
    }
    assert.match((await run(['submit', '--help'])).stdout, /Examples:\n {2}taskyard submit email/)
  })

  it('shows its help when it is called without a command, exit code 2', async () => {
    const { code, stderr } = await run([])
    assert.equal(code, 2)
    assert.match(stderr, /Usage: taskyard/)
  })

  it('says that there is no such command to help with', async () => {
    const { code, stderr } = await run(['help', 'lsit'])
    assert.equal(code, 2)
    assert.match(stderr, /unknown command 'lsit'\n\(Did you mean list\?\)/)
    assert.doesNotMatch(stderr, /Usage:/)
    assert.match((await run(['help', 'list'])).stdout, /Usage: taskyard list/)
  })

  it('says its version', async () => {
    assert.match((await run(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/)
    assert.match((await run(['version'])).stdout, /^Taskyard \d+\.\d+\.\d+, Node\.js \d+\.\d+\.\d+, \w+ \w+\n$/)
  })

  it('uses no colours where there is no terminal, and does when forced to', async () => {
    await run(['submit', 'nobody', '{}', '--queue', 'waiting'])
    assert.ok(!(await run(['queues'])).stdout.includes('\u001b['))
    assert.ok((await run(['queues'], { env: { FORCE_COLOR: '1' } })).stdout.includes('\u001b['))
  })
})
