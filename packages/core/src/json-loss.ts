import { nounOf } from './words/noun-of.ts'

/** A place in a value that its JSON text would not have, or not as it is. */
export interface JsonLoss {
  /** JSON Pointer (RFC 6901). */
  readonly path: string
  readonly message: string
}

/**
 * The first thing that JSON.stringify would leave out of a value, or make `{}` or `null` of, in silence: a Map, a Promise that
 * nobody awaited, `undefined` in a list, `NaN`. A property that is `undefined` counts as left out on purpose, and whatever has a
 * `toJSON` says itself what it is, as a Date does. Not for a value that holds itself.
 */
export function lossInJson(value: unknown): JsonLoss | null {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return null
    case 'number':
      return Number.isFinite(value) ? null : here(`${value} has no JSON form: it would become null`)
    case 'undefined':
      return here('undefined has no JSON form; say null')
    case 'object':
      return value === null ? null : lossInObject(value)
    case 'bigint':
      return hasOwnForm(value) ? lossInJson(value.toJSON('')) : here('a bigint has no JSON form; give it as a text')
    default:
      return here(`${nounOf(value)} has no JSON form`)
  }
}

function lossInObject(value: object): JsonLoss | null {
  if (hasOwnForm(value)) return lossInForm(value, value.toJSON(''))
  if (Array.isArray(value)) return lossInList(value)
  if (value instanceof Number || value instanceof String || value instanceof Boolean) return null
  const keys = Object.keys(value)
  if (isContainer(value) || (keys.length === 0 && !isPlain(value))) {
    const advice = value instanceof Promise ? 'await it' : 'give what it holds as an object, a list or a text'
    return here(`JSON would lose what a ${nameOf(value)} holds; ${advice}`)
  }
  const symbol = Object.getOwnPropertySymbols(value).find((name) =>
    Object.prototype.propertyIsEnumerable.call(value, name),
  )
  if (symbol !== undefined) return here(`${String(symbol)} is no name in JSON: it would be left out`)
  for (const key of keys) {
    const property = (value as Readonly<Record<string, unknown>>)[key]
    const loss = property === undefined ? null : lossInJson(property)
    if (loss !== null) return below(key, loss)
  }
  return null
}

/** What is `undefined` in a list, or not there, would become null. */
function lossInList(list: readonly unknown[]): JsonLoss | null {
  for (let i = 0; i < list.length; i++) {
    const loss = lossInJson(list[i])
    if (loss !== null) return below(String(i), loss)
  }
  return null
}

/** @param form what the value's own `toJSON` made of it */
function lossInForm(value: unknown, form: unknown): JsonLoss | null {
  if (value instanceof Date && form === null) return here('the Date is no time: it would become null')
  return lossInJson(form)
}

function hasOwnForm<Value extends object | bigint>(
  value: Value,
): value is Value & { readonly toJSON: (key: string) => unknown } {
  return typeof (value as { readonly toJSON?: unknown }).toJSON === 'function'
}

/** What it holds is in no property of its own, whatever properties it has beside. */
function isContainer(value: object): boolean {
  return [Error, Map, Set, Promise].some((kind) => value instanceof kind) || ArrayBuffer.isView(value)
}

/** Also one of another realm (`node:vm`). */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function nameOf(value: object): string {
  const { name } = value.constructor ?? {}
  return typeof name === 'string' && name !== '' ? name : 'object of an unknown class'
}

function here(message: string): JsonLoss {
  return { path: '', message }
}

function below(key: string, { path, message }: JsonLoss): JsonLoss {
  return { path: `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}${path}`, message }
}
