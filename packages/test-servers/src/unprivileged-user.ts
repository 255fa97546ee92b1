import { readFileSync } from 'node:fs'

export interface User {
  readonly uid: number
  readonly gid: number
}

/** For servers that refuse to run as root: `postgres` where there is one, else `nobody`. `null` when this is not root. */
export function unprivilegedUser(): User | null {
  if (process.getuid?.() !== 0) return null
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  const found = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody')
  if (found === undefined) throw new Error('/etc/passwd has neither a user postgres nor a user nobody')
  return { uid: Number(found[2]), gid: Number(found[3]) }
}
