import type { OpenedStore } from '@taskyard/core'

/** Some methods of some facets. */
export type StoreParts = { readonly [Facet in keyof OpenedStore]?: Partial<OpenedStore[Facet]> }

/** The store with these methods in the place of its own. */
export function overlaid(store: OpenedStore, parts: StoreParts): OpenedStore {
  const facets = Object.entries(parts).map(([name, part]) => [name, { ...store[name as keyof OpenedStore], ...part }])
  return { ...store, ...Object.fromEntries(facets) }
}
