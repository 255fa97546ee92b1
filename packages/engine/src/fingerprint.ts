import { createHash } from 'node:crypto'
import type { Submission } from './engine.ts'

/** What makes two submissions under one idempotency key the same: everything but the key, payload text included. */
export function fingerprintOf({ idempotencyKey, ...content }: Submission): string {
  const fields = Object.entries(content).filter(([, value]) => value !== undefined)
  fields.sort(([a], [b]) => (a < b ? -1 : 1))
  return hashed(JSON.stringify(fields))
}

/** Of a text that is compared with others only. */
export function hashed(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
