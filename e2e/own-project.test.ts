// The packages as a user meets them: tarballs alone, in a project of its own, on the oldest Node that they claim and on this one.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { eventually } from '@taskyard/conformance'
import { nodeBinary } from '@taskyard/test-servers'
import { example } from './support/examples.ts'
import { FOR_GOOD } from './support/for-good.ts'
import { ownDatabase } from './support/own-database.ts'
import { makeOwnProject, type OwnProject, output, pathWith, submitOneThatFails } from './support/own-project.ts'
import { REPOSITORY, runCommand, temporaryFolder } from './support/taskyard-process.ts'

const OLDEST = '22.20.0'
const TOO_OLD = '20.20.2'
const COMPLAINT = `Taskyard needs Node 22.20, 24.7 or later, and this is v${TOO_OLD}.`
/** What packages may weigh, kB of the tarball: whoever needs more should know why. */
const LARGEST = { taskyard: 900, client: 140 }
const MOST_DEPENDENCIES = 15
/** To build, to install and to compile all that takes its time. */
const LONG = { timeout: 480_000 }

const GUIDE = join(REPOSITORY, 'docs/guides/own-project.md')
const LIBRARY = join(REPOSITORY, 'docs/reference/library.md')
const README = join(REPOSITORY, 'packages/taskyard/README.md')
const STRICT = ['--strict', '--exactOptionalPropertyTypes', '--target', 'es2023', '--types', 'node']
const TOOLS = ['fastify@5', 'pg@8', '@types/pg@8', '@types/node@22', 'typescript@7', 'ts59@npm:typescript@5.9', 'tsx@4']

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let project: OwnProject
/** Names of versions, and where those Nodes are. */
const nodes = new Map<string, string>()
let tooOld = ''

before(async () => {
  folder = await temporaryFolder()
  nodes.set(OLDEST, await nodeBinary(OLDEST)).set(process.versions.node, process.execPath)
  tooOld = await nodeBinary(TOO_OLD)
  project = await makeOwnProject({
    folder: folder.path,
    node: nodes.get(OLDEST) ?? '',
    others: [...TOOLS, 'esbuild@0.28'],
  })
  project.put({
    'library.ts': example(README, 'library.ts'),
    'library.js': example(README, 'library.ts'),
    'library.cjs': asCommonJs(example(README, 'library.ts')),
  })
})
after(() => folder.remove())

