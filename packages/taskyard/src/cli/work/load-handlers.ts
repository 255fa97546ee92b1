import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { faultOfHandler, isName, nameRule, type TaskHandlers } from '@taskyard/core'
import { usageFailure } from '../failure.ts'
import { loadFailure } from './load-failure.ts'

/** The handlers that a module exports: its default export, else its `tasks`, else what it exports by name. */
export async function loadHandlers(file: string): Promise<TaskHandlers> {
  const exported = await importModule(file)
  const handlers = handlersAmong(exported)
  if (handlers === null && typeof exported.default === 'function') throw usageFailure(nameless(file, exported.default))
  if (handlers === null) throw usageFailure(`${file} exports no handlers. ${EXPECTED}`)
  for (const [type, handler] of Object.entries(handlers)) refuseUnusable(file, type, handler)
  return handlers as TaskHandlers
}

const EXPECTED = `Export an object of functions by task type:
  export default { 'say-hello': async (task) => \`Hello \${task.payload.name}\` }`

/** A function alone, or a class, says nothing of the task type that it is for. */
function nameless(file: string, exported: { readonly name: string }): string {
  const name = exported.name === '' || exported.name === 'default' ? 'my-type' : exported.name
  return `the default export of ${file} is one function or class, and no task type goes with it. ${EXPECTED}
or give the function its type as a name: export default { '${name}': … }`
}

type Module = Readonly<Record<string, unknown>>

function handlersAmong(exported: Module): Readonly<Record<string, unknown>> | null {
  const handlers = Object.entries(exported).filter(([name, value]) => name !== 'default' && isHandler(value))
  const named = Object.fromEntries(handlers)
  for (const candidate of [exported.default, exported.tasks, named]) {
    if (typeof candidate === 'object' && candidate !== null && Object.keys(candidate).length > 0) {
      return candidate as Readonly<Record<string, unknown>>
    }
  }
  return null
}

function isHandler(value: unknown): boolean {
  return typeof value === 'function' || (typeof value === 'object' && value !== null && 'run' in value)
}

function refuseUnusable(file: string, type: string, handler: unknown): void {
  if (!isName(type)) {
    throw usageFailure(`${file}: "${type}" cannot be a task type: ${nameRule('type')}`)
  }
  const fault = faultOfHandler(handler)
  if (fault !== null) throw usageFailure(`${file}: the handler of "${type}" ${fault}`)
}

async function importModule(file: string): Promise<Module> {
  const path = resolve(file)
  try {
    return await import(pathToFileURL(path).href)
  } catch (error) {
    if (!existsSync(path)) throw usageFailure(`there is no file ${file}`)
    throw usageFailure(`${file} cannot be loaded: ${loadFailure(error)}`)
  }
}
