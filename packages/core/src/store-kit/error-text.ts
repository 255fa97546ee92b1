import type { TaskError } from '../task.ts'

/** How a store writes an error: its code first, so that `errorTextStart` finds it. It is in their data: the order may not change. */
export function toErrorText({ code, message, stack }: TaskError): string {
  return JSON.stringify({ code, message, ...(stack === undefined ? {} : { stack }) })
}

/** What the text of every error with this code begins with, and of no other. */
export function errorTextStart(code: string): string {
  return `{"code":${JSON.stringify(code)},`
}
