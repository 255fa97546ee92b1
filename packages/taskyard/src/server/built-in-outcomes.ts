import { type TaskOutcome, type WorkerApi, withoutFolders } from '@taskyard/core'

/**
 * For a worker of built-in types: whoever reads a task's error has no use for the files of this server. What a type says of a failure
 * is in its message; of an error that nobody foresaw the stack stays, without its folders.
 */
export function withoutServerPaths(api: WorkerApi): WorkerApi {
  return {
    ...api,
    settle: (request) => api.settle({ ...request, outcomes: request.outcomes.map(shown) }),
  }
}

function shown(outcome: TaskOutcome): TaskOutcome {
  if (outcome.error?.stack === undefined) return outcome
  const { stack, ...error } = outcome.error
  const isForeseen = stack.startsWith('TaskFailure')
  return { ...outcome, error: isForeseen ? error : { ...error, stack: withoutFolders(stack) } }
}
