import { ERRORS } from '@taskyard/core'
import { isObject } from './knowledge.ts'
import type { FuzzRequest } from './requests.ts'
import type { Answer } from './send.ts'

/** What a text of the catalogue holds before it is filled in. */
const PLACEHOLDERS = [...new Set(Object.values(ERRORS).flatMap(({ template }) => template.match(/\{\w+\}/g) ?? []))]

/** Errors of a server that is well are the caller's: none has a status of 500 or more. */
export function answerFaults({ method }: FuzzRequest, { status, contentType, text }: Answer): readonly string[] {
  const faults: string[] = []
  if (status < 200 || status > 599) faults.push(`a status of ${status}`)
  if (status >= 500) faults.push(`${status}: ${text.slice(0, 300)}`)
  if (method === 'HEAD' || text === '') return faults
  if (status >= 400) return [...faults, ...problemFaults(status, contentType, text)]
  if (contentType.startsWith('application/json') && parsed(text) === undefined)
    faults.push('an answer that is not JSON')
  return faults
}

function problemFaults(status: number, contentType: string, text: string): readonly string[] {
  if (!contentType.startsWith('application/problem+json')) return [`an error as ${contentType}: ${text.slice(0, 100)}`]
  const problem = parsed(text)
  if (!isObject(problem)) return ['a problem that is no JSON object']
  const { code, detail } = problem
  const faults: string[] = []
  if (problem['status'] !== status) faults.push(`a problem of status ${problem['status']} with ${status}`)
  if (typeof code !== 'string' || !Object.hasOwn(ERRORS, code)) faults.push(`an unknown code, ${code}`)
  if (typeof detail !== 'string' || detail === '') faults.push('a problem without detail')
  else if (PLACEHOLDERS.some((placeholder) => detail.includes(placeholder)))
    faults.push(`a text with holes: ${detail.slice(0, 200)}`)
  if (/node_modules|\.ts:\d|\bat \w+ \(/.test(text)) faults.push('an error that shows the inside of the server')
  return faults
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
