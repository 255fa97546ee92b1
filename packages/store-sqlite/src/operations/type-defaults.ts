import {
  type DeclareTypesOutcome,
  type DeclareTypesParams,
  type ListTypesParams,
  lastOfEachType,
  type TypeWithDefaults,
  typeDefaultsFromText,
  typeDefaultsText,
} from '@taskyard/core'
import { row1, rows, type State } from '../state.ts'

/** The port's `declareTypes`. */
export function declareTypes(state: State, { namespace, types, limit }: DeclareTypesParams): DeclareTypesOutcome {
  const declared = lastOfEachType(types)
  if (countAfter(state, namespace, declared) > limit) return 'too-many'
  const set = state.sql('INSERT OR REPLACE INTO type_defaults (namespace, type, defaults) VALUES (?, ?, ?)')
  const takeAway = state.sql('DELETE FROM type_defaults WHERE namespace = ? AND type = ?')
  for (const { type, defaults } of declared) {
    if (defaults === null) takeAway.run(namespace, type)
    else set.run(namespace, type, typeDefaultsText(defaults))
  }
  state.declarations++
  return 'declared'
}

function countAfter(state: State, namespace: string, declared: DeclareTypesParams['types']): number {
  const counted = state.sql('SELECT count(*) FROM type_defaults WHERE namespace = ?')
  const known = state.sql('SELECT 1 FROM type_defaults WHERE namespace = ? AND type = ?')
  const [before] = row1<[number]>(counted, namespace) as [number]
  return declared.reduce((count, { type, defaults }) => {
    const had = row1(known, namespace, type) === undefined ? 0 : 1
    return count + (defaults === null ? 0 : 1) - had
  }, before)
}

/** The port's `listTypes`. */
export function listTypes(state: State, { namespace }: ListTypesParams): TypeWithDefaults[] {
  const listed = state.sql('SELECT type, defaults FROM type_defaults WHERE namespace = ? ORDER BY type')
  return rows<[string, string]>(listed, namespace).map(([type, text]) => ({
    type,
    defaults: typeDefaultsFromText(text),
  }))
}
