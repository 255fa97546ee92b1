import { type Entrant, peer, type Tuning, taskyardModule, taskyardVersion } from './line-up.ts'

/** Who is measured on Redis. First ours; why these settings: README.md. */
export function redisLineUp(): readonly Entrant[] {
  return [taskyard(), bullmq()]
}

function taskyard(): Entrant {
  const one: Tuning = {
    label: 'concurrency 100, prefetch 2000',
    settings: { worker: { concurrency: 100, prefetch: 2000 } },
  }
  return {
    name: 'taskyard',
    version: taskyardVersion(),
    module: taskyardModule,
    tunings: {
      single: [{ label: 'defaults' }],
      batch: [{ label: 'defaults' }],
      drain: [one, { ...one, label: `${one.label}, 2 processes`, processes: 2 }],
      latency: [{ label: 'concurrency 100', settings: { worker: { concurrency: 100 } } }, { label: 'defaults' }],
    },
  }
}

function bullmq(): Entrant {
  const tuning = (concurrency: number, workers = 1): Tuning => ({
    label: `concurrency ${concurrency}${workers > 1 ? `, ${workers} workers` : ''}`,
    settings: { worker: { concurrency }, workers },
  })
  const overNodeRedis: Tuning = {
    label: 'concurrency 100, over node-redis',
    settings: { worker: { concurrency: 100 }, client: 'redis' },
  }
  return {
    name: 'bullmq',
    ...peer('bullmq', 'bullmq'),
    tunings: {
      single: [{ label: 'over ioredis' }, { label: 'over node-redis', settings: { client: 'redis' } }],
      batch: [{ label: 'over ioredis' }, { label: 'over node-redis', settings: { client: 'redis' } }],
      drain: [
        tuning(100),
        tuning(500),
        tuning(100, 4),
        { ...tuning(100), label: 'concurrency 100, 2 processes', processes: 2 },
        overNodeRedis,
      ],
      latency: [tuning(10), tuning(100), overNodeRedis],
    },
  }
}
