import { readFileSync } from 'node:fs'

// The build writes what this module exports into the package as it is now: a bundler takes no other files along.

/** The version of this package. */
export const VERSION: string = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version
