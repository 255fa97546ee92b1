import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { plant, ROOT } from '../support/plant.ts'

const PAGES = ['*.md', '{docs,contracts,examples,bench,packages}/**/*.md']

test('every link between the documents leads somewhere', () => {
  assert.deepEqual(brokenLinks(ROOT), [])
})

test('a link to a missing page or heading is found', (t) => {
  const text = '# One\n[a](two.md) [b](#one) [c](#two) [d](docs/x.md#y)\n'
  const folder = plant(t, { 'a.md': text, 'docs/x.md': '# X\n' })
  assert.deepEqual(brokenLinks(folder), ['a.md: two.md', 'a.md: #two', 'a.md: docs/x.md#y'])
})

test('every page of the documents is linked from their first page', () => {
  assert.deepEqual(unlinkedPages(readFileSync(join(ROOT, 'docs/README.md'), 'utf8')), [])
  assert.deepEqual(unlinkedPages('[one](guides/redis.md)').includes('guides/redis.md'), false)
  assert.ok(unlinkedPages('').includes('operations/sqlite.md'))
})

test('what a program says names pages and sections that exist, and no files of the repository', () => {
  const sources = globSync('packages/*/src/**/*.ts', { cwd: ROOT }).map((path) =>
    readFileSync(join(ROOT, path), 'utf8'),
  )
  const said = sources.map((source) => source.replaceAll(/^ *(\*|\/\/|\/\*).*$/gm, '')).join('\n')
  assert.deepEqual([...said.matchAll(/docs\/[\w/-]+\.md/g)].flat(), [])
  const named = [...said.matchAll(/the page "([^"]+)"(?:, sections? (?:"([^"]+)")(?: and "([^"]+)")?)?/g)]
  assert.ok(named.length > 5)
  for (const [text, page, ...sections] of named) {
    for (const section of sections) assert.ok(section === undefined || hasSection(page as string, section), text)
    assert.ok(hasSection(page as string, page as string), text)
  }
})

function unlinkedPages(index: string): readonly string[] {
  const pages = globSync('{guides,reference,operations}/*.md', { cwd: join(ROOT, 'docs') })
  return pages.filter((page) => !index.includes(`](${page})`))
}

function hasSection(title: string, section: string): boolean {
  const texts = globSync('docs/*/*.md', { cwd: ROOT }).map((path) => readFileSync(join(ROOT, path), 'utf8'))
  const page = texts.find((text) => text.startsWith(`# ${title}\n`))
  return page !== undefined && new RegExp(`^#+ ${section}$`, 'm').test(page)
}

/** Relative links whose file or heading does not exist, as `page: link`. */
function brokenLinks(root: string): readonly string[] {
  const pages = globSync(PAGES, { cwd: root, exclude: ['**/node_modules/**'] })
  return pages.flatMap((page) => {
    const text = withoutCode(readFileSync(join(root, page), 'utf8'))
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] as string)
    return links
      .filter((link) => !/^\w+:/.test(link) && !leadsSomewhere(root, page, link))
      .map((link) => `${page}: ${link}`)
  })
}

function leadsSomewhere(root: string, page: string, link: string): boolean {
  const [path = '', heading] = link.split('#')
  const target = path === '' ? join(root, page) : join(root, dirname(page), path)
  if (!existsSync(target)) return false
  return heading === undefined || headingsOf(readFileSync(target, 'utf8')).includes(heading)
}

/** The anchors that code hosts give to headings. */
function headingsOf(text: string): readonly string[] {
  const titles = [...withoutCode(text, '```').matchAll(/^#+ (.*)$/gm)].map((match) =>
    (match[1] as string).toLowerCase(),
  )
  return titles.map((title) => title.replace(/[^\p{Letter}\p{Number} _-]/gu, '').replaceAll(' ', '-'))
}

function withoutCode(text: string, only?: '```'): string {
  const withoutBlocks = text.replace(/^```[\s\S]*?^```$/gm, '')
  return only === undefined ? withoutBlocks.replace(/`[^`\n]*`/g, '') : withoutBlocks
}
