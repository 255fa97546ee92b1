import type { TypeDefaults } from '../type-defaults.ts'

/** What is set for task types, by namespace. */
export interface TaskTypesPort {
  /**
   * Sets the defaults of types, or takes them away; types that are not named stay as they are. The last declaration of a type
   * wins, also within a call. All or nothing. Idempotent; survives restarts.
   */
  declareTypes(params: DeclareTypesParams): Promise<DeclareTypesOutcome>
  /** The types that have defaults, in the order of their names. */
  listTypes(params: ListTypesParams): Promise<readonly TypeWithDefaults[]>
}

export interface TypeWithDefaults {
  readonly type: string
  readonly defaults: TypeDefaults
}

export interface TypeDeclaration {
  readonly type: string
  /** `null`: it has none from now on. */
  readonly defaults: TypeDefaults | null
}

export interface DeclareTypesParams {
  readonly namespace: string
  readonly types: readonly TypeDeclaration[]
  /** Types that may have defaults in a namespace. */
  readonly limit: number
}

/** `too-many`: there would be more than the limit; nothing was changed. */
export type DeclareTypesOutcome = 'declared' | 'too-many'

export interface ListTypesParams {
  readonly namespace: string
}
