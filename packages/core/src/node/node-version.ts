/** Before these, `node:sqlite` lost its way among the parameters of a statement (`?1` met twice). */
const OLDEST: Readonly<Record<number, number>> = { 22: 20, 24: 7 }

/** What is wrong with a Node of this version (`process.version`); `null`: nothing. Runs on any Node that knows modules. */
export function nodeComplaint(version: string): string | null {
  const [major = 0, minor = 0] = version.replace('v', '').split('.').map(Number)
  const isFit = major > 24 || minor >= (OLDEST[major] ?? Number.POSITIVE_INFINITY)
  return isFit ? null : `Taskyard needs Node 22.20, 24.7 or later, and this is ${version}.`
}
