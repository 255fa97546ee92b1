import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

export interface Manifest {
  readonly name: string
  readonly version: string
  readonly description: string
  /** Part of what is published, not published itself. */
  readonly private?: boolean
  readonly engines?: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, string>>
  readonly bin?: Readonly<Record<string, string>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies?: unknown
}

export interface WorkspacePackage {
  /** Name of the folder under `packages/`. */
  readonly folder: string
  readonly path: string
  readonly manifest: Manifest
}

export function readWorkspace(root: string): readonly WorkspacePackage[] {
  return globSync('packages/*/package.json', { cwd: root }).map((file) => {
    const path = join(root, dirname(file))
    const manifest = JSON.parse(readFileSync(join(root, file), 'utf8')) as Manifest
    return { folder: basename(path), path, manifest }
  })
}

/** The package and every package of the workspace that it needs, each once. */
export function closureOf(pkg: WorkspacePackage, workspace: readonly WorkspacePackage[]): readonly WorkspacePackage[] {
  const found = new Set([pkg])
  for (const { manifest } of found) {
    for (const name of Object.keys(manifest.dependencies)) {
      const needed = workspace.find((other) => other.manifest.name === name)
      if (needed !== undefined) found.add(needed)
    }
  }
  return [...found]
}
