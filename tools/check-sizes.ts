// Files of at most 300 lines, functions of at most 60. A longer function says why it stays whole, in a comment right
// before it which begins `// Long:`. Generated files and migrations may be of any length.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Node, parseSync, visitorKeys } from 'oxc-parser'

const MOST_FILE_LINES = 300
const MOST_FUNCTION_LINES = 60
const MOST_LINES_AT_P90 = 18

const OURS = '{packages,tools,e2e,bench,examples}/**/*.{ts,mjs,lua,sql}'
const FREE = /(^|\/)(node_modules|dist|migrations)\//
const PRODUCTION = /^(tools|packages\/(?!conformance|test-servers)[^/]+\/src)\/(?!test\/)/

const TEST_CALL = /^(describe|it|test)([A-Z]\w*)?$/

export interface Sizes {
  /** `file:line: what is too long` */
  readonly violations: readonly string[]
  /** Functions of production code. */
  readonly functions: number
  /** Nine in ten of them have so many lines or fewer. */
  readonly p90: number
}

/** How long the files and functions under `root` are, and which are too long. */
export function checkSizes(root: string): Sizes {
  const lengths: number[] = []
  const violations: string[] = []
  for (const file of globSync(OURS, { cwd: root, exclude: (path) => FREE.test(`${path}/`) }).sort()) {
    const source = readFileSync(join(root, file), 'utf8')
    const functions = /\.m?ts$|\.mjs$/.test(file) ? functionsOf(file, source) : []
    if (PRODUCTION.test(file)) lengths.push(...functions.map(({ length }) => length))
    violations.push(...tooLong(file, source, functions))
  }
  lengths.sort((a, b) => a - b)
  const p90 = lengths[Math.ceil(lengths.length * 0.9) - 1] ?? 0
  if (p90 > MOST_LINES_AT_P90) violations.push(`one function in ten is longer than ${MOST_LINES_AT_P90} lines`)
  return { violations, functions: lengths.length, p90 }
}

interface FunctionSize {
  /** Of its first line, from 1. */
  readonly line: number
  /** Its lines but those of tests that it holds: a `describe` is as long as what stands around them. */
  readonly length: number
}

function tooLong(file: string, source: string, functions: readonly FunctionSize[]): readonly string[] {
  const lines = source.split('\n')
  const count = lines.at(-1) === '' ? lines.length - 1 : lines.length
  const violations = functions
    .filter(({ line, length }) => length > MOST_FUNCTION_LINES && !saysWhy(lines, line))
    .map(({ line, length }) => `${file}:${line}: a function of ${length} lines; split it, or say why: // Long: …`)
  return count > MOST_FILE_LINES ? [`${file}: ${count} lines; split it by concern`, ...violations] : violations
}

/** Whether one of the comments right before a line begins `// Long:` */
function saysWhy(lines: readonly string[], line: number): boolean {
  const before = lines.slice(0, line - 1)
  const comments = before.slice(before.findLastIndex((text) => !/^\s*(\/\/|\/?\*)/.test(text)) + 1)
  return comments.some((text) => /^\s*\/\/ Long: \S/.test(text))
}

function functionsOf(file: string, source: string): readonly FunctionSize[] {
  const lineOf = lineFinder(source)
  const linesOf = ({ start, end }: Node) => lineOf(end) - lineOf(start) + 1
  const found: FunctionSize[] = []

  /** Gives how many lines of the node belong to tests that it holds. */
  function visit(node: Node): number {
    const ofTests = childrenOf(node).reduce((sum, child) => sum + visit(child), 0)
    if (isFunction(node)) found.push({ line: lineOf(node.start), length: linesOf(node) - ofTests })
    return isTest(node) ? linesOf(node) : ofTests
  }

  visit(parseSync(file, source).program)
  return found
}

function childrenOf(node: Node): readonly Node[] {
  const fields = node as unknown as Readonly<Record<string, Node | readonly (Node | null)[] | null | undefined>>
  return (visitorKeys[node.type] ?? []).flatMap((key) => fields[key] ?? []).filter((child) => child !== null)
}

function isFunction(node: Node): boolean {
  const { type } = node
  return type === 'FunctionDeclaration' || type === 'FunctionExpression' || type === 'ArrowFunctionExpression'
}

function isTest(node: Node): boolean {
  if (node.type !== 'CallExpression' || !node.arguments.some(isFunction)) return false
  const { callee } = node
  if (callee.type === 'Identifier') return TEST_CALL.test(callee.name)
  return (
    callee.type === 'MemberExpression' && callee.property.type === 'Identifier' && TEST_CALL.test(callee.property.name)
  )
}

function lineFinder(source: string): (offset: number) => number {
  const ends = [...source.matchAll(/\n/g)].map(({ index }) => index)
  return (offset) => {
    let [low, high] = [0, ends.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((ends[middle] as number) < offset) low = middle + 1
      else high = middle
    }
    return low + 1
  }
}

if (import.meta.main) {
  const { violations, functions, p90 } = checkSizes(join(import.meta.dirname, '..'))
  for (const violation of violations) console.error(violation)
  console.log(`${functions} functions, nine in ten of at most ${p90} lines`)
  process.exitCode = violations.length === 0 ? 0 : 1
}
