import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Where the packages of Taskyard lie that this process runs. */
const OURS = join(import.meta.dirname, '../../..')

/**
 * A stack as people read it: the frames of one's own code, without those of packages, of Taskyard and of Node; of an
 * error that comes from nowhere else, those of packages. Causes are named. A stack of another language is shown as it is,
 * its end above all. At most `most` lines.
 * @param folder files in it are named from there
 */
export function stackLines(stack: string, most: number, folder = process.cwd()): readonly string[] {
  if (!FRAMES.test(stack)) return foreignLines(stack, most)
  const [error = '', ...causes] = stack.split('\ncaused by: ')
  const lines = framesOf(error, folder)
  for (const cause of causes) lines.push(`caused by: ${cause.split('\n', 1)[0]}`, ...framesOf(cause, folder))
  return lines.length <= most ? lines : [...lines.slice(0, most - 1), '…']
}

function foreignLines(stack: string, most: number): readonly string[] {
  const lines = stack.trimEnd().split('\n')
  return lines.length === 1 ? [] : lines.slice(-most)
}

const FRAMES = /^\s+at /m
const FRAME = /^\s+at (.*)$/
const OF_NODE = /^(.*\()?node:/
const PLACE = /(?:file:\/\/|\/|[A-Za-z]:\\)[^()]*?(?=:\d+:\d+\)?$)/

function framesOf(text: string, folder: string): string[] {
  const frames = text.split('\n').flatMap((line) => FRAME.exec(line)?.[1] ?? [])
  const files = frames.flatMap((frame) => {
    const [place] = OF_NODE.test(frame.replace(/^async /, '')) ? [] : (PLACE.exec(frame) ?? [])
    return place === undefined ? [] : [{ frame, place, path: pathOf(place) }]
  })
  const own = files.filter(({ path }) => !isOfPackage(path) && !path.startsWith(OURS + sep))
  const shown = own.length > 0 ? own : files.filter(({ path }) => isOfPackage(path))
  return shown.map(({ frame, place, path }) => `at ${frame.replace(place, shortPath(path, folder))}`)
}

function isOfPackage(path: string): boolean {
  return /[\\/]node_modules[\\/]/.test(path)
}

function pathOf(place: string): string {
  try {
    return place.startsWith('file://') ? fileURLToPath(place) : place
  } catch {
    return place
  }
}

function shortPath(path: string, folder: string): string {
  return path.startsWith(folder + sep) ? `.${sep}${path.slice(folder.length + 1)}` : path
}
