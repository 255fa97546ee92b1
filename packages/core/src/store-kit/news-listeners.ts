import type { CancelRequested, NewsInterest, NewsListener } from '../ports/news.ts'
import type { TaskStatus } from '../task.ts'
import { fitsBytes } from '../text.ts'
import { isOfInterest, statusesOfInterest, type TaskInterest, type TaskNews } from './news-interest.ts'

/** Who listens in this process. */
export interface NewsListeners {
  add(interest: NewsInterest, listener: NewsListener): () => void
  tell(news: TaskNews): void
  tellCancel(request: CancelRequested): void
  /** To all who listen for tasks. */
  tellMissed(): void
  isHeard(status: TaskStatus): boolean
  isListening(): boolean
  /** Each interest once; where that would be too much to say, all tasks. */
  interests(): readonly TaskInterest[]
}

/** Interests that are said one by one, and their bytes of JSON. */
const MOST_NAMED = 100
const MOST_BYTES = 6000

interface Listening<Interest> {
  readonly interest: Interest
  readonly listener: NewsListener
}

type Filter = Extract<NewsInterest, { readonly of: 'tasks' }>
type OneTask = Extract<NewsInterest, { readonly of: 'task' }>
type ListenersOfTasks = Map<string, Set<Listening<OneTask>>>

/**
 * Nobody listens yet. Listeners are called at once, those of one task before those of many.
 */
export function createNewsListeners(): NewsListeners {
  const ofCancels = new Set<Listening<NewsInterest>>()
  const ofFilters = new Set<Listening<Filter>>()
  const ofTasks: ListenersOfTasks = new Map()
  /** How many may hear of tasks that come to this status. */
  const listenerCounts = new Map<TaskStatus, number>()

  function count(interest: TaskInterest, by: number): void {
    for (const status of statusesOfInterest(interest))
      listenerCounts.set(status, (listenerCounts.get(status) ?? 0) + by)
  }

  return {
    add(interest, listener) {
      if (interest.of === 'cancel-requests') return addTo(ofCancels, { interest, listener })
      count(interest, 1)
      const remove =
        interest.of === 'task' ? addOfTask(ofTasks, interest, listener) : addTo(ofFilters, { interest, listener })
      let isListening = true
      return () => {
        if (!isListening) return
        isListening = false
        remove()
        count(interest, -1)
      }
    },
    tell(news) {
      for (const { interest, listener } of [...(ofTasks.get(news.taskId) ?? [])])
        if (interest.namespace === news.namespace) listener(news)
      if (news.kind === 'recorded') return
      for (const { interest, listener } of [...ofFilters]) if (isOfInterest(interest, news)) listener(news)
    },
    tellCancel(request) {
      for (const { listener } of [...ofCancels]) listener(request)
    },
    tellMissed() {
      for (const { listener } of [...ofTasks.values(), ofFilters].flatMap((some) => [...some])) {
        listener({ kind: 'missed' })
      }
    },
    isHeard: (status) => (listenerCounts.get(status) ?? 0) > 0,
    isListening: () => ofTasks.size + ofFilters.size > 0,
    interests() {
      if (ofTasks.size + ofFilters.size > MOST_NAMED) return ALL
      const filters = new Map([...ofFilters].map(({ interest }) => [JSON.stringify(interest), interest]))
      const tasks = [...ofTasks.values()].map(([one]) => (one as Listening<OneTask>).interest)
      const named = [...filters.values(), ...tasks]
      return fitsBytes(JSON.stringify(named), MOST_BYTES) ? named : ALL
    },
  }
}

function addTo<Item>(items: Set<Item>, item: Item): () => void {
  items.add(item)
  return () => items.delete(item)
}

function addOfTask(ofTasks: ListenersOfTasks, interest: OneTask, listener: NewsListener): () => void {
  const others = ofTasks.get(interest.taskId) ?? new Set()
  ofTasks.set(interest.taskId, others)
  const remove = addTo(others, { interest, listener })
  return () => {
    remove()
    if (others.size === 0) ofTasks.delete(interest.taskId)
  }
}

const ALL: readonly TaskInterest[] = [{ of: 'tasks' }]
