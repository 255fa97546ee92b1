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
