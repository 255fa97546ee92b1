import assert from 'node:assert/strict'

// biome-ignore lint/suspicious/noExplicitAny: documents are looked at as any program would
export type Document = any

/** The API as an orderly client uses it. Every answer must be a success. */
export function createApi(url: string) {
  async function call(method: string, path: string, body?: object): Promise<Document> {
    const content =
      body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
    const response = await fetch(url + path, { method, ...content })
    const text = await response.text()
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`)
    return JSON.parse(text)
  }
  return {
    get: (path: string) => call('GET', path),
    post: (path: string, body?: object) => call('POST', path, body),
  }
}

export type Api = ReturnType<typeof createApi>
