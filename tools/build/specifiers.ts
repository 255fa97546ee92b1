import { dirname, relative } from 'node:path/posix'
import type { WorkspacePackage } from './workspace.ts'

/** An import of a package of ours, as the compiler writes it: `from '@taskyard/core'`, `import("@taskyard/core/runtime")`. */
const OWN = /(\b(?:from|import) ?\(? ?)(['"])(@taskyard\/[a-z-]+)((?:\/[a-z-]+)*)\2/g

/** The text of a module with imports of our packages pointing into `lib`, where `file` is `core/backoff.js` for one. */
export function withOwnSpecifiers(text: string, file: string, parts: readonly WorkspacePackage[]): string {
  return text.replace(OWN, (_, keyword: string, quote: string, name: string, path: string) => {
    const part = parts.find(({ manifest }) => manifest.name === name)
    const source = part?.manifest.exports[`.${path}`]
    if (part === undefined || source === undefined) throw new Error(`${file}: ${name}${path} is not in this package`)
    const target = source.replace(/^\.\/src\/(.*)\.ts$/, `${part.folder}/$1.js`)
    const route = relative(dirname(file), target)
    return `${keyword}${quote}${route.startsWith('.') ? route : `./${route}`}${quote}`
  })
}
