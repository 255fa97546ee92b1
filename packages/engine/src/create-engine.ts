import type { Engine, EngineOptions } from './engine.ts'
export declare function createEngine(options: EngineOptions): Engine
