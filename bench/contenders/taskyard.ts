import { Taskyard, type WorkerOptions } from '@taskyard/taskyard'
import { benchQueue, benchType } from '../load/payload.ts'
import type { Contender, ContenderOptions } from './contender.ts'

/** Taskyard as a library on a store. Finished tasks may take any room: a history laid beside the work is to stay. */
export async function open({ url, settings }: ContenderOptions): Promise<Contender> {
  const yard = await Taskyard.open({ store: url, retention: { finishedBytes: Number.MAX_SAFE_INTEGER } })
  return {
    submit: (payload) => yard.submit(benchType, payload, { queue: benchQueue }),
    submitMany: (payloads) =>
      yard.submitMany(payloads.map((payload) => ({ type: benchType, payload, queue: benchQueue }))),
    work: async (handle) =>
      yard.work(
        { [benchType]: ({ payload }) => handle(payload) },
        { queues: [benchQueue], ...(settings.worker as WorkerOptions) },
      ),
    async counts() {
      const { counts } = await yard.queue(benchQueue)
      return {
        unfinished: counts.queued + counts.running + counts.scheduled + counts.blocked,
        kept: counts.succeeded,
      }
    },
    close: () => yard.close(),
  }
}
