#!/usr/bin/env node
import { nodeComplaint } from '@taskyard/core/node-version'

// Nothing else is loaded before the version is known: an older Node could not even load it.
const complaint = nodeComplaint(process.version)
if (complaint === null) {
  await import('./command.ts')
} else {
  console.error(complaint)
  process.exitCode = 1
}
