// Makes what is published in dist/ (or the folder given): a folder and a tarball for each package. An internal package
// that a published one uses becomes a folder inside of it, so that one tarball is all that a program needs.

import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { makePackage } from './build/make-package.ts'
import { packPackage } from './build/pack-package.ts'
import { readWorkspace } from './build/workspace.ts'

const root = join(import.meta.dirname, '..')
const dist = resolve(root, process.argv[2] ?? 'dist')
const compiled = join(dist, '.compiled')

rmSync(dist, { recursive: true, force: true })
mkdirSync(dist, { recursive: true })
process.exitCode = compile()
if (process.exitCode === 0) await buildPackages()
rmSync(compiled, { recursive: true, force: true })

/** `packages/x/src/y.ts` → `x/src/y.js` and `y.d.ts`. */
function compile(): number {
  const { status, error } = spawnSync('tsc', ['--project', 'tools/tsconfig.build.json', '--outDir', compiled], {
    cwd: root,
    stdio: 'inherit',
  })
  if (error !== undefined) console.error(error.message)
  return status ?? 1
}

async function buildPackages(): Promise<void> {
  const workspace = readWorkspace(root)
  for (const pkg of workspace.filter(({ manifest }) => !manifest.private)) {
    const made = await makePackage({ root, compiled, dist, workspace, pkg })
    console.log(packPackage(made, dist))
  }
}
