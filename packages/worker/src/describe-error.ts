import { type TaskError, TaskFailure } from '@taskyard/core'
import { truncateUtf8 } from './truncate.ts'

const MESSAGE_BYTES = 4096
const STACK_BYTES = 8192
const ERROR_WORD = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/
/** Causes of causes are told down to here. */
const MOST_CAUSES = 5

/** What a task's history says of something thrown. @throws whatever looking at it throws */
export function describeError(thrown: unknown): TaskError {
  const message = truncateUtf8(messageOf(thrown), MESSAGE_BYTES)
  const own = typeof thrown === 'object' && thrown !== null && 'code' in thrown ? thrown.code : undefined
  const code = typeof own === 'string' && ERROR_WORD.test(own) ? own : 'error'
  if (!(thrown instanceof Error)) return { code, message }
  const stack = stackOf(thrown)
  return stack === '' ? { code, message } : { code, message, stack: truncateUtf8(stack, STACK_BYTES) }
}

/** A handler may come with its own copy of the core package, so the class alone does not tell. */
export function isTaskFailure(thrown: unknown): thrown is TaskFailure {
  if (thrown instanceof TaskFailure) return true
  return (
    thrown instanceof Error && thrown.name === 'TaskFailure' && 'retryable' in thrown && 'retryDelaySeconds' in thrown
  )
}

function messageOf(thrown: unknown): string {
  // The words of a TaskFailure are chosen for people; its causes are in the stack.
  if (isTaskFailure(thrown)) return String(thrown.message)
  if (thrown instanceof Error) return causesOf(thrown).map(ownMessage).join(': ')
  if (thrown === null || thrown === undefined) return `the handler threw ${String(thrown)}`
  if (typeof thrown !== 'object') return String(thrown)
  const { message } = thrown as { message?: unknown }
  return typeof message === 'string' && message !== '' ? message : (JSON.stringify(thrown) ?? 'undefined')
}

/** `fetch failed` alone says nothing: what failed is in its cause, and of several addresses in the causes of that. */
function causesOf(error: Error): readonly unknown[] {
  const chain: unknown[] = [error]
  for (let next = error.cause; next !== undefined && next !== null && chain.length <= MOST_CAUSES; ) {
    if (chain.includes(next)) break
    chain.push(next)
    next = next instanceof Error ? next.cause : undefined
  }
  return chain
}

function ownMessage(error: unknown): string {
  if (!(error instanceof Error)) return typeof error === 'object' ? (JSON.stringify(error) ?? '') : String(error)
  if (error.message !== '') return String(error.message)
  if (error instanceof AggregateError && error.errors.length > 0) {
    return [...new Set(error.errors.slice(0, MOST_CAUSES).map(ownMessage))].join('; ')
  }
  return error.name
}

function stackOf(error: Error): string {
  const texts = causesOf(error).flatMap((cause) => (cause instanceof Error && cause.stack ? [String(cause.stack)] : []))
  return texts.map(downToHandler).join('\ncaused by: ')
}

/** What calls handlers, as a frame of a stack names it; in a bundle it has no name of its own. */
const [, HERE] = /^(.*\/)describe-error\.\w+$/.exec(import.meta.url ?? '') ?? []

/** A stack without the frames below the handler: those are this package's. */
function downToHandler(stack: string): string {
  if (HERE === undefined) return stack
  const lines = stack.split('\n')
  const caller = lines.findIndex((line) => line.includes(`${HERE}call-handler.`))
  return caller === -1 ? stack : lines.slice(0, caller).join('\n')
}
