import type { Scenario } from '../scenario.ts'
import { ageing } from './ageing.ts'
import { backup } from './backup.ts'
import { claimAnyQueue } from './claim-any-queue.ts'
import { drain } from './drain.ts'
import { httpBatch } from './http-batch.ts'
import { httpCycle } from './http-cycle.ts'
import { httpSubmit } from './http-submit.ts'
import { latency } from './latency.ts'
import { memory } from './memory.ts'
import { peersEmbedded } from './peers-embedded.ts'
import { peersPostgres } from './peers-postgres.ts'
import { peersRedis } from './peers-redis.ts'
import { postgresHistory } from './postgres-history.ts'
import { postgresLayouts } from './postgres-layouts.ts'

export const scenarios: readonly Scenario[] = [
  httpSubmit,
  httpBatch,
  httpCycle,
  drain,
  latency,
  memory,
  peersEmbedded,
  peersPostgres,
  peersRedis,
  postgresHistory,
  postgresLayouts,
  ageing,
  backup,
  claimAnyQueue,
]
