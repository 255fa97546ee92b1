// Makes publishable packages in dist/ (or the folder given): JavaScript and types beside each other, manifests pointing at them.

import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

interface Manifest {
  readonly name: string
  /** Not for publication. */
  readonly private?: boolean
  readonly exports: Readonly<Record<string, string>>
  readonly bin?: Readonly<Record<string, string>>
  readonly devDependencies?: unknown
}

const root = join(import.meta.dirname, '..')
const packages = join(root, 'packages')
const dist = resolve(root, process.argv[2] ?? 'dist')

rmSync(dist, { recursive: true, force: true })
if (emit()) for (const path of globSync('*/package.json', { cwd: packages })) completePackage(dirname(path))

/** `packages/x/src/y.ts` → `dist/x/src/y.js` and `y.d.ts`, so that paths relative to a source stay right. */
function emit(): boolean {
  const { status, error } = spawnSync('tsc', ['--project', 'tools/tsconfig.build.json', '--outDir', dist], {
    cwd: root,
    stdio: 'inherit',
  })
  if (error !== undefined) console.error(error.message)
  process.exitCode = status ?? 1
  return status === 0
}

function completePackage(folder: string): void {
  const manifest = JSON.parse(readFileSync(join(packages, folder, 'package.json'), 'utf8')) as Manifest
  if (manifest.private) return
  const target = join(dist, folder)
  for (const asset of globSync('src/**/*.*', { cwd: join(packages, folder), exclude: ['**/*.ts'] })) {
    mkdirSync(dirname(join(target, asset)), { recursive: true })
    cpSync(join(packages, folder, asset), join(target, asset))
  }
  cpSync(join(root, 'LICENSE'), join(target, 'LICENSE'))
  writeFileSync(join(target, 'README.md'), readme(folder, manifest))
  writeFileSync(join(target, 'package.json'), `${JSON.stringify(publishable(manifest), null, 2)}\n`)
  for (const file of Object.values(manifest.bin ?? {})) chmodSync(join(target, compiled(file)), 0o755)
}

function publishable({ devDependencies: _, ...manifest }: Manifest): object {
  const exports = Object.entries(manifest.exports).map(([path, file]) => [
    path,
    { types: file.replace(/\.ts$/, '.d.ts'), default: compiled(file) },
  ])
  const bin = Object.entries(manifest.bin ?? {}).map(([name, file]) => [name, compiled(file)])
  return {
    ...manifest,
    engines: { node: '>=24' },
    exports: Object.fromEntries(exports),
    ...(bin.length === 0 ? {} : { bin: Object.fromEntries(bin) }),
    files: ['src'],
    publishConfig: { access: 'public' },
  }
}

function readme(folder: string, manifest: Manifest & { readonly description?: string }): string {
  if (folder === 'taskyard') return readFileSync(join(root, 'README.md'), 'utf8')
  return `# ${manifest.name}\n\n${manifest.description ?? ''}\n\nA part of Taskyard; start with the package \`@taskyard/taskyard\`.\n`
}

function compiled(file: string): string {
  return file.replace(/\.ts$/, '.js')
}
