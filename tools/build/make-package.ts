import { chmodSync, cpSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { copyDocuments } from './documents.ts'
import { evaluatedSource } from './evaluated-modules.ts'
import { repositoryFields } from './repository-fields.ts'
import { withOwnSpecifiers } from './specifiers.ts'
import { closureOf, type Manifest, type WorkspacePackage } from './workspace.ts'

export interface MakePackageParams {
  readonly root: string
  /** What the compiler made. */
  readonly compiled: string
  readonly dist: string
  readonly workspace: readonly WorkspacePackage[]
  readonly pkg: WorkspacePackage
}

/** `lib/x/y.js` and `y.d.ts` for each source of each package x, documents, and a manifest; returns the folder. */
export async function makePackage(params: MakePackageParams): Promise<string> {
  const { root, compiled, dist, workspace, pkg } = params
  const target = join(dist, pkg.folder)
  const parts = closureOf(pkg, workspace)
  for (const part of parts) {
    for (const file of globSync('**/*.{js,d.ts}', { cwd: join(compiled, part.folder, 'src') })) {
      const text = await sourceOf(part, file, compiled)
      write(join(target, 'lib', part.folder, file), withOwnSpecifiers(text, `${part.folder}/${file}`, parts))
    }
  }
  copyDocuments({ root, pkg, target })
  cpSync(join(root, 'LICENSE'), join(target, 'LICENSE'))
  write(join(target, 'package.json'), `${JSON.stringify(publishable(root, pkg, parts), null, 2)}\n`)
  for (const file of Object.values(pkg.manifest.bin ?? {})) chmodSync(join(target, published(pkg, file)), 0o755)
  return target
}

async function sourceOf(part: WorkspacePackage, file: string, compiled: string): Promise<string> {
  return (await evaluatedSource(part, file)) ?? readFileSync(join(compiled, part.folder, 'src', file), 'utf8')
}

function publishable(root: string, pkg: WorkspacePackage, parts: readonly WorkspacePackage[]): object {
  const { name, version, description, engines, exports, bin = {} } = pkg.manifest
  const entries = Object.entries(exports).map(([path, file]) => {
    const code = published(pkg, file)
    return [path, { types: code.replace(/\.js$/, '.d.ts'), default: code }]
  })
  const bins = Object.entries(bin).map(([command, file]) => [command, published(pkg, file)])
  return {
    name,
    version,
    description,
    license: 'Apache-2.0',
    ...repositoryFields(root),
    type: 'module',
    engines,
    exports: { ...Object.fromEntries(entries), './package.json': './package.json' },
    ...(bins.length === 0 ? {} : { bin: Object.fromEntries(bins) }),
    // What has an effect of its own when it is imported; a bundler may leave out all else that is not used.
    sideEffects: ['**/main.js', '**/command.js', '**/require-node.js', '**/*thread*.js'],
    dependencies: foreignDependencies(parts),
    publishConfig: { access: 'public' },
  }
}

function foreignDependencies(parts: readonly WorkspacePackage[]): Manifest['dependencies'] {
  const all = parts.flatMap(({ manifest }) => Object.entries(manifest.dependencies))
  const foreign = all.filter(([name]) => !parts.some(({ manifest }) => manifest.name === name))
  return Object.fromEntries(foreign.sort(([a], [b]) => a.localeCompare(b, 'en')))
}

/** `./src/main.ts` → `./lib/taskyard/main.js`. */
function published({ folder }: WorkspacePackage, file: string): string {
  return file.replace(/^\.\/src\/(.*)\.ts$/, `./lib/${folder}/$1.js`)
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}
