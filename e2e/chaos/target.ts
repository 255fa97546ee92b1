export type Role = 'server' | 'database' | 'load' | 'worker'

/** What the target of a fault is. */
export function roleOf(target: string): Role {
  if (target.startsWith('server-')) return 'server'
  return target === 'database' || target === 'load' ? target : 'worker'
}
