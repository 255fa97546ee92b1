import assert from 'node:assert/strict'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Taskyard } from '@taskyard/taskyard'
import { REPOSITORY, runCommand, temporaryFolder } from './support/taskyard-process.ts'

describe('the library reference', () => {
  it('has code that compiles, and a test that passes', async (t) => {
    const folder = await temporaryFolder()
    t.after(() => folder.remove())
    const place = join(folder.path, 'reference')
    await mkdir(place)
    await symlink(join(REPOSITORY, 'node_modules'), join(place, 'node_modules'))
    const markdown = await readFile(join(REPOSITORY, 'docs/reference/library.md'), 'utf8')
    const blocks = [...markdown.matchAll(/^```ts (\S+)\n([\s\S]*?)^```$/gm)]
    assert.ok(blocks.length > 0)
    for (const [, name = '', text = ''] of blocks) await writeFile(join(place, name), text)
    const config = { extends: join(REPOSITORY, 'tsconfig.json'), include: [`${place}/*.ts`], exclude: [] }
    await writeFile(join(place, 'tsconfig.json'), JSON.stringify(config))
    await writeFile(join(place, 'package.json'), '{"type":"module"}')
    const tsc = join(REPOSITORY, 'node_modules/typescript/bin/tsc')
    const { code, stdout } = await runCommand(process.execPath, [tsc, '-p', place]).ended
    assert.equal(code, 0, stdout)
    const test = await runCommand(process.execPath, ['--test', 'sign-up.test.ts'], { cwd: place }).ended
    assert.equal(test.code, 0, test.stdout)
  })

  it('names every method', async () => {
    const markdown = await readFile(join(REPOSITORY, 'docs/reference/library.md'), 'utf8')
    const classes = [Taskyard.prototype, Object.getPrototypeOf(Taskyard.prototype)]
    const methods = classes.flatMap(Object.getOwnPropertyNames).filter((name) => name !== 'constructor')
    for (const method of methods) assert.match(markdown, new RegExp(`\`${method}[(\`]`), `${method} is missing`)
  })
})

describe('the library example', () => {
  it('runs as its README says', async () => {
    const { code, stdout, stderr } = await runCommand(process.execPath, ['examples/library.ts'], { cwd: REPOSITORY })
      .ended
    assert.equal(code, 0, stderr)
    assert.equal(stdout, "succeeded { greeting: 'Hello, Ada!' }\n")
  })
})
