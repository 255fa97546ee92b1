// npm leaves optional packages out of package-lock.json that the registry at hand cannot serve, and `npm ci` then refuses
// the file (npm/cli#4828). This adds the missing entries; their versions are exact in the packages that want them.
// Run after changing dependencies: `npm run lock`.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface LockEntry {
  readonly version?: string
  readonly link?: boolean
  readonly resolved?: string
  readonly dev?: boolean
  readonly optional?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

export type LockPackages = Readonly<Record<string, LockEntry>>

/** The entries that `npm ci` would miss. */
export function missingEntries(packages: LockPackages): LockPackages {
  const missing: Record<string, LockEntry> = {}
  for (const [path, entry] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      if (`${path}/node_modules/${name}` in packages || `node_modules/${name}` in packages) continue
      missing[`node_modules/${name}`] = {
        version,
        ...(entry.dev ? { dev: true } : {}),
        optional: true,
        ...platform(name),
      }
    }
  }
  return missing
}

/** Platform packages carry their platform in the name: `binding-linux-x64-musl`. */
function platform(name: string): { os?: string[]; cpu?: string[]; libc?: string[] } {
  const os = /(?:^|-)(aix|android|darwin|freebsd|linux|netbsd|openbsd|openharmony|sunos|win32)-/.exec(name)?.[1]
  const cpu = /-(arm64|arm|x64|ia32|riscv64|ppc64|s390x|mips64el|loong64|wasm32)(?=-|$)/.exec(name)?.[1]
  const libc = /musl/.test(name) ? 'musl' : /-gnu/.test(name) ? 'glibc' : undefined
  return {
    ...(os === undefined ? {} : { os: [os] }),
    ...(cpu === undefined ? {} : { cpu: [cpu] }),
    ...(libc === undefined ? {} : { libc: [libc] }),
  }
}

if (import.meta.main) {
  const path = join(import.meta.dirname, '..', 'package-lock.json')
  const lock = JSON.parse(readFileSync(path, 'utf8')) as { packages: Record<string, LockEntry> }
  const all = { ...lock.packages, ...missingEntries(lock.packages) }
  lock.packages = Object.fromEntries(Object.entries(all).sort(([a], [b]) => a.localeCompare(b, 'en')))
  writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`)
}
