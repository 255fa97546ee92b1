import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { ROOT } from './support/plant.ts'

const folder = mkdtempSync(join(tmpdir(), 'taskyard-packages-'))
const project = join(folder, 'project')

before(() => {
  run(ROOT, process.execPath, 'tools/build.ts', join(folder, 'dist'))
  const packages = readdirSync(join(folder, 'dist')).map((name) => join(folder, 'dist', name))
  run(folder, 'npm', 'pack', ...packages, '--pack-destination', folder)
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{"name":"project","type":"module"}')
  run(project, 'npm', 'install', '--prefer-offline', ...globSync('*.tgz', { cwd: folder }).map((name) => `../${name}`))
})
after(() => rmSync(folder, { recursive: true, force: true }))

test('the installed library runs a task', () => {
  writeFileSync(
    join(project, 'run.js'),
    `import { Taskyard } from '@taskyard/taskyard'
    const yard = await Taskyard.open({ store: 'sqlite:./tasks.db' })
    const worker = yard.work({ double: (task) => task.payload * 2 })
    const { id } = await yard.submit('double', 21)
    console.log((await yard.wait(id)).result)
    await worker.stop()
    await yard.close()`,
  )
  assert.equal(run(project, process.execPath, 'run.js'), '42\n')
})

test('the installed command shows its help', () => {
  assert.match(run(project, 'npx', '--no-install', '@taskyard/taskyard', '--help'), /Usage: taskyard/)
})

test('the installed types check the code that uses them', () => {
  const source =
    "import { Taskyard } from '@taskyard/taskyard'\nexport const yard: Promise<Taskyard> = Taskyard.open({ store: 7 })\n"
  writeFileSync(join(project, 'typed.ts'), source)
  const { status, stdout } = compile('typed.ts')
  assert.notEqual(status, 0)
  assert.match(stdout, /^typed\.ts\(2,\d+\): error TS2322: Type 'number' is not assignable to type 'string/m)
  assert.equal(
    stdout
      .trim()
      .split('\n')
      .filter((line) => !line.startsWith(' ')).length,
    1,
    stdout,
  )
})

function compile(file: string) {
  const tsc = join(ROOT, 'node_modules/.bin/tsc')
  const flags = ['--noEmit', '--strict', '--target', 'esnext', '--module', 'nodenext']
  const types = ['--typeRoots', join(ROOT, 'node_modules/@types'), '--types', 'node']
  return spawnSync(tsc, [...flags, ...types, file], { cwd: project, encoding: 'utf8' })
}

function run(cwd: string, command: string, ...args: string[]): string {
  const path = `${dirname(process.execPath)}${delimiter}${process.env.PATH}`
  const env = { ...process.env, PATH: path }
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, env, encoding: 'utf8' })
  assert.equal(status, 0, `${command} ${args[0]}: ${error?.message ?? ''}${stdout}${stderr}`)
  return stdout
}
