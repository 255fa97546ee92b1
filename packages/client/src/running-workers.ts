import { TaskyardError } from '@taskyard/core'
import type { Worker } from '@taskyard/worker'

interface Wanted {
  readonly namespace: string
  /** `undefined`: one of its own will be made up. */
  readonly workerId: string | undefined
}

/** The workers that a program has started, in whatever namespace. */
export class RunningWorkers {
  readonly #namespaces = new Map<Worker, string>()

  /**
   * Starts one, and knows it until it has stopped. Two of one id would be one to the store, which gives the tasks of both to either.
   * @throws TaskyardError invalid_configuration when one of this id runs
   */
  start({ namespace, workerId }: Wanted, start: () => Worker): Worker {
    for (const [running, of] of this.#namespaces)
      if (running.workerId === workerId && of === namespace) throw twice(running.workerId)
    const worker = start()
    this.#namespaces.set(worker, namespace)
    void worker.closed.then(() => this.#namespaces.delete(worker))
    return worker
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#namespaces.keys()].map((worker) => worker.stop()))
  }
}

function twice(workerId: string): TaskyardError {
  const reason = `a worker "${workerId}" runs in this program; give each an id of its own, or none, or stop the other first`
  return new TaskyardError('invalid_configuration', { reason })
}
