import assert from 'node:assert/strict'
import { eventually } from '@taskyard/conformance'
import type pg from 'pg'
import type { OwnSchema } from './own-schema.ts'

const PATIENCE_MS = 60_000

/** Asks until there is one. */
export async function firstRow(
  { query }: Pick<OwnSchema, 'query'>,
  text: string,
  values: readonly unknown[] = [],
): Promise<pg.QueryResultRow> {
  let first: pg.QueryResultRow | undefined
  await eventually(text, PATIENCE_MS, async () => {
    const { rows } = await query(text, values)
    first = rows[0]
    return first !== undefined
  })
  assert.ok(first)
  return first
}
