import { spawnSync } from 'node:child_process'

export interface RepositoryFields {
  readonly repository?: { readonly type: 'git'; readonly url: string }
  readonly homepage?: string
  readonly bugs?: { readonly url: string }
}

/** Where the sources, the home page and the list of bugs are: what git calls `origin`, if that is on the web. */
export function repositoryFields(root: string): RepositoryFields {
  const { stdout } = spawnSync('git', ['remote', 'get-url', 'origin'], { cwd: root, encoding: 'utf8' })
  return fieldsOf(stdout?.trim() ?? '')
}

/** Of the address of a repository: `https://host/owner/name.git`, `git@host:owner/name.git`. */
export function fieldsOf(remote: string): RepositoryFields {
  const match = /^(?:https:\/\/(?:[^/@]+@)?|ssh:\/\/git@|git@)([\w-]+(?:\.[\w-]+)+)[/:](.+?)(?:\.git)?\/?$/.exec(remote)
  if (match === null) return {}
  const page = `https://${match[1]}/${match[2]}`
  return {
    repository: { type: 'git', url: `git+${page}.git` },
    homepage: `${page}#readme`,
    bugs: { url: `${page}/issues` },
  }
}
