/** What one run measured. A figure's unit says how to read it. */
export interface Figure {
  readonly name: string
  readonly unit: 'tasks/s' | 'ms' | 'MiB' | 'µs' | '%' | '×' | 'tasks'
  readonly value: number
  /** The figure the acceptance of the project names, if any. */
  readonly target?: { readonly atLeast: number } | { readonly atMost: number }
}

export interface RunContext {
  /** An empty directory of this run alone; removed afterwards. */
  readonly directory: string
  /** 0-based. Scenarios that compare alternate their order by it. */
  readonly run: number
  readonly options: ScenarioOptions
  /** A line for the person who waits. */
  tell(line: string): void
  /** A condition that only the run can know, such as a server's version and settings. Reported once. */
  record(condition: string): void
}

/** Sizes a caller may change; each scenario has its own defaults. */
export interface ScenarioOptions {
  readonly tasks?: number
  readonly seconds?: number
  readonly warmupSeconds?: number
  readonly connections?: number
  /** Finished tasks that lie beside the work. */
  readonly finished?: number
  /** Tasks that wait in a paused queue. */
  readonly waiting?: number
  /** Days that a store ages. */
  readonly days?: number
  /** `sqlite`, `postgres`, `redis` or `mongodb`. */
  readonly store?: string
  /** Only these of the systems or kinds of work that are compared. */
  readonly only?: readonly string[]
  readonly works?: readonly string[]
}

export interface Scenario {
  readonly name: string
  readonly summary: string
  /** Runs when the caller does not say. Default 3. */
  readonly defaultRuns?: number
  /** The settings the figures hold for, worded for RESULTS.md. */
  settings(options: ScenarioOptions): readonly string[]
  run(context: RunContext): Promise<readonly Figure[]>
}
