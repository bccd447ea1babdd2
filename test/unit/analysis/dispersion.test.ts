import { describe, expect, it } from 'vitest'
import { dispersionOf, MOST, type PodCounts } from '../../../src/analysis/dispersion.ts'

/** Rows of intervals, columns of pods: bad ones of 100 requests each. */
function table(rows: number[][], total = 100): PodCounts[][] {
  return rows.map((row) => row.map((bad, i) => ({ pod: `p${i}`, total, bad })))
}

describe('dispersion', () => {
  it('is X² by its degrees of freedom', () => {
    // 8 cells of 100 requests at 5 %: (25 + 25) * 4 / (5 * 0.95) / 7
    const { phi, cells } = dispersionOf(table([0, 10, 0, 10].map((bad) => [bad, 10 - bad])))
    expect(cells).toBe(8)
    expect(phi).toBeCloseTo((8 * 25) / (5 * 0.95) / 7, 12)
  })

  it('is never below 1, nor above the cap', () => {
    expect(dispersionOf(table([5, 5, 5, 5].map((bad) => [bad, bad]))).phi).toBe(1)
    expect(dispersionOf(table([0, 100, 0, 100].map((bad) => [bad, 100 - bad]))).phi).toBe(MOST)
  })

  it('tells nothing from too few counts, or when none or all are bad', () => {
    expect(dispersionOf([])).toEqual({ phi: 1, cells: 0 })
    expect(dispersionOf(table([[0, 50, 0, 50, 0]]))).toEqual({ phi: 1, cells: 5 })
    expect(dispersionOf(table([[0, 50, 0, 50, 0, 50]])).phi).toBeGreaterThan(1)
    expect(dispersionOf(table(Array.from({ length: 9 }, () => [0, 0]))).phi).toBe(1)
    expect(dispersionOf(table(Array.from({ length: 9 }, () => [100, 100]))).phi).toBe(1)
  })

  it('puts intervals of a pod together until one bad request is expected, and keeps what is left over', () => {
    // 12 in 2,400 requests: 0.5 %, one expected in 200 requests, so two intervals of a pod make a cell, the last one three.
    const rows = Array.from({ length: 7 }, () => [1, 1])
    const { cells } = dispersionOf(table(rows, 150))
    expect(cells).toBe(14)
    expect(
      dispersionOf(table(rows, 100).map((row, i) => (i === 0 ? row : row.map((p) => ({ ...p, bad: 0 }))))),
    ).toMatchObject({
      cells: 2,
    })
    const sparse = table([[2], [0], [0], [0], [0], [0], [2], [0], [0], [0], [0], [0], [2]])
    // 6 in 1,300: one expected in 217, so three intervals each: 4 cells, the thirteenth joins the last.
    expect(dispersionOf(sparse).cells).toBe(4)
    // 12 in 2,600, the same; one pod has cells of 6 in 300, 0 in 300, 0 in 300 and 6 in 400, the other one none in all of them.
    const uneven = table(Array.from({ length: 13 }, (_, i) => [i === 0 || i === 12 ? 6 : 0, 0]))
    const rate = 12 / 2_600
    const part = (bad: number, total: number): number => (bad - total * rate) ** 2 / (total * rate * (1 - rate))
    const squares = part(6, 300) + part(6, 400) + 5 * part(0, 300) + part(0, 400)
    expect(dispersionOf(uneven)).toEqual({ phi: expect.closeTo(squares / 7, 9), cells: 8 })
  })

  it('sees a single bad pod among quiet ones', () => {
    const rows = Array.from({ length: 10 }, () => [2, 2, 2, 14])
    expect(dispersionOf(table(rows)).phi).toBeGreaterThan(3)
  })

  it('leaves out pods too quiet to expect anything of', () => {
    const rows = table(Array.from({ length: 6 }, () => [5, 5])).map((row) => [
      ...row,
      { pod: 'idle', total: 1, bad: 0 },
    ])
    expect(dispersionOf(rows).cells).toBe(12)
  })
})
