import { cpSync, existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { WorkspacePackage } from './workspace.ts'

/** What users read. `contracts` are for whoever writes a worker, or a client, in another language. */
const FOLDERS = ['docs', 'contracts']
/** For those who change Taskyard. */
const INSIDE = ['docs/adr', 'docs/internals.md']

interface CopyDocumentsParams {
  readonly root: string
  readonly pkg: WorkspacePackage
  readonly target: string
}

/** The package's README; the documents, where it has a command; no link that leads out of the package. */
export function copyDocuments({ root, pkg, target }: CopyDocumentsParams): void {
  // In the package it stands where the documents of the repository do.
  const readme = readFileSync(join(pkg.path, 'README.md'), 'utf8').replaceAll('](../../', '](')
  writeFileSync(join(target, 'README.md'), readme)
  if (pkg.manifest.bin !== undefined) {
    const filter = (source: string) => !INSIDE.some((path) => source === join(root, path))
    for (const folder of FOLDERS) cpSync(join(root, folder), join(target, folder), { recursive: true, filter })
  }
  for (const file of globSync('{README.md,docs/**/*.md,contracts/**/*.md}', { cwd: target })) {
    const path = join(target, file)
    writeFileSync(path, withoutDeadLinks(readFileSync(path, 'utf8'), dirname(path)))
  }
}

/** Links to files that are not there become their text. */
function withoutDeadLinks(text: string, folder: string): string {
  return text.replace(
    /\[([^\]]+)\]\((?!https?:|mailto:|#)([^)#\s"]+)(#[^)\s]*)?\)/g,
    (link, words: string, path: string) => (existsSync(join(folder, path)) ? link : words),
  )
}
