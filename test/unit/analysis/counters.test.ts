import { describe, expect, it } from 'vitest'
import { type Arm, differenceOf, oddityText, type Reading } from '../../../src/analysis/counters.ts'

type Row = [pod: string, series: string, value: number]

function reading(requests: Row[], bad: Row[] = [], pods?: string[]): Reading {
  const samples = (rows: Row[]) => rows.map(([pod, series, value]) => ({ pod, series, value }))
  return { requests: samples(requests), bad: samples(bad), ...(pods === undefined ? {} : { pods }) }
}

const armOf = (pod: string): Arm | undefined =>
  pod.startsWith('new') ? 'canary' : pod.startsWith('old') ? 'stable' : undefined

describe('counters', () => {
  it('grow by pod and arm, over all series', () => {
    const before = reading(
      [
        ['new-1', 'a', 100],
        ['new-1', 'b', 10],
        ['old-1', 'a', 5],
        ['old-2', 'a', 7],
        ['other', 'a', 1],
      ],
      [['new-1', 'e', 1]],
    )
    const after = reading(
      [
        ['new-1', 'a', 130],
        ['new-1', 'b', 12],
        ['old-1', 'a', 45],
        ['old-2', 'a', 8],
        ['other', 'a', 99],
      ],
      [['new-1', 'e', 4]],
    )
    expect(differenceOf(before, after, armOf)).toEqual({
      canary: { total: 32, bad: 3 },
      stable: { total: 41, bad: 0 },
      pods: {
        canary: [{ pod: 'new-1', total: 32, bad: 3 }],
        stable: [
          { pod: 'old-1', total: 40, bad: 0 },
          { pod: 'old-2', total: 1, bad: 0 },
        ],
      },
      odd: [],
    })
  })

  it('take a pod that is new as a baseline', () => {
    const found = differenceOf(
      reading([['old-1', 'a', 5]]),
      reading(
        [
          ['old-1', 'a', 6],
          ['new-1', 'a', 4_000],
        ],
        [['new-1', 'e', 3]],
      ),
      armOf,
    )
    expect(found.canary).toEqual({ total: 0, bad: 0 })
    expect(found.pods.canary).toEqual([])
    expect(found.stable.total).toBe(1)
  })

  it('count a series that appears on a pod that was there from 0', () => {
    expect(
      differenceOf(reading([['new-1', 'a', 5]]), reading([['new-1', 'a', 9]], [['new-1', 'e', 3]]), armOf).canary,
    ).toEqual({ total: 4, bad: 3 })
    expect(
      differenceOf(reading([], [], ['new-1']), reading([['new-1', 'a', 9]], [['new-1', 'e', 3]]), armOf).canary,
    ).toEqual({ total: 9, bad: 3 })
  })

  it('count what stands there after a value fell, and say so', () => {
    const found = differenceOf(
      reading([['new-1', 'a', 500]], [['new-1', 'e', 7]]),
      reading([['new-1', 'a', 20]], [['new-1', 'e', 2]]),
      armOf,
    )
    expect(found.canary).toEqual({ total: 20, bad: 2 })
    expect(found.odd).toEqual([
      { kind: 'reset', pod: 'new-1', series: 'a' },
      { kind: 'reset', pod: 'new-1', series: 'e' },
    ])
  })

  it('drop a pod that is gone, and say so', () => {
    const found = differenceOf(
      reading([
        ['old-1', 'a', 5],
        ['old-2', 'a', 5],
        ['other', 'a', 1],
      ]),
      reading([['old-2', 'a', 8]]),
      armOf,
    )
    expect(found.stable).toEqual({ total: 3, bad: 0 })
    expect(found.pods.stable.map(({ pod }) => pod)).toEqual(['old-2'])
    expect(found.odd).toEqual([{ kind: 'gone', pod: 'old-1' }])
  })

  it('do not take a pod for gone that answers with nothing', () => {
    const found = differenceOf(reading([['old-1', 'a', 5]]), reading([], [], ['old-1']), armOf)
    expect(found).toMatchObject({ stable: { total: 0, bad: 0 }, odd: [] })
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -1])('pass over %f, and never count from before it', (value) => {
    const there = differenceOf(
      reading([
        ['old-1', 'a', 5],
        ['old-1', 'b', 5],
      ]),
      reading([
        ['old-1', 'a', value],
        ['old-1', 'b', 6],
      ]),
      armOf,
    )
    expect(there).toMatchObject({ stable: { total: 1 }, odd: [{ kind: 'no-count', pod: 'old-1', series: 'a', value }] })
    const back = differenceOf(reading([['old-1', 'a', value]]), reading([['old-1', 'a', 9_000]]), armOf)
    expect(back).toMatchObject({ stable: { total: 0 }, odd: [] })
  })

  it('sum what one series says twice', () => {
    const twice = reading([
      ['old-1', 'a', 5],
      ['old-1', 'a', 6],
    ])
    expect(
      differenceOf(
        twice,
        reading([
          ['old-1', 'a', 8],
          ['old-1', 'a', 6],
        ]),
        armOf,
      ).stable.total,
    ).toBe(3)
    const half = reading([
      ['old-1', 'a', 5],
      ['old-1', 'a', Number.NaN],
    ])
    expect(differenceOf(twice, half, armOf)).toMatchObject({ stable: { total: 0 }, odd: [{ kind: 'no-count' }] })
  })

  it('say what is odd', () => {
    expect(
      [
        { kind: 'reset', pod: 'p', series: 'hits' } as const,
        { kind: 'no-count', pod: 'p', series: 'hits', value: Number.NaN } as const,
        { kind: 'gone', pod: 'p' } as const,
      ].map(oddityText),
    ).toEqual([
      'pod p: hits began anew, the container was restarted',
      'pod p: hits is NaN, which is no number of requests',
      'pod p is gone, what it answered last is not counted',
    ])
  })
})
