/** What a drain does per process: its handler is called once per task and returns what a task's result shall be. */
export type Handle = (payload: unknown) => { readonly ok: true }

/**
 * A system under measurement, opened in this process through its own library. The programs that submit, drain and time
 * speak to every one of them through this interface, so that all do the same work.
 */
export interface Contender {
  /** One task; resolves when it is as durable as the system makes it. */
  submit(payload: unknown): Promise<unknown>
  /** Many tasks in one call, all or nothing where the system can. */
  submitMany(payloads: readonly unknown[]): Promise<unknown>
  /** Starts to run tasks. */
  work(handle: Handle): Promise<{ stop(): Promise<unknown> }>
  /** By the store itself, not by what the library remembers. */
  counts(): Promise<ContenderCounts>
  close(): Promise<void>
}

export interface ContenderCounts {
  /** Tasks that wait or run. */
  readonly unfinished: number
  /** Finished tasks that can still be looked up; `null` where the system deletes them. */
  readonly kept: number | null
}

export interface ContenderOptions {
  /** A database of its own on the server that all share. */
  readonly url: string
  readonly settings: Readonly<Record<string, unknown>>
}

export interface ContenderModule {
  open(options: ContenderOptions): Promise<Contender>
}

/** How a program of its own is told what to measure. */
export interface ContenderRef extends ContenderOptions {
  /** File URL of its `ContenderModule`. */
  readonly module: string
}

export async function openContender({ module, url, settings }: ContenderRef): Promise<Contender> {
  const { open } = (await import(module)) as ContenderModule
  return open({ url, settings })
}
