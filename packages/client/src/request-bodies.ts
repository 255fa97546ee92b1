import { type JsonText, LIMITS } from '@taskyard/core'

/**
 * Request bodies `{"<name>":[…items]}`, as few as keep below the body limit; an item over it goes alone, to be refused
 * alone. The last body also has the `more` members. There is always at least one.
 */
export function requestBodies(
  name: string,
  items: readonly JsonText[],
  more: Readonly<Record<string, JsonText>> = {},
): readonly JsonText[] {
  const tail = Object.entries(more)
    .map(([key, text]) => `,"${key}":${text}`)
    .join('')
  const room = LIMITS.bodyBytes - Buffer.byteLength(tail) - name.length - 8
  const groups = grouped(items, room)
  return groups.map((group, index) => {
    const isLast = index === groups.length - 1
    return `{"${name}":[${group.join(',')}]${isLast ? tail : ''}}` as JsonText
  })
}

function grouped(items: readonly JsonText[], room: number): readonly (readonly JsonText[])[] {
  const groups: JsonText[][] = [[]]
  let bytes = 0
  for (const item of items) {
    const size = Buffer.byteLength(item) + 1
    if (bytes > 0 && bytes + size > room) {
      groups.push([])
      bytes = 0
    }
    groups.at(-1)?.push(item)
    bytes += size
  }
  return groups
}
