import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { scriptText } from './script-text.ts'

/** One atomic operation of the store; its Lua text says what it takes and answers. */
export interface Script {
  readonly name: string
  readonly text: string
  readonly sha: string
}

const FOLDER = new URL('./lua/', import.meta.url)

function script(name: string): Script {
  const text = scriptText(name, readLua)
  return { name, text, sha: createHash('sha1').update(text).digest('hex') }
}

function readLua(file: string): string {
  return readFileSync(new URL(file, FOLDER), 'utf8')
}

export const SCRIPTS = {
  migrate: script('migrate'),
  enqueue: script('enqueue'),
  claim: script('claim'),
  extend: script('extend'),
  settle: script('settle'),
  record: script('record'),
  cancel: script('cancel'),
  retry: script('retry'),
  delete: script('delete'),
  find: script('find'),
  index: script('index'),
  live: script('live'),
  history: script('history'),
  counts: script('counts'),
  position: script('position'),
  readyLanes: script('ready-lanes'),
  pause: script('pause'),
  declareTypes: script('declare-types'),
  listTypes: script('list-types'),
  beat: script('beat'),
  holders: script('holders'),
  claimers: script('claimers'),
  endLeases: script('end-leases'),
  takeBackCrashes: script('take-back-crashes'),
  sweep: script('sweep'),
  probe: script('probe'),
} as const
