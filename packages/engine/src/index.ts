export { createEngine } from './create-engine.ts'
export type * from './engine.ts'
export type { LoopReport } from './loop-report.ts'
export type * from './observer.ts'
