import { type TaskError, TaskFailure } from '@taskyard/core'
import { truncateUtf8 } from './truncate.ts'

const MESSAGE_BYTES = 4096
const STACK_BYTES = 8192
const ERROR_WORD = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/
/** Causes of causes are told down to here, and so many of the errors that one is made of. */
const MOST_CAUSES = 5
/** Errors that are made of others are looked into so often. */
const MOST_LEVELS = 2
/** Errors whose stacks are told. */
const MOST_STACKS = 10

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
  if (thrown instanceof Error) return wordsOf(thrown, MOST_LEVELS)
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

/** @param levels how often what an error is made of is looked into */
function ownMessage(error: unknown, levels: number): string {
  if (!(error instanceof Error)) return typeof error === 'object' ? (JSON.stringify(error) ?? '') : String(error)
  const parts = levels === 0 ? [] : partsOf(error).map((part) => wordsOf(part, levels - 1))
  const words = [String(error.message), [...new Set(parts)].join('; ')].filter((text) => text !== '')
  return words.length === 0 ? error.name : words.join(': ')
}

function wordsOf(error: unknown, levels: number): string {
  const chain = error instanceof Error ? causesOf(error) : [error]
  return chain.map((cause) => ownMessage(cause, levels)).join(': ')
}

/** The first errors that it is made of, as what `Promise.any` throws. */
function partsOf(error: unknown): readonly unknown[] {
  return error instanceof AggregateError ? error.errors.slice(0, MOST_CAUSES) : []
}

function stackOf(error: Error): string {
  const told = new Set<unknown>(causesOf(error))
  // Grows while it is gone through: what is made of others, and their causes, come last.
  for (const cause of told) {
    for (const part of partsOf(cause)) for (const below of part instanceof Error ? causesOf(part) : []) told.add(below)
    if (told.size >= MOST_STACKS) break
  }
  const stacks = [...told].slice(0, MOST_STACKS)
  const texts = stacks.flatMap((cause) => (cause instanceof Error && cause.stack ? [String(cause.stack)] : []))
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
