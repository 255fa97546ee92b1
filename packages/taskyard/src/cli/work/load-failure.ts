import { existsSync } from 'node:fs'
import { dirname, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stackLines } from '../stack-lines.ts'

const MOST_FRAMES = 5
const EXTENSIONS = ['.ts', '.mts', '.js', '.mjs', '.cts', '.cjs', '/index.ts', '/index.js']

/** Why a module cannot be imported, in words of its author, without what Node did meanwhile. */
export function loadFailure(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  const { code, message, stack = '' } = thrown as Error & { code?: string }
  switch (code) {
    case 'ERR_MODULE_NOT_FOUND':
      return missingModule(message)
    case 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX':
      return `${placeIn(stack)}${unsupported(message)}`
  }
  if (thrown instanceof SyntaxError) return `${placeIn(stack)}${message}`
  return [message, ...stackLines(stack, MOST_FRAMES)].join('\n')
}

/** Types are taken away; what is more than a type would have to be compiled. */
function unsupported(message: string): string {
  const [, what = 'construct'] = /TypeScript (.+?) is not supported/.exec(message) ?? []
  const article = /^[aeiou]/.test(what) ? 'an' : 'a'
  return `${article} ${what} cannot be left out as types are: write erasable TypeScript (tsconfig.json: erasableSyntaxOnly), or build the module first`
}

function missingModule(message: string): string {
  const [, kind, name = '', importer = ''] =
    /Cannot find (module|package) '(.+?)' imported from (.+)$/.exec(message) ?? []
  if (kind === undefined) return message
  if (kind === 'package') return `${named(importer)} imports the package ${name}, which is not installed there`
  const stem = name.replace(/\.[cm]?js$/, '')
  const found = EXTENSIONS.map((extension) => stem + extension).find((path) => path !== name && existsSync(path))
  const [wanted, instead] = [name, found].map((path) => path && specifier(dirname(importer), path))
  if (instead === undefined) return `${named(importer)} imports ${wanted}, which is not there`
  return `${named(importer)} imports ${wanted}: give the whole name, ${instead}`
}

/** `./enum.ts:1: `, where the stack of a syntax error begins with the place. */
function placeIn(stack: string): string {
  const [, place, line] = /^((?:file:|\/|[A-Za-z]:\\).+):(\d+)$/.exec(stack.split('\n', 1)[0] ?? '') ?? []
  return place === undefined ? '' : `${named(place.startsWith('file:') ? fileURLToPath(place) : place)}:${line}: `
}

function named(path: string): string {
  const name = specifier(process.cwd(), path)
  return name.startsWith('..') ? path : name
}

function specifier(folder: string, path: string): string {
  const way = relative(folder, path)
  return way.startsWith('..') ? way : `.${sep}${way}`
}
