import type { ReferenceLane, ReferenceTask } from './reference-task.ts'

/** Everything a reference store knows. Opening a store on the same state again is a restart without loss. */
export interface ReferenceState {
  readonly tasks: Map<string, ReferenceTask>
  readonly idempotencyKeys: Map<string, UsedKey>
  readonly paused: Set<string>
  /** By namespace and type, as JSON. */
  readonly typeDefaults: Map<string, ReadonlyMap<string, string>>
  /** By namespace and queue; a queue is in here from its first task on. */
  readonly lanes: Map<string, ReferenceLane>
  /** The newest beat of each server process, the workers' keys, and until when it holds. */
  readonly nodes: Map<string, ReferenceNode>
  arrivals: number
  /** How often types were declared. */
  declarations: number
}

export interface ReferenceNode {
  readonly workers: ReadonlySet<string>
  readonly until: number
  /** As `claimersText`, and when it was said, ms. */
  readonly claimers: string
  readonly claimersAt: number
}

export interface UsedKey {
  readonly taskId: string
  readonly fingerprint: string
  readonly expiresAt: number
}

/** The task of this id, if it is of this namespace. */
export function taskOf({ tasks }: ReferenceState, namespace: string, taskId: string): ReferenceTask | undefined {
  const entry = tasks.get(taskId)
  return entry?.task.namespace === namespace ? entry : undefined
}

/** The state of a store that has never been used. */
export function emptyReferenceState(): ReferenceState {
  return {
    tasks: new Map(),
    idempotencyKeys: new Map(),
    paused: new Set(),
    typeDefaults: new Map(),
    lanes: new Map(),
    nodes: new Map(),
    arrivals: 0,
    declarations: 0,
  }
}
