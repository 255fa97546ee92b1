// Which async functions of ours are suspended at an `await` right now: what a test that hangs waits for.
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { getHeapSnapshot } from 'node:v8'

interface HeapSnapshot {
  readonly snapshot: {
    readonly meta: {
      readonly node_fields: readonly string[]
      readonly edge_fields: readonly string[]
      readonly edge_types: readonly [readonly string[], ...unknown[]]
      readonly location_fields: readonly string[]
    }
  }
  readonly nodes: readonly number[]
  readonly edges: readonly number[]
  readonly locations: readonly number[]
  readonly strings: readonly string[]
}

/** This folder's own functions are no news. */
const OWN = 'tools/hangs/'
/** Node's name for the state of a suspended function, in its heap snapshots. */
const SUSPENDED = 'Generator'

/**
 * `name (file:line)` of every async function or generator that is suspended, dependencies left out; files as seen from
 * `folder`. Read off a heap snapshot, so that nothing has to be recorded while all is
 * well. What waits for a promise that nobody can settle any more is garbage already, and missing.
 */
export async function suspendedFunctions(folder: string): Promise<readonly string[]> {
  const chunks: Buffer[] = []
  for await (const chunk of getHeapSnapshot()) chunks.push(chunk as Buffer)
  const heap = openHeap(JSON.parse(Buffer.concat(chunks).toString()) as HeapSnapshot)
  const found = heap.nodesNamed(SUSPENDED).flatMap((node) => {
    const called = heap.follow(node, 'function')
    const shared = called === null ? null : heap.follow(called, 'shared')
    const script = shared === null ? null : heap.follow(shared, 'script')
    if (called === null || script === null) return []
    const place = placeIn(folder, heap.nameOf(script))
    return place === null ? [] : [`${heap.nameOf(called) || 'a function'} (${place}:${heap.lineOf(called)})`]
  })
  return [...new Set(found)]
}

function placeIn(folder: string, script: string): string | null {
  if (!script.startsWith('file:')) return null
  const path = relative(folder, fileURLToPath(script))
  return path.includes('node_modules') || path.startsWith(OWN) ? null : path
}

function openHeap({ snapshot: { meta }, nodes, edges, locations, strings }: HeapSnapshot) {
  const { node_fields: nodeFields, edge_fields: edgeFields, location_fields: locationFields } = meta
  const name = nodeFields.indexOf('name')
  const edgeCount = nodeFields.indexOf('edge_count')
  const firstEdges = new Map<number, number>()
  for (let node = 0, edge = 0; node < nodes.length; node += nodeFields.length) {
    firstEdges.set(node, edge)
    edge += (nodes[node + edgeCount] as number) * edgeFields.length
  }
  const lines = new Map<number, number>()
  for (let at = 0; at < locations.length; at += locationFields.length) {
    lines.set(
      locations[at + locationFields.indexOf('object_index')] as number,
      (locations[at + locationFields.indexOf('line')] as number) + 1,
    )
  }
  const internal = meta.edge_types[0].indexOf('internal')
  const nameOf = (node: number) => strings[nodes[node + name] as number] ?? ''
  return {
    nameOf,
    lineOf: (node: number) => lines.get(node) ?? 0,
    nodesNamed: (wanted: string) => [...firstEdges.keys()].filter((node) => nameOf(node) === wanted),
    follow(node: number, edgeName: string): number | null {
      const first = firstEdges.get(node) as number
      const end = first + (nodes[node + edgeCount] as number) * edgeFields.length
      for (let edge = first; edge < end; edge += edgeFields.length) {
        const isWanted = edges[edge] === internal && strings[edges[edge + 1] as number] === edgeName
        if (isWanted) return edges[edge + 2] as number
      }
      return null
    },
  }
}
