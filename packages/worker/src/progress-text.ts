import { fitsBytes, type JsonText, LIMITS, losslessJson, nestsDeeperThan, TaskyardError } from '@taskyard/core'
import { truncateUtf8 } from './truncate.ts'

const PLACE_BYTES = 1024

/**
 * The text of a progress, within the limits that it has over HTTP.
 * @throws TaskyardError `invalid_request`, with the place of what JSON would lose
 */
export function progressText(value: unknown): JsonText {
  const json = losslessJson(value)
  if (typeof json !== 'string') throw refused(json.message, truncateUtf8(json.path, PLACE_BYTES))
  if (!fitsBytes(json, LIMITS.progressBytes))
    throw refused(`at most ${LIMITS.progressBytes} bytes of JSON, and these are ${Buffer.byteLength(json)}`)
  if (nestsDeeperThan(json, LIMITS.resultDepth)) throw refused(`nests deeper than ${LIMITS.resultDepth} levels`)
  return json
}

function refused(why: string, place = ''): TaskyardError {
  const path = `/progress${place}`
  return new TaskyardError('invalid_request', { reason: `${path}: ${why}` }, { violations: [{ path, message: why }] })
}
