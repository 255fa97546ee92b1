export { createEngine } from './create-engine.ts'
export type * from './engine.ts'
export { leasesOf } from './give-back.ts'
