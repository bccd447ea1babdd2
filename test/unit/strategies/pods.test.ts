import { describe, expect, it } from 'vitest'
import {
  boundsOf,
  nextPair,
  type MoveOptions,
  type Pair,
  pairFor,
  pairOf,
  surgeFor,
  surgeOneShort,
  targetPair,
} from '../../../src/strategies/pods.ts'

describe('the pair of a weight', () => {
  it.each([
    { replicas: 3, percent: 33, pair: [2, 1] },
    { replicas: 3, percent: 100, pair: [0, 3] },
    { replicas: 3, percent: 1, pair: [2, 1], why: 'at least one canary' },
    { replicas: 3, percent: 99, pair: [1, 2], why: 'at least one stable pod' },
    { replicas: 4, percent: 25, pair: [3, 1] },
    { replicas: 4, percent: 50, pair: [2, 2] },
    { replicas: 10, percent: 24, pair: [8, 2] },
    { replicas: 10, percent: 25, pair: [7, 3], why: 'a half is rounded up' },
    { replicas: 2, percent: 75, pair: [1, 1], why: 'never no canary at all where another tool empties a side' },
    { replicas: 10, percent: 95, pair: [1, 9] },
    { replicas: 1, percent: 50, pair: [1, 1], why: 'one of each' },
    { replicas: 1, percent: 100, pair: [0, 1] },
  ])('$percent % of $replicas is $pair $why', ({ replicas, percent, pair }) => {
    expect(pairFor(replicas, percent)).toEqual(pair)
  })

  it.each<{ what: string; replicas: number; percent: number; now: Pair; target: Pair }>([
    { what: 'what the weight says, from the start', replicas: 10, percent: 30, now: [10, 0], target: [7, 3] },
    { what: 'no canary less than an autoscaler left', replicas: 10, percent: 10, now: [7, 3], target: [7, 3] },
    { what: 'no stable pod more than there is', replicas: 10, percent: 10, now: [5, 5], target: [5, 5] },
    { what: 'missing pods become new ones', replicas: 10, percent: 20, now: [5, 2], target: [5, 5] },
    { what: 'no more canaries than replicas', replicas: 3, percent: 50, now: [1, 5], target: [0, 3] },
    { what: 'both pods of a single replica', replicas: 1, percent: 50, now: [1, 0], target: [1, 1] },
    { what: 'all of a single replica at 100', replicas: 1, percent: 100, now: [1, 1], target: [0, 1] },
  ])('aims at $what', ({ replicas, percent, now, target }) => {
    expect(targetPair(replicas, percent, now)).toEqual(target)
  })
})

describe('the way to a pair', () => {
  function way(now: Pair, target: Pair, options: Partial<MoveOptions> & { replicas: number }): string {
    const pairs = [now]
    for (let at: Pair | undefined = now; at !== undefined && pairs.length < 30; ) {
      at = nextPair(at, target, { batch: 1, capacity: 'keep', ...options })
      if (at !== undefined) pairs.push(at)
    }
    return pairs.map((pair) => pair.join('/')).join(' ')
  }

  it.each([
    { what: '3 replicas at 33 %', got: way([3, 0], [2, 1], { replicas: 3 }), pairs: '3/0 3/1 2/1' },
    { what: 'and on to all', got: way([2, 1], [0, 3], { replicas: 3 }), pairs: '2/1 2/2 1/2 1/3 0/3' },
    { what: 'a batch of three', got: way([10, 0], [6, 4], { replicas: 10, batch: 3 }), pairs: '10/0 10/3 7/3 7/4 6/4' },
    { what: 'a single replica', got: way([1, 0], [1, 1], { replicas: 1 }), pairs: '1/0 1/1' },
    { what: 'already there', got: way([2, 1], [2, 1], { replicas: 3 }), pairs: '2/1' },
    { what: 'more than there is room for', got: way([5, 3], [2, 3], { replicas: 5 }), pairs: '5/3 4/3 3/3 2/3' },
    { what: 'without room', got: way([3, 0], [1, 2], { replicas: 3, capacity: 'replace' }), pairs: '3/0 2/1 1/2' },
    {
      what: 'without room, a batch as large as the set',
      got: way([3, 0], [0, 3], { replicas: 3, capacity: 'replace', batch: 9 }),
      pairs: '3/0 1/2 0/3',
    },
    {
      what: 'without room a single replica still gets its second pod',
      got: way([1, 0], [1, 1], { replicas: 1, capacity: 'replace' }),
      pairs: '1/0 1/1',
    },
    {
      what: 'a target below capacity, at once',
      got: way([1, 1], [0, 1], { replicas: 3 }),
      pairs: '1/1 0/1',
    },
  ])('$what: $pairs', ({ got, pairs }) => {
    expect(got).toBe(pairs)
  })
})

describe('strategy fields', () => {
  it.each<{ pair: Pair; replicas: number; maxSurge: number; maxUnavailable: number }>([
    { pair: [3, 1], replicas: 3, maxSurge: 1, maxUnavailable: 0 },
    { pair: [2, 1], replicas: 3, maxSurge: 0, maxUnavailable: 1 },
    { pair: [0, 3], replicas: 3, maxSurge: 0, maxUnavailable: 3 },
    { pair: [3, 3], replicas: 3, maxSurge: 3, maxUnavailable: 0 },
    { pair: [4, 2], replicas: 5, maxSurge: 1, maxUnavailable: 1 },
  ])('$pair of $replicas: surge $maxSurge, unavailable $maxUnavailable', ({ pair, replicas, ...bounds }) => {
    expect(boundsOf(pair, replicas)).toEqual(bounds)
    expect(pairOf(bounds, replicas)).toEqual(pair)
  })

  it('never asks for a negative number, and never for more new pods than replicas', () => {
    expect(boundsOf([5, 1], 3)).toEqual({ maxSurge: 3, maxUnavailable: 0 })
    expect(boundsOf([1, 1], 3)).toEqual({ maxSurge: 0, maxUnavailable: 2 })
    expect(pairOf({ maxSurge: 4, maxUnavailable: 9 }, 3)).toEqual([0, 3])
  })

  it.each([
    { replicas: 1, surge: '100%' },
    { replicas: 2, surge: '50%' },
    { replicas: 3, surge: '66%' },
    { replicas: 10, surge: '90%' },
    { replicas: 200, surge: '99%' },
  ])('one short of $replicas is $surge', ({ replicas, surge }) => {
    expect(surgeOneShort(replicas)).toBe(surge)
  })

  it.each([
    { pods: 3, replicas: 3, surge: '100%' },
    { pods: 1, replicas: 3, surge: '33%' },
    { pods: 2, replicas: 3, surge: '66%' },
    { pods: 199, replicas: 200, surge: '100%' },
    { pods: 101, replicas: 300, surge: '34%' },
  ])('$pods of $replicas is $surge', ({ pods, replicas, surge }) => {
    expect(surgeFor(pods, replicas)).toBe(surge)
  })
})
