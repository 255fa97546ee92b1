import { type Entrant, peer, type Tuning, taskyardModule, taskyardVersion } from './line-up.ts'

/** Who is measured on PostgreSQL. First ours; why these settings: README.md. */
export function postgresLineUp(): readonly Entrant[] {
  return [taskyard(), graphileWorker(), pgBoss(), bullmq()]
}

function taskyard(): Entrant {
  const tuning = (prefetch: number): Tuning => ({
    label: `concurrency 100, prefetch ${prefetch}`,
    settings: { worker: { concurrency: 100, prefetch } },
  })
  const one = tuning(4000)
  return {
    name: 'taskyard',
    version: taskyardVersion(),
    module: taskyardModule,
    historyMatters: true,
    tunings: {
      single: [{ label: 'defaults' }],
      batch: [{ label: 'defaults' }],
      drain: [one, tuning(2000), tuning(8000), { ...one, label: `${one.label}, 2 processes`, processes: 2 }],
      'held-snapshot': [one],
      latency: [{ label: 'concurrency 100', settings: { worker: { concurrency: 100 } } }, { label: 'defaults' }],
    },
  }
}

function graphileWorker(): Entrant {
  const worker = (concurrentJobs: number, size: number, delay: number) => ({
    concurrentJobs,
    maxPoolSize: concurrentJobs + 1,
    localQueue: { size },
    completeJobBatchDelay: delay,
    failJobBatchDelay: delay,
  })
  const tuning = (concurrency: number, queue: number, delay: number): Tuning => ({
    label: `local queue ${queue}, concurrency ${concurrency}, batch delay ${delay} ms`,
    settings: { worker: worker(concurrency, queue, delay) },
  })
  const published = tuning(24, 500, 0)
  return {
    name: 'graphile-worker',
    ...peer('graphile-worker', 'graphile-worker'),
    tunings: {
      single: [
        { label: '10 connections', settings: { callerPool: 10 } },
        { label: '100 connections', settings: { callerPool: 100 } },
      ],
      batch: [
        { label: '2 connections', settings: { callerPool: 2 } },
        { label: '4 connections', settings: { callerPool: 4 } },
      ],
      drain: [
        published,
        tuning(100, 500, 0),
        tuning(24, 2000, 0),
        tuning(100, 2000, 0),
        tuning(24, 500, 25),
        tuning(24, 2000, 250),
        { ...published, label: `${published.label}, 2 processes`, processes: 2 },
      ],
      'held-snapshot': [published, tuning(24, 2000, 250)],
      latency: [
        {
          label: 'no local queue, concurrency 24, batch delay 0 ms',
          settings: { worker: { ...worker(24, 0, 0), localQueue: { size: -1 } } },
        },
        published,
      ],
    },
  }
}

function pgBoss(): Entrant {
  const worker = (localConcurrency: number, perJobResults: boolean) => ({
    batchSize: 1000,
    burstWhenBatchFull: true,
    localConcurrency,
    perJobResults,
  })
  const tuning = (workers: number, results: boolean): Tuning => ({
    label: `batch size 1000, ${workers} workers${results ? '' : ', no results'}`,
    settings: { worker: worker(workers, results) },
  })
  const best = tuning(4, true)
  return {
    name: 'pg-boss',
    ...peer('pg-boss', 'pg-boss'),
    tunings: {
      single: [
        { label: '10 connections', settings: { callerPool: 10 } },
        { label: '50 connections', settings: { callerPool: 50 } },
      ],
      batch: [{ label: '4 connections', settings: { callerPool: 4 } }],
      drain: [best, tuning(2, true), tuning(2, false), { ...best, label: `${best.label}, 2 processes`, processes: 2 }],
      'held-snapshot': [best],
      latency: [
        { label: 'notify, 10 workers', settings: { notify: true, worker: { localConcurrency: 10 } } },
        { label: 'notify, batch size 100', settings: { notify: true, worker: { batchSize: 100 } } },
      ],
    },
  }
}

function bullmq(): Entrant {
  const tuning = (concurrency: number, pool: number): Tuning => ({
    label: `concurrency ${concurrency}, ${pool} connections`,
    settings: { worker: { concurrency }, workerPool: pool },
  })
  return {
    name: 'bullmq on postgresql',
    ...peer('bullmq', 'bullmq'),
    mostTasks: 10_000,
    tunings: {
      single: [
        { label: '10 connections', settings: { callerPool: 10 } },
        { label: '100 connections', settings: { callerPool: 100 } },
      ],
      batch: [{ label: '4 connections', settings: { callerPool: 4 } }],
      drain: [tuning(32, 32), tuning(100, 10), { ...tuning(32, 16), label: '2 processes', processes: 2 }],
      'held-snapshot': [tuning(100, 10)],
      latency: [tuning(10, 10), tuning(100, 10)],
    },
  }
}
