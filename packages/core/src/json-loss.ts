import { type JsonText, toJsonText } from './json.ts'
import { nounOf } from './words/noun-of.ts'

/** A place in a value that its JSON text would not have, or not as it is. */
export interface JsonLoss {
  /** JSON Pointer (RFC 6901). */
  readonly path: string
  readonly message: string
}

/**
 * The JSON text of a value; or, instead of one that is not what was meant, the first thing that JSON.stringify would leave out, or
 * make `{}` or `null` of, in silence (a Map, a Promise that nobody awaited, `undefined` in a list, `NaN`), or that has no JSON
 * form at all (a BigInt, a function, what holds itself). A property that is `undefined` counts as left out on purpose, and whatever
 * has a `toJSON` says itself what it is, as a Date does.
 */
export function losslessJson(value: unknown): JsonText | JsonLoss {
  const { text, error } = textOf(value)
  try {
    const loss = lossIn(value, text === null ? [] : null)
    if (loss !== null) return loss
  } catch {
    // A getter or a `toJSON` that throws is in `error`; what nests too deeply to be looked at is refused by its depth.
  }
  return text ?? here(`it has no JSON form: ${error}`)
}

/** What {@link losslessJson} would refuse in a value. */
export function lossInJson(value: unknown): JsonLoss | null {
  const json = losslessJson(value)
  return typeof json === 'string' ? null : json
}

function textOf(value: unknown): { readonly text: JsonText | null; readonly error?: string } {
  try {
    return { text: toJsonText(value) }
  } catch (error) {
    return { text: null, error: error instanceof Error ? error.message : String(error) }
  }
}

/** The objects that hold the one that is looked at; `null`: none of them holds itself. */
type Above = object[] | null

function lossIn(value: unknown, above: Above): JsonLoss | null {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return null
    case 'number':
      return Number.isFinite(value) ? null : here(`${value} has no JSON form: it would become null`)
    case 'undefined':
      return here('undefined has no JSON form; say null')
    case 'object':
      return value === null ? null : lossInObject(value, above)
    case 'bigint':
      return hasOwnForm(value) ? lossIn(value.toJSON(''), above) : here('a bigint has no JSON form; give it as a text')
    default:
      return here(`${nounOf(value)} has no JSON form`)
  }
}

function lossInObject(value: object, above: Above): JsonLoss | null {
  if (above === null) return hasOwnForm(value) ? lossInForm(value, above) : lossInParts(value, above)
  if (above.includes(value)) return here('what holds itself has no JSON form')
  above.push(value)
  const loss = hasOwnForm(value) ? lossInForm(value, above) : lossInParts(value, above)
  above.pop()
  return loss
}

/** What its own `toJSON` makes of it is taken as it is, whatever `toJSON` that has. */
function lossInForm(value: object & OwnForm, above: Above): JsonLoss | null {
  const form = value.toJSON('')
  if (value instanceof Date && form === null) return here('the Date is no time: it would become null')
  return typeof form === 'object' && form !== null ? lossInParts(form, above) : lossIn(form, above)
}

function lossInParts(value: object, above: Above): JsonLoss | null {
  if (Array.isArray(value)) return lossInList(value, above)
  // Most are plain, and need no second look.
  if (Object.getPrototypeOf(value) !== Object.prototype) {
    if (value instanceof Number || value instanceof String || value instanceof Boolean) return null
    if (isContainer(value) || (!isPlain(value) && Object.keys(value).length === 0)) return here(lostIn(value))
  }
  const symbols = Object.getOwnPropertySymbols(value)
  const symbol = symbols.find((name) => Object.prototype.propertyIsEnumerable.call(value, name))
  if (symbol !== undefined) return here(`${String(symbol)} is no name in JSON: it would be left out`)
  return lossInProperties(value, above)
}

function lossInProperties(value: object, above: Above): JsonLoss | null {
  for (const key of Object.keys(value)) {
    const property = (value as Readonly<Record<string, unknown>>)[key]
    const loss = property === undefined ? null : lossIn(property, above)
    if (loss !== null) return below(key, loss)
  }
  return null
}

/** What is `undefined` in a list, or not there, would become null. */
function lossInList(list: readonly unknown[], above: Above): JsonLoss | null {
  for (let i = 0; i < list.length; i++) {
    const loss = lossIn(list[i], above)
    if (loss !== null) return below(String(i), loss)
  }
  return null
}

interface OwnForm {
  readonly toJSON: (key: string) => unknown
}

function hasOwnForm<Value extends object | bigint>(value: Value): value is Value & OwnForm {
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

function lostIn(value: object): string {
  const advice = value instanceof Promise ? 'await it' : 'give what it holds as an object, a list or a text'
  return `JSON would lose what a ${nameOf(value)} holds; ${advice}`
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
