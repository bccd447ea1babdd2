import { describe, expect, it } from 'vitest'
import { countServing, hashOf, isServing, servingAt } from '../../../src/health/pods.ts'
import type { Pod } from '../../../src/shared/objects.ts'
import { NOW, pod } from './fixture.ts'

function ready(status: string, secondsAgo?: number, more: Partial<Pod['metadata']> = {}): Pod {
  const since = secondsAgo === undefined ? {} : { lastTransitionTime: new Date(NOW - secondsAgo * 1_000).toISOString() }
  const made = pod({ status: { conditions: [{ type: 'Ready', status, ...since }] } })
  return { ...made, metadata: { ...made.metadata, ...more } }
}

describe('a serving pod', () => {
  it.each([
    ['ready long enough', ready('True', 10), 5, true],
    ['ready exactly long enough', ready('True', 5), 5, true],
    ['ready for too short', ready('True', 4), 5, false],
    ['not ready', ready('False', 10), 0, false],
    ['without a status', pod({}), 0, false],
    ['being deleted', ready('True', 10, { deletionTimestamp: '2026-11-22T16:59:59Z' }), 0, false],
    ['ready just now without a minimum, by a clock that is ahead', ready('True', -30), 0, true],
    ['ready since nobody knows when, without a minimum', ready('True'), 0, true],
    ['ready since nobody knows when, with a minimum', ready('True'), 5, false],
  ])('%s', (_, candidate, minReadySeconds, expected) => {
    expect(isServing(candidate, minReadySeconds, NOW)).toBe(expected)
  })

  it('counts from the moment it became ready plus the minimum', () => {
    expect(servingAt(ready('True', 2), 5)).toBe(NOW + 3_000)
    expect(servingAt(ready('True', 2), 0)).toBe(NOW - 2_000)
    expect(servingAt(ready('False', 2), 0)).toBeUndefined()
  })

  it('is counted per version', () => {
    const of = (hash: string): Pod => ready('True', 9, { labels: { 'pod-template-hash': hash } })
    expect(countServing([of('a'), of('a'), of('b'), ready('True', 9)], 'a', 0, NOW)).toBe(2)
  })

  it('is known by its hash or revision', () => {
    expect(hashOf({ metadata: { labels: { 'pod-template-hash': 'a', 'controller-revision-hash': 'b' } } })).toBe('a')
    expect(hashOf({ metadata: { labels: { 'controller-revision-hash': 'b' } } })).toBe('b')
    expect(hashOf({ metadata: {} })).toBeUndefined()
  })
})
