/** The same figures from a statistics library. */
import jStat from 'jstat'
import { describe, expect, it } from 'vitest'
import { dispersionOf } from '../../../src/analysis/dispersion.ts'
import { newcombeUpper, wilson } from '../../../src/analysis/passes.ts'
import { addStratum, noEvidence, RATIOS, type Rule } from '../../../src/analysis/sequential.ts'
import { Draws, pods } from '../../properties/traffic-model.ts'

const RULE: Rule = { alpha: 0.01, metrics: 1, tolerated: 1.2, dispersion: 1, leastBad: 5, limit: 0.03 }
const CASES: [canaryBad: number, canary: number, stableBad: number, stable: number][] = [
  [0, 40, 3, 700],
  [3, 38, 4, 712],
  [12, 75, 1, 675],
  [9, 400, 11, 350],
  [1, 1, 0, 1],
]

describe('the sequential test', () => {
  it.each(CASES)('is a ratio of binomial chances (%i of %i, %i of %i)', (x, n, y, m) => {
    const evidence = addStratum(noEvidence(RULE), { canary: { total: n, bad: x }, stable: { total: m, bad: y } }, RULE)
    for (const [i, ratio] of RATIOS.entries()) {
      const share = (times: number): number => (times * n) / (times * n + m)
      const [worse, tolerated] = [share(1.2 * ratio), share(1.2)].map((p) => jStat.binomial.pdf(x, x + y, p))
      expect(evidence.logs[i]).toBeCloseTo(Math.log((worse ?? 0) / (tolerated ?? 0)), 8)
      const odds = (ratio * 0.03) / 0.97
      const [above, limit] = [odds / (1 + odds), 0.03].map((p) => jStat.binomial.pdf(x, n, p))
      expect(evidence.floor[i]).toBeCloseTo(Math.log((above ?? 0) / (limit ?? 0)), 8)
    }
  })
})

describe('bounds of a share', () => {
  const z = jStat.normal.inv(0.95, 0, 1)

  it.each(CASES)('are where the normal test just does not refuse them (%i of %i)', (x, n) => {
    for (const bound of wilson({ bad: x, total: n })) {
      const deviation = Math.abs(x / n - bound) / Math.sqrt((bound * (1 - bound)) / n)
      if (bound > 0 && bound < 1) expect(deviation).toBeCloseTo(z, 3)
    }
  })

  it.each(CASES)('hold for a difference of two (%i of %i, %i of %i)', (x, n, y, m) => {
    const [p, q] = [x / n, y / m]
    // The ends of both shares, found by halving instead of by a formula.
    const far = (at: number, end: number, size: number): number => {
      let [near, distant] = [at, end]
      for (let i = 0; i < 60; i++) {
        const middle = (near + distant) / 2
        if (Math.abs(at - middle) > z * Math.sqrt((middle * (1 - middle)) / size)) distant = middle
        else near = middle
      }
      return near
    }
    const expected = p - q + Math.hypot(far(p, 1, n) - p, q - far(q, 0, m))
    expect(newcombeUpper({ bad: x, total: n }, { bad: y, total: m })).toBeCloseTo(expected, 3)
  })
})

describe('simulated traffic', () => {
  /** P(X <= count): jStat's own overflows for large means, and this is the same. */
  const poisson = (count: number, mean: number): number =>
    count < 0 ? 0 : 1 - jStat.chisquare.cdf(2 * mean, 2 * (count + 1))

  it.each([0.2, 3.7, 40, 700])('follows the law of Poisson (mean %f)', (mean) => {
    const draws = new Draws(41)
    const service = { perSecond: 0, stable: 0, canary: 0 }
    const runs = 4_000
    const ways = {
      table: Array.from({ length: runs }, () => draws.arm(mean, 1, service).bad),
      inversion: Array.from({ length: runs }, () => draws.poisson(mean)),
    }
    for (const values of Object.values(ways))
      for (const at of [-1, 0, 1].map((deviations) => Math.round(mean + deviations * Math.sqrt(mean)))) {
        const below = values.filter((value) => value <= at).length / runs
        expect(below).toBeGreaterThan(poisson(at, mean) - 0.03)
        expect(below).toBeLessThan(poisson(at, mean) + 0.03)
      }
  })

  it('has a dispersion that follows the chi-squared law', () => {
    const draws = new Draws(42)
    const service = { perSecond: 50, stable: 0.05, canary: 0 }
    const runs = 1_000
    const all = Array.from({ length: runs }, () => dispersionOf(pods(draws, 4, 8, service)))
    for (const phi of [1.1, 1.25, 1.5]) {
      const above = all.filter((each) => each.phi > phi).length / runs
      expect(Math.abs(above - (1 - jStat.chisquare.cdf(phi * 31, 31)))).toBeLessThan(0.04)
    }
  })
})
