import type { Choice } from './choice.ts'
import { createFitting } from './fitting-values.ts'
import { createHostile, createSpoiling } from './hostile-values.ts'
import type { Knowledge } from './knowledge.ts'
import type { Contract, Schema } from './operations.ts'

export interface Values {
  /** One that the schema and the rules of the API allow. */
  fitting(schema: Schema, name: string): unknown
  /** One that has nothing to do with any schema. */
  hostile(): unknown
  hostileText(): string
  /** A fitting value with a few places changed. */
  spoilt(value: unknown): unknown
}

export function createValues(contract: Contract, knowledge: Knowledge, choice: Choice): Values {
  const { hostile, hostileText } = createHostile(choice)
  return {
    fitting: createFitting(contract, knowledge, choice),
    hostile,
    hostileText,
    spoilt: createSpoiling(hostile, choice),
  }
}
