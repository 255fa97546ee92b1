import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { loadThreadModule, threadModule } from '@taskyard/core/threads'

describe('the module of a thread', () => {
  let folder = ''
  const asker = () => pathToFileURL(join(folder, 'app.js')).href
  const put = (path: string, text = '') => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
    return pathToFileURL(join(folder, path)).href
  }
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'taskyard-threads-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('stands beside the one that asks', () => {
    const file = put('heartbeat-thread.js')
    put('taskyard-threads.js')
    assert.equal(threadModule(asker(), 'worker/heartbeat-thread').href, file)
  })

  it('is part of the bundle of threads beside a bundle', () => {
    const file = put('taskyard-threads.mjs')
    assert.equal(threadModule(asker(), 'worker/heartbeat-thread').href, `${file}#worker/heartbeat-thread`)
  })

  it('is part of the installed package when a bundle stands alone', () => {
    const path = 'node_modules/@taskyard/client'
    put(`${path}/package.json`, '{"name":"@taskyard/client","exports":{"./threads":"./lib/threads.js"}}')
    const file = put(`${path}/lib/threads.js`)
    assert.equal(threadModule(asker(), 'worker/heartbeat-thread').href, `${file}#worker/heartbeat-thread`)
  })

  it('is missed in words that say what to do', () => {
    assert.throws(() => threadModule(asker(), 'worker/heartbeat-thread'), {
      code: 'invalid_configuration',
      message: /bundle @taskyard\/taskyard\/threads as taskyard-threads\.js in .*, or leave @taskyard\/taskyard out/,
    })
  })

  it('is loaded by the fragment of the address, and in a thread by what the thread was given', async () => {
    const modules = { 'a/b': async () => ({ openLeaseExtender: () => 1 }) }
    const loaded = await loadThreadModule(modules, 'file:///x.js#a/b', null)
    assert.equal(loaded.openLeaseExtender?.(null as never), 1)
    assert.equal(
      await loadThreadModule(modules, 'file:///x.js', { thread: 'a/b' }).then(Object.keys).then(String),
      'openLeaseExtender',
    )
    assert.throws(() => loadThreadModule(modules, 'file:///x.js', { path: '' }), /no thread ""/)
  })
})
