export { createEngine } from './create-engine.ts'
export type * from './engine.ts'
export { givenFirst } from './give-back.ts'
