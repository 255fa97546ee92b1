import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { Taskyard } from '@taskyard/taskyard'
import { REPOSITORY, type RunOptions, runCommand } from './taskyard-process.ts'

/** A project of a user, with nothing of this repository but the tarballs that the build makes. */
export interface OwnProject {
  readonly path: string
  /** Folder of the packages and their tarballs. */
  readonly dist: string
  put(files: Readonly<Record<string, string>>): void
}

interface MakeOwnProjectParams {
  readonly folder: string
  /** Installs with this one, which has to be good enough for every package. */
  readonly node: string
  readonly others: readonly string[]
}

/** Builds the packages, and installs the whole of Taskyard with what else the project needs, at once. */
export async function makeOwnProject({ folder, node, others }: MakeOwnProjectParams): Promise<OwnProject> {
  const dist = join(folder, 'taskyard/dist')
  await output(process.execPath, [join(REPOSITORY, 'tools/build.ts'), dist])
  const path = join(folder, 'project')
  mkdirSync(path)
  writeFileSync(join(path, 'package.json'), '{"name":"project","type":"module"}')
  const install = `npm install --engine-strict --prefer-offline --no-audit --no-fund ${others.join(' ')}`
  // The line of the guide, with what the tests need beside.
  await output('bash', ['-c', `${install} ../taskyard/dist/taskyard-taskyard-*.tgz`], {
    cwd: path,
    env: { PATH: pathWith(node) },
  })
  return {
    path,
    dist,
    put(files) {
      for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
    },
  }
}

/** What a command writes to stdout; it has to end with 0, and to write nothing to stderr if `isQuiet`. */
export async function output(
  command: string,
  args: readonly string[],
  { isQuiet = false, ...options }: RunOptions & { readonly isQuiet?: boolean } = {},
): Promise<string> {
  const { code, stdout, stderr } = await runCommand(command, args, options).ended
  assert.equal(code, 0, `${command} ${args.join(' ')}\n${stdout}${stderr}`)
  if (isQuiet) assert.equal(stderr, '')
  return stdout
}

/** `PATH` with the folder of this Node first. */
export function pathWith(node: string): string {
  return `${dirname(node)}${delimiter}${process.env.PATH ?? ''}`
}

/** A `welcome` of the guide whose payload has no e-mail. */
export async function submitOneThatFails(store: string): Promise<void> {
  await using yard = await Taskyard.open({ store })
  const { id } = await yard.submit('welcome', null, { maxAttempts: 1 })
  assert.equal((await yard.wait(id, { timeoutSeconds: 60 })).status, 'failed')
}
