/** Whether `node_modules` holds every package of the lock file in its version (packages of other platforms aside). */
export function isInstalled(root: string): boolean
