import {
  DEFAULT_RETENTION,
  DEFAULTS,
  type EndedLease,
  isTerminal,
  LIMITS,
  TaskyardError,
  unsettable,
} from '@taskyard/core'
import { createClaimCalls } from './claim-calls.ts'
import { createDispatcher } from './dispatcher.ts'
import type { Engine, EngineOptions } from './engine.ts'
import { createGiveBack } from './give-back.ts'
import { createLeasing } from './lease.ts'
import { createLocalNews } from './local-news.ts'
import type { Parts } from './parts.ts'
import { createQueues } from './queues.ts'
import { createReading } from './read.ts'
import { createSessions } from './sessions.ts'
import { createStandstills } from './standstills.ts'
import { createSteering } from './steer.ts'
import { createSubmit } from './submit.ts'
import { createSweeper } from './sweeper.ts'
import { createTroubles } from './troubles.ts'
import { createUnderWay } from './under-way.ts'
import { createWaiting } from './wait.ts'

/** The use cases over a store; see {@link Engine}. */
export function createEngine(options: EngineOptions): Engine {
  let stopping = false
  const clock = unsettable(options.clock)
  const timeOfDay = () => options.clock.now()
  const news = options.news === undefined ? options.store.news : options.news
  const observer = options.observer ?? {}
  const parts: Parts = {
    store: options.store,
    clock,
    random: options.random,
    ids: options.ids,
    news: news ?? createLocalNews(),
    shared: news !== null,
    sweeps: options.sweeps ?? true,
    observer,
    troubles: createTroubles(observer),
    standstills: createStandstills(clock, timeOfDay),
    underWay: createUnderWay(clock),
    checkPayload: options.checkPayload ?? (() => []),
    retention: options.retention ?? DEFAULT_RETENTION,
    queueDepth: options.queueDepth ?? LIMITS.queueDepth,
    cancelGraceMs: (options.cancelGraceSeconds ?? DEFAULTS.cancelGraceSeconds) * 1000,
    sessionGraceMs: (options.sessionGraceSeconds ?? DEFAULTS.sessionGraceSeconds) * 1000,
    timeOfDay,
    sweepUnderWay: () => sweeper?.underWay() ?? null,
    wakeSweeperAt: (time) => sweeper?.wakeAt(time),
    isStopping: () => stopping,
    assertRunning() {
      if (stopping) throw new TaskyardError('shutting_down')
    },
  }
  const onEnded = (ended: readonly EndedLease[]) => {
    for (const { taskId, queue, type, reason, taskStatus } of ended) {
      parts.observer.leaseEnded?.(queue, type, reason)
      parts.news.publish({ kind: 'changed', taskId, terminal: isTerminal(taskStatus) })
    }
  }
  const giveBack = createGiveBack(parts)
  const calls = createClaimCalls()
  const dispatcher = createDispatcher(parts, calls, giveBack)
  const onSwept = (ended: readonly EndedLease[]) => {
    dispatcher.endWaits(new Set(ended.filter(({ reason }) => reason === 'expired').map(({ workerId }) => workerId)))
    onEnded(ended)
  }
  const sweeper = parts.sweeps ? createSweeper(parts, onSwept) : null
  const sessions = createSessions(parts, options.nodeId, onEnded)
  const reading = createReading(parts)
  const waiting = createWaiting(parts)
  const queues = createQueues(parts)
  const { stop: stopSubmitting, ...submitting } = createSubmit(parts)
  return {
    nodeId: options.nodeId,
    async start() {
      parts.standstills.start()
      dispatcher.start()
      sweeper?.start()
      queues.start()
      await sessions.start()
    },
    async stop() {
      stopping = true
      parts.standstills.stop()
      stopSubmitting()
      dispatcher.stop()
      waiting.stop()
      queues.stop()
      await Promise.all([sessions.stop(), sweeper?.stop()])
      await parts.underWay.ended()
    },
    ...submitting,
    ...createLeasing(parts, dispatcher, calls, giveBack, sessions.gaveTasks),
    ...createSteering(parts, reading),
    openSession: sessions.openSession,
    workers: sessions.workers,
    ...reading,
    wait: waiting.wait,
    watch: waiting.watch,
    queues: queues.queues,
    queue: queues.queue,
    pause: queues.pause,
    resume: queues.resume,
    async health() {
      const store = await parts.store.lifecycle.health()
      const services = sweeper === null ? [] : [sweeper.health()]
      return { ready: store.healthy && !stopping && services.every(({ healthy }) => healthy), store, services }
    },
  }
}
