/** The oldest Node on which everything works: it runs TypeScript files as they are, and undici 8 needs it. */
const OLDEST = { major: 22, minor: 19 }

/** What is wrong with a Node of this version (`process.version`); `null`: nothing. Runs on any Node that knows modules. */
export function nodeComplaint(version: string): string | null {
  const [major = 0, minor = 0] = version.replace('v', '').split('.').map(Number)
  const isOld = major < OLDEST.major || (major === OLDEST.major && minor < OLDEST.minor)
  return isOld ? `Taskyard needs Node ${OLDEST.major}.${OLDEST.minor} or later, and this is ${version}.` : null
}
