// The dependency rule: taskyard → http, adapters, tasks → engine → core; adapters → core only; nothing in production
// imports conformance or test-servers; no package reaches into another one's files; package.json says what is imported,
// and no more.
import { globSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { parseSync } from 'oxc-parser'

interface Manifest {
  readonly name: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly exports?: Readonly<Record<string, unknown>>
}

interface Package {
  /** Name of the folder under `packages/`. */
  readonly folder: string
  readonly path: string
  readonly manifest: Manifest
}

interface Import {
  readonly file: string
  readonly specifier: string
}

/** What production code of a package may import of this repository, by folder. `adapter` is any store, broker, cache. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  adapter: ['core'],
  conformance: ['core'],
  engine: ['core'],
  tasks: ['core'],
  'test-servers': [],
  worker: ['core'],
  client: ['core', 'worker'],
  http: ['core', 'engine'],
  dashboard: [],
  taskyard: ['core', 'engine', 'http', 'tasks', 'worker', 'client', 'dashboard', 'adapter'],
}

const ADAPTER = /^(store|broker|cache|blobs)-/

/** Every violation of the rule under `root`, as `file: what is wrong`. */
export function dependencyViolations(root: string): readonly string[] {
  const packages = globSync('packages/*/package.json', { cwd: root }).map((path) => readPackage(root, path))
  const shared = readManifest(join(root, 'package.json')).devDependencies ?? {}
  return packages.flatMap((pkg) => {
    const rule = MAY_IMPORT[roleOf(pkg.folder)]
    if (rule === undefined) return [`packages/${pkg.folder}: say in tools/check-dependencies.ts what it may import`]
    const production = importsOf(pkg, '{src,bin}/**/*.{ts,mjs,js}')
    const tests = importsOf(pkg, 'test/**/*.ts')
    return [
      ...production.flatMap((found) => productionViolations(found, pkg, rule, packages)),
      ...tests.flatMap((found) => testViolations(found, pkg, shared, packages)),
      ...unusedDependencies(pkg, production),
    ].map((violation) => violation.replaceAll(`${root}${sep}`, ''))
  })
}

function productionViolations(found: Import, pkg: Package, rule: readonly string[], all: readonly Package[]): string[] {
  const { file, specifier } = found
  if (specifier.startsWith('.')) return escapes(found, pkg) ? [`${file}: ${specifier} leaves the package`] : []
  if (isBuiltin(specifier)) {
    const allowed = pkg.folder !== 'core' || file.startsWith(join(pkg.path, 'src/node/'))
    return allowed ? [] : [`${file}: core does no I/O but in node/, so it imports no ${specifier}`]
  }
  const name = packageName(specifier)
  const target = all.find(({ manifest }) => manifest.name === name)
  const violations = deepImport(found, target)
  if (target !== undefined && target !== pkg && !rule.includes(roleOf(target.folder))) {
    violations.push(`${file}: ${pkg.folder} must not import ${target.folder}`)
  }
  if (target !== pkg && !(name in (pkg.manifest.dependencies ?? {}))) {
    violations.push(`${file}: ${name} is not in the dependencies of packages/${pkg.folder}/package.json`)
  }
  return violations
}

function testViolations(found: Import, pkg: Package, shared: object, all: readonly Package[]): string[] {
  const { file, specifier } = found
  if (specifier.startsWith('.')) return escapes(found, pkg) ? [`${file}: ${specifier} leaves the package`] : []
  if (isBuiltin(specifier)) return []
  const name = packageName(specifier)
  const target = all.find(({ manifest }) => manifest.name === name)
  const { dependencies = {}, devDependencies = {} } = pkg.manifest
  if (target !== undefined || name in dependencies || name in devDependencies || name in shared) {
    return deepImport(found, target)
  }
  return [`${file}: ${name} is in no dependencies`]
}

function unusedDependencies({ folder, manifest }: Package, imports: readonly Import[]): string[] {
  const used = new Set(imports.map(({ specifier }) => packageName(specifier)))
  return Object.keys(manifest.dependencies ?? {})
    .filter((name) => !used.has(name))
    .map((name) => `packages/${folder}/package.json: nothing in src imports ${name}`)
}

function deepImport({ file, specifier }: Import, target: Package | undefined): string[] {
  if (target === undefined) return []
  const path = `.${specifier.slice(target.manifest.name.length)}`
  return path in (target.manifest.exports ?? {}) ? [] : [`${file}: ${specifier} is not exported by its package`]
}

function escapes({ file, specifier }: Import, { path }: Package): boolean {
  return relative(path, resolve(dirname(file), specifier)).startsWith('..')
}

function importsOf({ path }: Package, pattern: string): readonly Import[] {
  return globSync(pattern, { cwd: path }).flatMap((name) => {
    const file = join(path, name)
    return specifiersOf(file, readFileSync(file, 'utf8')).map((specifier) => ({ file, specifier }))
  })
}

/** What a module imports: `import`, `export … from`, and `import()` and `import.meta.resolve` of a literal. */
function specifiersOf(file: string, source: string): readonly string[] {
  const { staticImports, staticExports, dynamicImports } = parseSync(file, source).module
  const reexports = staticExports.flatMap(({ entries }) => entries.map((entry) => entry.moduleRequest?.value))
  const dynamic = dynamicImports.map(({ moduleRequest }) => source.slice(moduleRequest.start, moduleRequest.end))
  const literals = dynamic.filter((text) => /^['"]/.test(text)).map((text) => text.slice(1, -1))
  const resolved = [...source.matchAll(/import\.meta\.resolve\('([^']+)'\)/g)].map((match) => match[1])
  const all = [...staticImports.map(({ moduleRequest }) => moduleRequest.value), ...reexports, ...literals, ...resolved]
  return [...new Set(all.filter((specifier) => specifier !== undefined))]
}

function roleOf(folder: string): string {
  return ADAPTER.test(folder) ? 'adapter' : folder
}

function packageName(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

function isBuiltin(specifier: string): boolean {
  return specifier.startsWith('node:') || builtinModules.includes(specifier)
}

function readPackage(root: string, path: string): Package {
  const folder = dirname(path)
  return {
    folder: folder.split(sep).at(-1) as string,
    path: join(root, folder),
    manifest: readManifest(join(root, path)),
  }
}

function readManifest(path: string): Manifest {
  return JSON.parse(readFileSync(path, 'utf8')) as Manifest
}

if (import.meta.main) {
  const violations = dependencyViolations(join(import.meta.dirname, '..'))
  for (const violation of violations) console.error(violation)
  process.exitCode = violations.length === 0 ? 0 : 1
}
