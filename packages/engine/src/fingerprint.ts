import { createHash } from 'node:crypto'
import type { Submission } from './engine.ts'

/** What makes two submissions under one idempotency key the same: everything but the key, payload text included. */
export function fingerprintOf({ idempotencyKey, ...content }: Submission): string {
  const fields = Object.entries(content).filter(([, value]) => value !== undefined)
  fields.sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256').update(JSON.stringify(fields)).digest('base64url')
}
