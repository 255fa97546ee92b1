import type { TypeDeclaration } from '../ports/task-types.ts'
import { setDefaults, type TypeDefaults } from '../type-defaults.ts'

/** How a store keeps the defaults of a type: as JSON. */
export function typeDefaultsText(defaults: TypeDefaults): string {
  return JSON.stringify(setDefaults(defaults))
}

/** Back from the text. What a later version may have added is left out. */
export function typeDefaultsFromText(text: string): TypeDefaults {
  return setDefaults(JSON.parse(text) as TypeDefaults)
}

/** Declarations with the last one of each type alone. */
export function lastOfEachType(types: readonly TypeDeclaration[]): readonly TypeDeclaration[] {
  return [...new Map(types.map((declared) => [declared.type, declared])).values()]
}
