import type { OpenedStore } from '@taskyard/core'

/** Some methods of some facets. */
export type StoreOverrides = { readonly [Facet in keyof OpenedStore]?: Partial<OpenedStore[Facet]> }

/** The store with these methods in the place of its own. */
export function withOverrides(store: OpenedStore, overrides: StoreOverrides): OpenedStore {
  const facets = Object.entries(overrides).map(([name, methods]) => [
    name,
    { ...store[name as keyof OpenedStore], ...methods },
  ])
  return { ...store, ...Object.fromEntries(facets) }
}
