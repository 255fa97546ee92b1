// Every exported function of a package says in a doc comment what it gives.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Node, parseSync } from 'oxc-parser'

const SOURCES = 'packages/*/src/**/*.ts'
/** What may stand between a comment and what it is about: the marks of the tools. */
const BETWEEN = /^(\s|\/\/[^\n]*\n)*$/

/** `file:line: what has none`, of the exported functions under `root`. */
export function checkDocComments(root: string): readonly string[] {
  return globSync(SOURCES, { cwd: root })
    .sort()
    .flatMap((file) => undocumented(file, readFileSync(join(root, file), 'utf8')))
}

function undocumented(file: string, source: string): readonly string[] {
  const { program, comments } = parseSync(file, source)
  const docs = comments.filter(({ type, value }) => type === 'Block' && value.startsWith('*'))
  const documented = new Set<string>()
  return program.body.flatMap((node) =>
    exportedFunctions(node).flatMap((name) => {
      if (docs.some(({ end }) => end <= node.start && BETWEEN.test(source.slice(end, node.start)))) documented.add(name)
      // An implementation says what its overloads have said.
      if (documented.has(name)) return []
      const line = source.slice(0, node.start).split('\n').length
      return [`${file}:${line}: ${name} is exported without a doc comment`]
    }),
  )
}

function exportedFunctions(node: Node): readonly string[] {
  if (node.type !== 'ExportNamedDeclaration' || node.declaration === null) return []
  const { declaration } = node
  if (declaration.type === 'FunctionDeclaration' || declaration.type === 'TSDeclareFunction')
    return declaration.id === null ? [] : [declaration.id.name]
  if (declaration.type !== 'VariableDeclaration') return []
  return declaration.declarations.flatMap(({ id, init }) =>
    id.type === 'Identifier' && (init?.type === 'ArrowFunctionExpression' || init?.type === 'FunctionExpression')
      ? [id.name]
      : [],
  )
}

if (import.meta.main) {
  const violations = checkDocComments(join(import.meta.dirname, '..'))
  for (const violation of violations) console.error(violation)
  process.exitCode = violations.length === 0 ? 0 : 1
}