describe('the package in a project of its own', LONG, () => {
  it('runs the library on the oldest Node and on this one, with import and with require, and without a word beside', async () => {
    for (const node of nodes.values()) {
      assert.equal(await output(node, ['library.js'], { cwd: project.path, isQuiet: true }), '42\n')
      assert.equal(await output(node, ['library.cjs'], { cwd: project.path, isQuiet: true }), '42\n')
    }
  })

  it('runs as TypeScript: by Node itself and by tsx', async () => {
    assert.equal(await output(oldest(), ['library.ts'], { cwd: project.path }), '42\n')
    assert.equal(await output(oldest(), ['node_modules/tsx/dist/cli.mjs', 'library.ts'], { cwd: project.path }), '42\n')
  })

  it('has a command that npx finds, and a server that is started by its path', async () => {
    const env = { PATH: pathWith(oldest()), TASKYARD_PORT: '0', TASKYARD_STORE: 'sqlite:./server.db' }
    const server = runCommand('bash', ['-c', `exec ${example(README, 'sh', 0)}`], { cwd: project.path, env })
    const [, url = ''] = await server.line(/ready at (http\S+)/)
    const submit = await output('bash', ['-c', example(README, 'sh', 1)], {
      cwd: project.path,
      env: { ...env, TASKYARD_URL: url },
    })
    assert.match(submit, /HELLO/)
    const { code, stderr } = await server.stop()
    assert.equal(code, 0)
    assert.doesNotMatch(stderr, /Warning/)
  })

  it('runs handlers in a TypeScript file by its command', async () => {
    project.put({ 'double.ts': 'export default { double: (task: { payload: number }) => task.payload * 2 }\n' })
    const env = { PATH: pathWith(oldest()), TASKYARD_PORT: '0', TASKYARD_STORE: 'sqlite:./for-work.db' }
    const command = (args: string) => ({
      args: ['-c', `exec node_modules/.bin/taskyard ${args}`],
      options: { cwd: project.path, env },
    })
    const start = command('start')
    const server = runCommand('bash', start.args, start.options)
    const [, url = ''] = await server.line(/ready at (http\S+)/)
    const work = command(`work ./double.ts --url ${url}`)
    const worker = runCommand('bash', work.args, work.options)
    const submit = command(`submit double 21 --wait --json --url ${url}`)
    assert.equal(JSON.parse(await output('bash', submit.args, submit.options)).result, 42)
    assert.equal((await worker.stop()).code, 0)
    await server.stop()
  })

  it('loads no server and no driver for a client', async () => {
    const hooks = `import { registerHooks } from 'node:module'
      const names = new Set()
      registerHooks({ load: (url, context, next) => (names.add(url.split('/node_modules/')[1]), next(url, context)) })
      process.once('exit', () => console.log([...names].join('\\n')))`
    project.put({
      'hooks.js': hooks,
      'import.js': `import { Client } from '@taskyard/taskyard'\nnew Client({ url: 'http://localhost' })\n`,
    })
    const loaded = await output(oldest(), ['--import', './hooks.js', 'import.js'], { cwd: project.path })
    assert.match(loaded, /@taskyard\/taskyard\/lib\/client\/client\.js/)
    assert.doesNotMatch(
      loaded,
      /^(fastify|@fastify|mongodb|pg|ioredis|commander|pino|prom-client|undici)\/|\/lib\/(http|store-)/m,
    )
  })

  it('says in one line that a Node is too old', async () => {
    const command = await runCommand(tooOld, ['node_modules/.bin/taskyard', 'start'], { cwd: project.path }).ended
    assert.deepEqual([command.code, command.stdout, command.stderr], [1, '', `${COMPLAINT}\n`])
    for (const file of ['library.js', 'library.cjs']) {
      const library = await runCommand(tooOld, [file], { cwd: project.path }).ended
      assert.equal(library.code, 1)
      assert.ok(library.stderr.includes(`Error: ${COMPLAINT}`), library.stderr)
      assert.doesNotMatch(library.stderr, /SyntaxError|node:sqlite|\n +at /)
    }
  })

  it('refuses wrong types where they are, and nothing else', async () => {
    project.put({
      'wrong.ts': `import { Taskyard } from '@taskyard/taskyard'\nexport const yard = Taskyard.open({ store: 7 })\n`,
    })
    const { code, stdout } = await runCommand(process.execPath, compiler('typescript', 'nodenext', 'wrong.ts'), {
      cwd: project.path,
    }).ended
    assert.notEqual(code, 0)
    assert.match(stdout, /^wrong\.ts\(2,\d+\): error TS2322: [^\n]+\n*$/)
  })

  it('weighs no more than it should, and needs no more packages', () => {
    for (const [name, kilobytes] of Object.entries(LARGEST)) {
      const [file = ''] = globSync(`taskyard-${name}-*.tgz`, { cwd: project.dist })
      assert.ok(statSync(join(project.dist, file)).size <= kilobytes * 1000, `${file} is larger than ${kilobytes} kB`)
    }
    const { dependencies } = JSON.parse(readFileSync(join(project.dist, 'taskyard/package.json'), 'utf8'))
    assert.ok(Object.keys(dependencies).length <= MOST_DEPENDENCIES)
  })

  it('has documents, whose links lead somewhere', () => {
    assert.match(readFileSync(join(project.dist, 'taskyard/README.md'), 'utf8'), /\]\(docs\/guides\/own-handlers\.md\)/)
    for (const name of globSync('{taskyard,client}/{README.md,{docs,contracts}/**/*.md}', { cwd: project.dist })) {
      const file = join(project.dist, name)
      for (const [, path = ''] of readFileSync(file, 'utf8').matchAll(/\]\((?!https?:|#)([^)#\s]+)(?:#[^)\s]*)?\)/g)) {
        assert.ok(existsSync(join(dirname(file), path)), `${name}: ${path}`)
      }
    }
  })

  it('has a client that needs no other package', async () => {
    const path = join(folder.path, 'client-alone')
    mkdirSync(path)
    const [tarball = ''] = globSync('taskyard-client-*.tgz', { cwd: project.dist })
    await output('npm', [
      'install',
      '--offline',
      '--no-audit',
      '--no-fund',
      '--prefix',
      path,
      join(project.dist, tarball),
    ])
    assert.deepEqual(globSync('node_modules/{*,@*/*}/package.json', { cwd: path }), [
      'node_modules/@taskyard/client/package.json',
    ])
    cpSync(join(project.dist, 'client/README.md'), join(path, 'README.md'))
    const env = { PATH: pathWith(oldest()), TASKYARD_PORT: '0', TASKYARD_STORE: 'sqlite:./for-client.db' }
    const server = runCommand('node_modules/.bin/taskyard', ['start'], { cwd: project.path, env })
    const [, url = ''] = await server.line(/ready at (http\S+)/)
    const program = example(join(REPOSITORY, 'packages/client/README.md'), 'client.ts')
    const args = ['--input-type=module', '-e', program.replace('http://127.0.0.1:8080', url)]
    assert.equal(await output(oldest(), args, { cwd: path, isQuiet: true }), '42\n')
    // The example of the library, and a worker that says that another attempt is useless.
    const overHttp = example(LIBRARY, 'over-http.ts').replace('@taskyard/taskyard', '@taskyard/client')
    for (const [name, text] of Object.entries({ 'over-http.ts': overHttp, 'for-good.ts': FOR_GOOD }))
      writeFileSync(join(path, name), text)
    writeFileSync(join(path, 'package.json'), '{"type":"module"}')
    const compile = ['../project/node_modules/typescript/bin/tsc', ...STRICT, '--lib', 'es2023,esnext.disposable']
    const types = ['--typeRoots', '../project/node_modules/@types', '--module', 'nodenext']
    assert.equal(
      await output(process.execPath, [...compile, ...types, 'over-http.ts', 'for-good.ts'], { cwd: path }),
      '',
    )
    const forGood = await output(oldest(), ['for-good.js', url], { cwd: path, isQuiet: true })
    assert.equal(forGood, 'mailbox_unknown at attempt 1 of 10\ntask_not_found\n')
    await server.stop()
  })
})

describe('the sign-up of the guide', LONG, () => {
  before(async () => {
    project.put({
      ...Object.fromEntries(['tasks.ts', 'web.ts', 'worker.ts'].map((name) => [name, example(GUIDE, name)])),
    })
  })

  it('compiles strictly with TypeScript 7 and 5.9, for Node and for bundlers', async () => {
    for (const version of ['typescript', 'ts59']) {
      const args = compiler(version, version === 'ts59' ? 'bundler' : 'nodenext', 'web.ts', 'worker.ts')
      const rewriting = [...args, '--rewriteRelativeImportExtensions']
      assert.equal(await output(process.execPath, rewriting, { cwd: project.path }), '')
    }
  })

  it('commits a user together with a task that a worker in another process does', async () => {
    const args = ['node_modules/typescript/bin/tsc', ...STRICT, '--module', 'nodenext', '--outDir', 'out']
    const rewriting = [...args, '--rewriteRelativeImportExtensions']
    await output(process.execPath, [...rewriting, 'web.ts', 'worker.ts'], { cwd: project.path })
    for (const node of nodes.values()) {
      const env = { DATABASE_URL: await ownDatabase(example(GUIDE, 'users.sql')), PORT: '0' }
      // The oldest says that it runs TypeScript as it is, beside doing so.
      const file = (name: string) => (node === oldest() ? `out/${name}.js` : `${name}.ts`)
      const web = runCommand(node, [file('web')], { cwd: project.path, env })
      const [, url = ''] = await web.line(/listening at (\S+)/)
      const headers = { 'content-type': 'application/json' }
      const signUp = (email: string) =>
        fetch(`${url}/users`, { method: 'POST', headers, body: JSON.stringify({ email }) })
      const { task } = (await (await signUp('ada@example.com')).json()) as { task: string }
      const look = async (id: string) => (await fetch(`${url}/tasks/${id}`)).json()
      assert.deepEqual(await look(task), {
        status: 'queued',
        because: 'no worker is known in namespace default; start one that handles welcome',
      })
      const worker = runCommand(node, [file('worker')], { cwd: project.path, env })
      await worker.line(/working/)
      const done = { status: 'succeeded', result: { greeted: 'ada@example.com' } }
      await eventually('it is done', 60_000, async () => isDeepStrictEqual(await look(task), done))
      assert.equal((await fetch(`${url}/tasks/${randomUUID()}`)).status, 404)
      assert.equal((await signUp('ada@example.com')).status, 500, 'the same user again')
      await submitOneThatFails(env.DATABASE_URL)
      const [ofWeb, ofWorker] = [await web.stop(), await worker.stop()]
      assert.deepEqual([ofWeb.code, ofWorker.code], [0, 0])
      assert.match(ofWeb.stdout + ofWeb.stderr, /duplicate key value/)
      assert.match(ofWorker.stderr, /^welcome \S+ has failed: .*null.*\n$/)
    }
  })
})

describe('a bundle', LONG, () => {
  const bundle = example(GUIDE, 'bundle')
  const ending = 'process.exitCode = troubles\n'

  before(() => {
    // A thread that does not start is told to `onError`, and its work is done some other way or time.
    const text = example(README, 'library.ts').replace(
      ' })',
      ', onError: (error) => { troubles = 1; console.error(error) } })',
    )
    project.put({ 'library.js': `let troubles = 0\n${text}${ending}` })
  })

  it('finds its threads in the installed package', async () => {
    await esbuild('library.js --bundle --platform=node --format=esm --outdir=built')
    assert.equal(await output(oldest(), ['built/library.js'], { cwd: project.path, isQuiet: true }), '42\n')
    await esbuild('library.cjs --bundle --platform=node --log-level=error --outfile=built/library.cjs')
    assert.equal(await output(oldest(), ['built/library.cjs'], { cwd: project.path, isQuiet: true }), '42\n')
  })

  it('goes alone with its threads beside it, and says so when it lacks them', async () => {
    await esbuild(bundle.replace(/^npx esbuild /, ''))
    const path = join(folder.path, 'alone')
    cpSync(join(project.path, 'dist'), path, { recursive: true })
    cpSync(join(project.path, 'dist/library.js'), join(folder.path, 'lone/library.js'))
    for (const at of [path, join(folder.path, 'lone')])
      cpSync(join(project.path, 'package.json'), join(at, 'package.json'))
    assert.equal(await output(oldest(), ['library.js'], { cwd: path, isQuiet: true }), '42\n')
    const { code, stderr } = await runCommand(oldest(), ['library.js'], { cwd: join(folder.path, 'lone') }).ended
    assert.equal(code, 1)
    assert.match(stderr, /bundle @taskyard\/taskyard\/threads as taskyard-threads\.js in /)
  })

  function esbuild(args: string): Promise<string> {
    const command = `node_modules/.bin/esbuild ${args}`
    return output('bash', ['-c', command], { cwd: project.path, env: { PATH: pathWith(oldest()) } })
  }
})

function oldest(): string {
  return nodes.get(OLDEST) ?? ''
}

function compiler(version: string, resolution: 'nodenext' | 'bundler', ...files: string[]): string[] {
  const module =
    resolution === 'bundler' ? ['--module', 'esnext', '--moduleResolution', 'bundler'] : ['--module', 'nodenext']
  return [`node_modules/${version}/bin/tsc`, '--noEmit', ...STRICT, ...module, ...files]
}

function asCommonJs(text: string): string {
  const [first = '', ...rest] = text.split('\n')
  const required = first.replace(/^import (.*) from (.*)$/, 'const $1 = require($2)')
  return `${required}\nvoid (async () => {\n${rest.join('\n')}})()\n`
}
