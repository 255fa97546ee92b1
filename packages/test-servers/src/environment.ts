import type { ServerKind } from './test-server.ts'

// Not TASKYARD_…: what starts with that is a setting of the server under test, and it refuses those it does not know.

/** The environment variable that says where the test run's server of this kind is. */
export function urlVariable(kind: ServerKind): string {
  return `TEST_${kind.toUpperCase()}_URL`
}

/** The one that says why this test run has none: trying again for each file would take long. */
export function problemVariable(kind: ServerKind): string {
  return `TEST_${kind.toUpperCase()}_PROBLEM`
}
