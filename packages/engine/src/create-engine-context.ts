import { createLocalNews, DEFAULT_RETENTION, DEFAULTS, LIMITS, monotonicClock, TaskyardError } from '@taskyard/core'
import type { EngineOptions } from './engine.ts'
import type { EngineContext } from './engine-context.ts'
import { createIncidents } from './incidents.ts'
import { TypesAtHand } from './known-types.ts'
import { createLoops } from './loops.ts'
import { createPendingCalls } from './pending-calls.ts'
import { createStandstills } from './standstills.ts'
import type { Sweeper } from './sweeper.ts'
import { createTaskNews } from './task-news.ts'
import { createUsedNamespaces } from './used-namespaces.ts'

/** What is made only after the context, which it stands on. */
interface Later {
  sweeper(): Sweeper | null
  isStopping(): boolean
}

/** What the use cases and loops share, with defaults for what the options leave out. */
export function createEngineContext(options: EngineOptions, later: Later): EngineContext {
  const clock = monotonicClock(options.clock)
  const timeOfDay = () => options.clock.now()
  const shared = options.news === undefined ? options.store.news : options.news
  const news = shared ?? createLocalNews()
  const observer = options.observer ?? {}
  const incidents = createIncidents(observer)
  const loops = createLoops({ clock, timeOfDay, incidents })
  return {
    store: options.store,
    clock,
    random: options.random,
    ids: options.ids,
    news,
    taskNews: createTaskNews(news),
    shared: shared !== null,
    sweeps: options.sweeps ?? true,
    observer,
    incidents,
    loops,
    standstills: createStandstills(clock, timeOfDay, loops),
    pendingCalls: createPendingCalls(clock),
    usedNamespaces: createUsedNamespaces(clock),
    typesAtHand: new TypesAtHand({ taskTypes: options.store.taskTypes, clock, shared: shared !== null }),
    checkPayload: options.checkPayload ?? (() => []),
    retention: options.retention ?? DEFAULT_RETENTION,
    queueDepth: options.queueDepth ?? LIMITS.queueDepth,
    cancelGraceMs: (options.cancelGraceSeconds ?? DEFAULTS.cancelGraceSeconds) * 1000,
    sessionGraceMs: (options.sessionGraceSeconds ?? DEFAULTS.sessionGraceSeconds) * 1000,
    timeOfDay,
    sweepUnderWay: () => later.sweeper()?.underWay() ?? null,
    wakeSweeperAt: (time) => later.sweeper()?.wakeAt(time),
    isStopping: later.isStopping,
    assertRunning() {
      if (later.isStopping()) throw new TaskyardError('shutting_down')
    },
  }
}
