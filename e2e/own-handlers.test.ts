import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { eventually } from '@taskyard/conformance'
import { MAIN, REPOSITORY, type Running, runCommand, runTaskyard, temporaryFolder } from './support/taskyard-process.ts'

// The guide is run as a reader would run it: every code block, in order, in an empty folder.

interface Block {
  readonly language: string
  /** What follows the language: a file name, `server`, `worker`, `reports`, `watched` or `exits 1`. */
  readonly note: string
  readonly text: string
}

const GUIDE = join(REPOSITORY, 'docs/guides/own-handlers.md')
const blocks = readBlocks(await readFile(GUIDE, 'utf8'))

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let server: Running & { readonly url: string }
let worker: Running
let reports: Running

before(async () => {
  folder = await temporaryFolder()
  await symlink(join(REPOSITORY, 'node_modules'), join(folder.path, 'node_modules'))
  await writeFile(join(folder.path, 'package.json'), '{"type":"module"}')
  for (const { note, text } of blocks.filter(({ language }) => language === 'ts')) {
    await writeFile(join(folder.path, note), text)
  }
  const started = shell(blockWith('sh', 'server'), { TASKYARD_PORT: '0' })
  const [, url = ''] = await started.line(/ready at (http\S+)/)
  server = { ...started, url }
  worker = shell(blockWith('sh', 'worker'))
  await worker.line(/working on greet, charge/)
  reports = shell(blockWith('sh', 'reports'))
  await eventually('the types are declared', 60_000, async () => (await declaredTypes()).length > 0)
})
after(async () => {
  await reports?.stop()
  await worker?.stop()
  await server?.stop()
  await folder.remove()
})

describe('the guide to own handlers', () => {
  it('has code that compiles', async () => {
    const config = { extends: join(REPOSITORY, 'tsconfig.json'), include: [`${folder.path}/*.ts`], exclude: [] }
    await writeFile(join(folder.path, 'tsconfig.json'), JSON.stringify(config))
    const tsc = join(REPOSITORY, 'node_modules/typescript/bin/tsc')
    const { code, stdout } = await runCommand(process.execPath, [tsc, '-p', folder.path], { cwd: folder.path }).ended
    assert.equal(code, 0, stdout)
  })

  for (const [index, block] of blocks.entries()) {
    if (block.language !== 'sh' || ['server', 'worker', 'reports', 'watched'].includes(block.note)) continue
    it(`runs: ${block.text.split('\n')[0]}`, async () => {
      const { code, stdout, stderr } = await shell(block).ended
      assert.equal(code, block.note === 'exits 1' ? 1 : 0, stderr)
      const promised = blocks[index + 1]
      if (promised?.language === 'text') assert.equal(withoutChance(stdout), withoutChance(promised.text))
    })
  }

  it('has a test of a handler that passes', async () => {
    const { note } = blocks.find(({ note }) => note.endsWith('.test.ts')) as Block
    const { code, stdout } = await runCommand(process.execPath, ['--test', note], { cwd: folder.path }).ended
    assert.equal(code, 0, stdout)
    assert.match(stdout, /greets by name/)
  })

  it('fetches a title', async () => {
    const page = createServer((_, response) => response.end('<html><title>A page</title>')).listen(0, '127.0.0.1')
    await once(page, 'listening')
    const env = { TASKYARD_URL: server.url }
    const fetcher = runTaskyard(['work', 'fetch-title.ts'], { cwd: folder.path, env })
    const payload = JSON.stringify({ url: `http://127.0.0.1:${(page.address() as { port: number }).port}` })
    const { stdout } = await runTaskyard(['submit', 'fetch-title', payload, '--wait', '--json'], { env }).ended
    assert.deepEqual(JSON.parse(stdout).result, { title: 'A page' })
    await fetcher.stop()
    page.close()
  })

  it('starts the worker again when its module changes', async () => {
    const watched = shell(blockWith('sh', 'watched'))
    await watched.line(/working on greet, charge/)
    const file = join(folder.path, 'my-tasks.ts')
    await writeFile(file, `${await readFile(file, 'utf8')}\n`)
    await watched.line(/stopped after .*\n(.*\n)*.*working on greet, charge/)
    assert.equal((await watched.stop()).code, 0)
  })

  it('tells of the tasks that the worker ran', async () => {
    const { code, stdout } = await worker.stop('SIGTERM')
    assert.equal(code, 0)
    assert.match(stdout, /✔ greet/)
    assert.match(stdout, /✘ charge .* nothing to charge/)
  })
})

describe('examples/my-tasks.ts', () => {
  it('runs as its README says', async () => {
    const env = { TASKYARD_URL: server.url }
    const example = runTaskyard(['work', 'examples/my-tasks.ts'], { env })
    await example.line(/working on greet, count-words, charge/)
    const payload = JSON.stringify({ files: [GUIDE] })
    const { stdout } = await runTaskyard(['submit', 'count-words', payload, '--wait', '--json'], { env }).ended
    const task = JSON.parse(stdout)
    assert.equal(task.status, 'succeeded', JSON.stringify(task.error))
    assert.equal(task.result.words, (await readFile(GUIDE, 'utf8')).split(/\s+/).filter(Boolean).length)
    assert.deepEqual(task.progress, { done: 1, of: 1 })
    await example.stop()
  })
})

/** A block as the reader's shell would run it, with the command of this repository and the server of this test. */
function shell({ text }: Block, env: Readonly<Record<string, string>> = {}): Running {
  const here = text
    .replaceAll('npx @taskyard/taskyard', `exec "${process.execPath}" "${MAIN}"`)
    .replace(/^node /, `exec "${process.execPath}" `)
    .replaceAll('http://127.0.0.1:8080', server?.url ?? '')
  const url = server === undefined ? {} : { TASKYARD_URL: server.url }
  return runCommand('sh', ['-c', here], { cwd: folder.path, env: { ...url, ...env } })
}

async function declaredTypes(): Promise<readonly object[]> {
  const { stdout } = await runTaskyard(['types', '--json'], { env: { TASKYARD_URL: server.url } }).ended
  return JSON.parse(stdout).types
}

/** Output without what differs from run to run: ids, times, durations and the worker's name. */
function withoutChance(text: string): string {
  return text
    .replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, 'ID')
    .replace(/\d{4}-\d{2}-\d{2}T[\d:.]+Z {2}\([^)]*\)/g, 'TIME')
    .replace(/took [\d.]+ m?s/g, 'took A WHILE')
    .replace(/^( +worker +).*$/m, '$1NAME')
    .trim()
}

function readBlocks(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\w+) ?(.*)\n([\s\S]*?)^```$/gm)].map(([, language = '', note = '', text = '']) => {
    return { language, note, text }
  })
}

function blockWith(language: string, note: string): Block {
  const block = blocks.find((candidate) => candidate.language === language && candidate.note === note)
  assert.ok(block, `the guide has no ${language} block for the ${note}`)
  return block
}
