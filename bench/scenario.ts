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
}

/** Sizes a caller may change; each scenario has its own defaults. */
export interface ScenarioOptions {
  readonly tasks?: number
  readonly seconds?: number
  readonly warmupSeconds?: number
  readonly connections?: number
}

export interface Scenario {
  readonly name: string
  readonly summary: string
  /** The settings the figures hold for, worded for RESULTS.md. */
  settings(options: ScenarioOptions): readonly string[]
  run(context: RunContext): Promise<readonly Figure[]>
}
