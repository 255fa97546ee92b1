import { execFile } from 'node:child_process'
import { chmodSync, copyFileSync, cpSync, globSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { inCache } from './cache.ts'

const run = promisify(execFile)

const MODULE = 'github.com/FerretDB/FerretDB'
const VERSION = 'v1.24.2'
const SUM = 'h1:trrUU0LbmusMbyubhPS1IELncvrIwKrsRT2LW1UUWCw='
/** Another patch makes another binary. */
const REVISION = 3

/**
 * The binary of FerretDB, which speaks MongoDB's protocol, built once per machine with `ferretdb/*.patch`: as published
 * it does not keep MongoDB's promise that a change of one document is atomic, and reads whole collections where MongoDB
 * goes by an index.
 * @throws with instructions, where it cannot be built
 */
export async function ferretdbBinary(): Promise<string> {
  const folder = await inCache(`ferretdb-${VERSION}-${REVISION}`, null, build).catch((cause: Error) => {
    throw new Error(
      `The tests need FerretDB as a MongoDB server, and it could not be built. Install Go 1.24 or later (https://go.dev/doc/install) ` +
        `and git, and try again: ${cause.message}`,
      { cause },
    )
  })
  return join(folder, 'ferretdb')
}

async function build(target: string): Promise<void> {
  console.error('Building FerretDB for the tests, once: this can take two minutes')
  const sources = `${target}-sources`
  const { stdout } = await go(['mod', 'download', '-json', `${MODULE}@${VERSION}`], '/')
  const { Dir, Sum } = JSON.parse(stdout) as { Dir: string; Sum: string }
  if (Sum !== SUM) throw new Error(`${MODULE}@${VERSION} is not the one that was checked: ${Sum}`)
  cpSync(Dir, sources, { recursive: true })
  makeWritable(sources)
  writeFileSync(join(sources, 'build', 'version', 'version.txt'), VERSION)
  await run('git', ['apply', join(import.meta.dirname, '..', 'ferretdb', `${VERSION}.patch`)], { cwd: sources })
  mkdirSync(target)
  const binary = join(target, 'ferretdb')
  await go(['build', '-buildvcs=false', '-trimpath', '-ldflags=-s -w', '-o', binary, './cmd/ferretdb'], sources)
  copyFileSync(join(sources, 'LICENSE'), join(target, 'LICENSE'))
}

/** The module cache is read-only, and so are copies of it. */
function makeWritable(folder: string): void {
  chmodSync(folder, 0o755)
  for (const entry of globSync('**', { cwd: folder, withFileTypes: true })) {
    chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644)
  }
}

function go(args: readonly string[], cwd: string): Promise<{ stdout: string }> {
  const path = `${process.env.PATH}:/usr/local/go/bin`
  return run('go', args, { cwd, env: { ...process.env, PATH: path }, maxBuffer: 1 << 26 })
}
