import type { Choice } from './choice.ts'
import { createCorruption, createHostileValues } from './hostile-values.ts'
import type { Knowledge } from './knowledge.ts'
import type { Contract, Schema } from './operations.ts'
import { createValidValues } from './valid-values.ts'

export interface Values {
  /** One that the schema and the rules of the API allow. */
  valid(schema: Schema, name: string): unknown
  /** One that has nothing to do with any schema. */
  hostile(): unknown
  hostileText(): string
  /** A valid value with a few places changed. */
  corrupted(value: unknown): unknown
}

export function createValues(contract: Contract, knowledge: Knowledge, choice: Choice): Values {
  const { hostile, hostileText } = createHostileValues(choice)
  return {
    valid: createValidValues(contract, knowledge, choice),
    hostile,
    hostileText,
    corrupted: createCorruption(hostile, choice),
  }
}
