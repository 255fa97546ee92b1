import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isBefore, type Place, PlaceHeap } from '../src/place-heap.ts'

const place = fc.tuple(fc.nat(5), fc.integer({ min: -1, max: 1 }), fc.nat(3))
const step = fc.record({ item: fc.nat(20), to: fc.option(place) })

test('a heap has first what is first, whatever was put in, moved and taken out', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const heap = new PlaceHeap<number>()
      const places = new Map<number, Place>()
      for (const { item, to } of steps) {
        if (to === null) heap.delete(item)
        else heap.set(item, to)
        if (to === null) places.delete(item)
        else places.set(item, to)
        assertSame(heap, places)
      }
    }),
  )
})

function assertSame(heap: PlaceHeap<number>, places: ReadonlyMap<number, Place>): void {
  const first = heap.first()
  assert.equal(heap.size, places.size)
  assert.equal(first === undefined, places.size === 0)
  for (const [item, place] of places) {
    assert.equal(heap.placeOf(item), place)
    assert.ok(first !== undefined && !isBefore(place, first.place))
  }
}
