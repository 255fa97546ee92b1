import {
  type DeclareTypesOutcome,
  type DeclareTypesParams,
  type ListTypesParams,
  lastOfEachType,
  type TypeWithDefaults,
  typeDefaultsFromText,
  typeDefaultsText,
} from '@taskyard/core'
import { type CallContext, inParts } from './call-context.ts'
import { SCRIPTS } from './scripts.ts'

/** The port's `declareTypes`. */
export async function declareTypes(
  { run }: CallContext,
  { namespace, types, limit }: DeclareTypesParams,
): Promise<DeclareTypesOutcome> {
  const declared = lastOfEachType(types).flatMap(({ type, defaults }) => [
    type,
    defaults === null ? '' : typeDefaultsText(defaults),
  ])
  return (await run(SCRIPTS.declareTypes, [namespace, limit, ...declared])) === 1 ? 'declared' : 'too-many'
}

/** The port's `listTypes`. */
export async function listTypes(
  { run }: CallContext,
  { namespace }: ListTypesParams,
): Promise<readonly TypeWithDefaults[]> {
  const fields = (await run(SCRIPTS.listTypes, [namespace])) as string[]
  const listed = inParts(fields, 2) as readonly [type: string, text: string][]
  return listed
    .map(([type, text]) => ({ type, defaults: typeDefaultsFromText(text) }))
    .sort((one, other) => (one.type < other.type ? -1 : 1))
}
