import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { runInNewContext } from 'node:vm'
import * as fc from 'fast-check'
import { lossInJson, losslessJson } from '../src/index.ts'

class Money {
  readonly #cents: number
  constructor(cents: number) {
    this.#cents = cents
  }
  get cents(): number {
    return this.#cents
  }
}

class Point {
  readonly x = 1
}

class Told {
  readonly form: unknown
  constructor(form: unknown) {
    this.form = form
  }
  toJSON(): unknown {
    return this.form
  }
}

const SHARED = { a: 1 }

function circle(): object {
  const value: { self?: object } = {}
  value.self = value
  return value
}

function withItselfAsForm(): object {
  const value = { a: 1, toJSON: (): object => own }
  const own = Object.defineProperty(value, 'toJSON', { enumerable: false })
  return own
}

const LOST: readonly (readonly [what: string, value: unknown, path: string, message: RegExp])[] = [
  ['undefined', undefined, '', /say null/],
  ['a function', () => 1, '', /a function has no JSON form/],
  ['a symbol', Symbol('s'), '', /a symbol has no JSON form/],
  ['a BigInt', { n: 1n }, '/n', /bigint/],
  ['NaN', [1, Number.NaN], '/1', /NaN/],
  ['infinity', { n: Number.POSITIVE_INFINITY }, '/n', /Infinity/],
  ['undefined in a list', { list: [1, undefined] }, '/list/1', /undefined/],
  ['a hole in a list', new Array(1), '/0', /undefined/],
  ['a Set with a property of its own', Object.assign(new Set([1]), { name: 'x' }), '', /a Set holds/],
  ['a Map', { users: new Map([[1, 2]]) }, '/users', /a Map holds/],
  ['a Set', [new Set([1])], '/0', /a Set holds/],
  ['a Promise', { user: Promise.resolve(1) }, '/user', /await it/],
  ['an Error', { cause: Object.assign(new TypeError('x'), { code: 'y' }) }, '/cause', /TypeError/],
  ['a RegExp', { pattern: /a/ }, '/pattern', /RegExp/],
  ['bytes', { bytes: new Uint8Array(2) }, '/bytes', /Uint8Array/],
  ['an ArrayBuffer', new ArrayBuffer(2), '', /ArrayBuffer/],
  ['search parameters', { query: new URLSearchParams('a=1') }, '/query', /URLSearchParams/],
  ['an instance with private fields alone', { price: new Money(1) }, '/price', /a Money holds/],
  ['a symbol as a name', { [Symbol('id')]: 1 }, '', /Symbol\(id\)/],
  ['a function as a property', { a: { 'b/c': () => 1 } }, '/a/b~1c', /a function/],
  ['a Date that is none', { at: new Date(Number.NaN) }, '/at', /the Date is no time/],
  ['what a toJSON gives', { told: new Told(new Map()) }, '/told', /a Map/],
  ['a Date that a toJSON gives, which is not asked again', { told: new Told(new Date(0)) }, '/told', /a Date/],
  ['what holds itself', { a: [circle()] }, '/a/0/self', /holds itself/],
  ['a toJSON that throws', { told: { toJSON: () => assert.fail('not now') } }, '', /no JSON form: not now/],
]

const KEPT: readonly (readonly [what: string, value: unknown])[] = [
  ['null', null],
  ['a symbol that nobody lists', Object.defineProperty({ a: 1 }, Symbol('hidden'), { value: 1 })],
  ['a property that is undefined', { a: undefined, b: 1 }],
  ['a Date', { at: new Date(0) }],
  ['a URL', { url: new URL('http://a.example') }],
  ['a Buffer', { bytes: Buffer.from('x') }],
  ['an instance with fields', new Point()],
  ['an object without a prototype', Object.create(null)],
  ['an empty object of another realm', runInNewContext('({})')],
  ['boxed values', [Object(1), Object('a'), Object(false)]],
  ['what a toJSON gives', new Told({ a: 1 })],
  ['an object whose toJSON gives itself', withItselfAsForm()],
  ['an object that is there twice, in no circle', [SHARED, SHARED]],
]

describe('what JSON would lose', () => {
  for (const [what, value, path, message] of LOST) {
    it(`is found: ${what}`, () => {
      const loss = lossInJson(value)
      assert.equal(loss?.path, path)
      assert.match(loss?.message ?? '', message)
    })
  }

  for (const [what, value] of KEPT) it(`is not ${what}`, () => assert.equal(lossInJson(value), null))

  it('is not what is there twice', () => {
    assert.equal(lossInJson([SHARED, SHARED, 1n])?.path, '/2')
  })

  it('is told in the place of the text, which is there otherwise', () => {
    assert.equal(losslessJson({ a: [1, undefined] }) instanceof Object, true)
    assert.equal(losslessJson({ a: [1, null], b: undefined }), '{"a":[1,null]}')
  })

  it('is not looked for in what nests too deeply to be looked at', () => {
    const levels = 3000
    const deep = JSON.parse('['.repeat(levels) + ']'.repeat(levels))
    assert.equal(typeof losslessJson(deep), 'string')
  })

  it('is nothing of a value that came from JSON', () => {
    fc.assert(fc.property(fc.json(), (text) => lossInJson(JSON.parse(text)) === null))
  })
})
