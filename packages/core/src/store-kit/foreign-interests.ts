import type { TasksOfInterest } from '../ports/news.ts'
import type { TaskStatus } from '../task.ts'
import { isOfInterest, statusesOfInterest, type TaskInterest, type TaskNews } from './news-interest.ts'

/** Processes of which it is known what they listen for; of more nothing is. */
const MOST_PROCESSES = 1000

/** What other processes listen for. */
export interface ForeignInterests {
  /** This process listens for these, and for nothing else, until this time. */
  update(process: string, interests: readonly TaskInterest[], until: number): void
  /** Those whose time is over are forgotten. */
  forgetExpired(now: number): void
  isWanted(news: TaskNews): boolean
  isHeard(status: TaskStatus): boolean
}

interface JoinedInterests {
  readonly tasks: ReadonlySet<string>
  readonly filters: readonly TasksOfInterest[]
  readonly statuses: ReadonlySet<TaskStatus>
  /** Somebody listens for so many tasks that they are not named. */
  readonly all: boolean
}

const NONE: JoinedInterests = { tasks: new Set(), filters: [], statuses: new Set(), all: false }

/** No other process is known yet: nothing is wanted until one says what it listens for. */
export function createForeignInterests(): ForeignInterests {
  const processes = new Map<string, { readonly interests: readonly TaskInterest[]; readonly until: number }>()
  let joined = NONE

  function join(): void {
    const all = [...processes.values()].flatMap(({ interests }) => interests)
    const filters = all.filter((interest) => interest.of === 'tasks')
    joined = {
      tasks: new Set(all.flatMap((interest) => (interest.of === 'task' ? [interest.taskId] : []))),
      filters,
      statuses: new Set(all.flatMap(statusesOfInterest)),
      all: filters.some((filter) => Object.keys(filter).length === 1),
    }
  }

  return {
    update(process, interests, until) {
      if (interests.length === 0) processes.delete(process)
      else if (processes.has(process) || processes.size < MOST_PROCESSES) processes.set(process, { interests, until })
      join()
    },
    forgetExpired(now) {
      const gone = [...processes].filter(([, { until }]) => until <= now)
      for (const [process] of gone) processes.delete(process)
      if (gone.length > 0) join()
    },
    isWanted(news) {
      if (joined.all || joined.tasks.has(news.taskId)) return true
      return news.kind === 'changed' && joined.filters.some((filter) => isOfInterest(filter, news))
    },
    isHeard: (status) => joined.statuses.has(status),
  }
}
