import { describe, expect, it } from 'vitest'
import { boundOf, slowOf } from '../../../src/analysis/histogram.ts'
import { type PageSample, parsePage } from '../../../src/analysis/metrics-page.ts'

function samples(text: string): PageSample[] {
  const page = parsePage(text, { lines: 1_000, characters: 100_000 })
  return page.kind === 'page' ? page.samples : []
}

const OLD = samples(`
d_bucket{path="/",le="0.1"} 50
d_bucket{path="/",le="0.5"} 80
d_bucket{path="/",le="1"} 90
d_bucket{path="/",le="+Inf"} 100
d_count{path="/"} 100
d_sum{path="/"} 12
d_bucket{path="/x",le="0.1"} 1
d_bucket{path="/x",le="0.5"} 2
d_bucket{path="/x",le="1.0"} 3
d_bucket{path="/x",le="+Inf"} 4
other_bucket{le="0.2"} 7`)

describe('the bound above which a request is slow', () => {
  it('is a bucket of the histogram, the lowest one at or above what was asked for', () => {
    expect(boundOf(OLD, 'd', 0.5)).toEqual({ kind: 'bound', le: 0.5, text: 'above 0.5' })
    expect(boundOf(OLD, 'd', 0.3)).toEqual({
      kind: 'bound',
      le: 0.5,
      text: 'above 0.5, the first bucket of d at or above 0.3',
    })
    expect(boundOf(OLD, 'd', 0.51)).toMatchObject({ le: 1 })
  })

  it('is one that all series have, whatever version they are of', () => {
    const other = samples('d_bucket{le="0.1"} 1\nd_bucket{le="1"} 1\nd_bucket{le="2"} 1\nd_bucket{le="+Inf"} 2')
    expect(boundOf([...OLD, ...other], 'd', 0.3)).toMatchObject({ le: 1 })
    expect(boundOf([...OLD, ...other], 'd', 1.5)).toEqual({
      kind: 'none',
      text: 'the histogram d has no bucket at or above 1.5; it has 0.1, 1',
    })
    const alien = samples('d_bucket{le="7"} 1')
    expect(boundOf([...OLD, ...alien], 'd', 0.1)).toMatchObject({
      kind: 'none',
      text: expect.stringContaining('none in all'),
    })
  })

  it('is never infinite, nor that of another histogram', () => {
    expect(boundOf(OLD, 'd', 2)).toMatchObject({ kind: 'none' })
    expect(boundOf(OLD, 'e', 0.1)).toEqual({
      kind: 'none',
      text: 'there is no histogram e: no sample e_bucket has an le',
    })
    expect(boundOf(samples('e_bucket{x="y"} 1'), 'e', 0.1)).toMatchObject({ kind: 'none' })
  })
})

describe('slow requests', () => {
  it('are all without those of the bucket', () => {
    expect(slowOf(OLD, 'd', 1).map(({ labels, ...rest }) => ({ ...rest, path: labels.get('path') }))).toEqual([
      { path: '/', total: 100, slow: 10 },
      { path: '/x', total: 4, slow: 1 },
    ])
    expect(slowOf(OLD, 'd', 1).every(({ labels }) => !labels.has('le'))).toBe(true)
  })

  it('are not counted where the bucket is missing, or the number of all', () => {
    expect(slowOf(OLD, 'd', 0.2)).toEqual([])
    expect(slowOf(OLD, 'other', 0.2)).toEqual([])
  })

  it('are none rather than fewer', () => {
    expect(slowOf(samples('d_bucket{le="1"} 5\nd_count 4'), 'd', 1)).toMatchObject([{ total: 4, slow: 0 }])
  })
})
