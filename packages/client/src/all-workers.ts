import { LIMITS } from '@taskyard/core'
import type { WorkerDocument } from './documents.ts'
import { everyPage } from './every-page.ts'
import { type Expected, isList, isText } from './expected-answer.ts'
import { type Transport, withQuery } from './transport.ts'

interface Page {
  readonly workers: readonly WorkerDocument[]
  readonly nextCursor: string | null
}

const PAGE: Expected = { workers: isList, nextCursor: (value) => isText(value) || value === null }

/** The workers of all pages, in the order of their ids. */
export function allWorkers(transport: Transport): Promise<readonly WorkerDocument[]> {
  return everyPage(async (cursor) => {
    const path = withQuery('/api/v1/workers', { limit: LIMITS.listPage, cursor: cursor ?? undefined })
    const { workers, nextCursor } = await transport.get<Page>(path, PAGE)
    return { items: workers, nextCursor }
  })
}
