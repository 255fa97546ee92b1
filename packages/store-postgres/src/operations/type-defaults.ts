import {
  type DeclareTypesOutcome,
  type DeclareTypesParams,
  type ListTypesParams,
  lastOfEachType,
  type TypeWithDefaults,
  typeDefaultsFromText,
  typeDefaultsText,
} from '@taskyard/core'
import { quoted } from '../arrays.ts'
import type { StoreContext } from '../store-context.ts'

/** The port's `declareTypes`. */
export async function declareTypes(
  { database }: StoreContext,
  { namespace, types, limit }: DeclareTypesParams,
): Promise<DeclareTypesOutcome> {
  const declared = lastOfEachType(types)
  const names = declared.map(({ type }) => quoted(type))
  const texts = declared.map(({ defaults }) => quoted(defaults === null ? '' : typeDefaultsText(defaults)))
  const [row] = await database.run<['t' | 'f']>('SELECT * FROM @declare_types($1, $2, $3, $4)', [
    namespace,
    `{${names.join(',')}}`,
    `{${texts.join(',')}}`,
    limit,
  ])
  return row?.[0] === 't' ? 'declared' : 'too-many'
}

/** The port's `listTypes`. */
export async function listTypes(
  { database }: StoreContext,
  { namespace }: ListTypesParams,
): Promise<readonly TypeWithDefaults[]> {
  const rows = await database.run<[string, string]>(
    'SELECT type, defaults FROM @type_defaults WHERE namespace = $1 ORDER BY type',
    [namespace],
  )
  return rows.map(([type, text]) => ({ type, defaults: typeDefaultsFromText(text) }))
}
