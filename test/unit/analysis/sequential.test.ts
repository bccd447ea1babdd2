import { describe, expect, it } from 'vitest'
import {
  addStratum,
  type Evidence,
  logNeeded,
  noEvidence,
  RATIOS,
  type Rule,
  type Stratum,
  verdictOf,
} from '../../../src/analysis/sequential.ts'

const RULE: Rule = { alpha: 0.01, metrics: 1, tolerated: 1.2, dispersion: 1, leastBad: 5 }

function stratum(canaryBad: number, canary: number, stableBad: number, stable: number): Stratum {
  return { canary: { total: canary, bad: canaryBad }, stable: { total: stable, bad: stableBad } }
}

function after(strata: Stratum[], rule = RULE): Evidence {
  return strata.reduce<Evidence>((evidence, each) => addStratum(evidence, each, rule), noEvidence(rule))
}

/** Chances of 0 to n bad ones among n requests. */
function chances(n: number, rate: number): number[] {
  let choose = 1
  return Array.from({ length: n + 1 }, (_, k) => {
    if (k > 0) choose *= (n - k + 1) / k
    return choose * rate ** k * (1 - rate) ** (n - k)
  })
}

/** Mean, over everything that can come of a stratum, of the likelihood ratios that it adds. */
function means(totals: [canary: number, stable: number], rates: [canary: number, stable: number], rule: Rule) {
  const sums = { ratio: RATIOS.map(() => 0), floor: RATIOS.map(() => 0) }
  for (const [x, ours] of chances(totals[0], rates[0]).entries())
    for (const [y, theirs] of chances(totals[1], rates[1]).entries()) {
      const { logs, floor } = after([stratum(x, totals[0], y, totals[1])], rule)
      RATIOS.forEach((_, i) => {
        sums.ratio[i] = (sums.ratio[i] ?? 0) + ours * theirs * Math.exp(logs[i] ?? 0)
        sums.floor[i] = (sums.floor[i] ?? 0) + ours * theirs * Math.exp(floor[i] ?? 0)
      })
    }
  return sums
}

describe('the sequential test', () => {
  it('computes what the formula says', () => {
    const { logs } = after([stratum(10, 100, 2, 1_000)])
    // ratio 2 is the third: 10 ln 2 - 12 ln((1 + 2.4 * 0.1) / (1 + 1.2 * 0.1))
    expect(logs[2]).toBeCloseTo(10 * Math.log(2) - 12 * Math.log(1.24 / 1.12), 12)
    expect(logs).toHaveLength(RATIOS.length)
  })

  it.each([1, 1.2, 2])(
    'gives no evidence on average against a canary that is just tolerated (%f times as bad)',
    (r) => {
      for (const rate of [0.001, 0.01, 0.1, 0.3, 0.45])
        for (const totals of [
          [5, 95],
          [20, 20],
          [1, 19],
          [30, 10],
        ] as [number, number][])
          for (const mean of means(totals, [r * rate, rate], { ...RULE, tolerated: r }).ratio) {
            expect(mean).toBeLessThanOrEqual(1 + 1e-9)
            // With rare bad requests nothing is given away either.
            if (rate === 0.001) expect(mean).toBeGreaterThan(0.99)
          }
    },
  )

  it.each([0.01, 0.2, 0.7])('gives exactly none against a canary at the limit (%f), and less below it', (limit) => {
    for (const mean of means([12, 1], [limit, 0.5], { ...RULE, limit }).floor) expect(mean).toBeCloseTo(1, 9)
    for (const mean of means([12, 1], [limit / 2, 0.5], { ...RULE, limit }).floor) expect(mean).toBeLessThan(1)
  })

  it('keeps evidence over steps and through JSON', () => {
    const first = after([stratum(2, 40, 3, 700)])
    const kept = JSON.parse(JSON.stringify(first)) as Evidence
    expect(addStratum(kept, stratum(4, 75, 2, 675), RULE)).toEqual(
      after([stratum(2, 40, 3, 700), stratum(4, 75, 2, 675)]),
    )
    expect(verdictOf(after(Array.from({ length: 6 }, () => stratum(2, 40, 3, 700))), RULE)).toMatchObject({
      failed: true,
    })
  })

  it('fails at the evidence the rule asks for, and not below', () => {
    const evidence = { ...noEvidence(RULE), canary: { total: 100, bad: 5 } }
    const at = (log: number): Evidence => ({ ...evidence, logs: RATIOS.map(() => log) })
    expect(verdictOf(at(Math.log(100) + 1e-9), RULE)).toEqual({
      failed: true,
      why: 'ratio',
      evidence: expect.closeTo(100, 4),
    })
    expect(verdictOf(at(Math.log(100) - 1e-9), RULE)).toEqual({ failed: false })
    expect(verdictOf(at(Math.log(100) + 1e-9), { ...RULE, metrics: 2 })).toEqual({ failed: false })
    expect(verdictOf(at(Math.log(200) + 1e-9), { ...RULE, metrics: 2 })).toMatchObject({ failed: true })
    // One of eight ratios alone needs eight times as much.
    const one = { ...evidence, logs: RATIOS.map((_, i) => (i === 3 ? Math.log(799) : -1_000)) }
    expect(verdictOf(one, RULE)).toEqual({ failed: false })
    expect(verdictOf({ ...one, logs: one.logs.map((log) => Math.max(log, log + 0.01)) }, RULE)).toMatchObject({
      failed: true,
    })
  })

  it('does not fail on fewer bad requests than asked for', () => {
    expect(verdictOf(after([stratum(4, 20, 0, 100_000)]), RULE)).toEqual({ failed: false })
    expect(verdictOf(after([stratum(5, 20, 0, 100_000)]), RULE)).toMatchObject({ failed: true, why: 'ratio' })
  })

  it('is not alarmed by what both arms share, and is by the canary alone', () => {
    expect(verdictOf(after([stratum(50, 100, 500, 1_000)]), RULE)).toEqual({ failed: false })
    expect(verdictOf(after([stratum(50, 100, 50, 1_000)]), RULE)).toMatchObject({ failed: true })
  })

  it('asks two questions where there is a limit, each for half of its alpha', () => {
    expect(logNeeded({ ...RULE, metrics: 3 })).toBeCloseTo(Math.log(300), 12)
    expect(logNeeded({ ...RULE, metrics: 3, limit: 0.1 })).toBeCloseTo(Math.log(600), 12)
    expect(logNeeded({ ...RULE, metrics: 3, limit: 1 })).toBeCloseTo(Math.log(300), 12)
  })

  it('fails above the limit, whatever stable does', () => {
    const rule = { ...RULE, limit: 0.05 }
    expect(verdictOf(after([stratum(30, 100, 300, 1_000)], rule), rule)).toMatchObject({ failed: true, why: 'limit' })
    expect(verdictOf(after([stratum(30, 100, 300, 1_000)]), RULE)).toEqual({ failed: false })
    expect(verdictOf(after([stratum(5, 100, 50, 1_000)], rule), rule)).toEqual({ failed: false })
  })

  it.each([0, 1e-9, 1, 1.5])('has a finite answer for a limit of %f', (limit) => {
    const rule = { ...RULE, limit }
    const all = after([stratum(10, 100, 10, 100)], rule)
    expect([...all.floor, ...all.logs].every(Number.isFinite)).toBe(true)
    expect(verdictOf(all, rule).failed).toBe(limit < 0.5)
  })

  it('counts an interval without stable requests for the limit alone', () => {
    const rule = { ...RULE, limit: 0.05 }
    const alone = after([stratum(30, 100, 0, 0)], rule)
    expect(alone.logs).toEqual(RATIOS.map(() => 0))
    expect(alone.canary).toEqual({ total: 100, bad: 30 })
    expect(verdictOf(alone, rule)).toMatchObject({ failed: true, why: 'limit' })
  })

  it('learns nothing of the canary from an interval without requests to it, or without bad ones', () => {
    expect(after([stratum(0, 0, 30, 1_000)]).logs).toEqual(RATIOS.map(() => 0))
    expect(after([stratum(0, 100, 0, 1_000)]).logs).toEqual(RATIOS.map(() => 0))
  })

  it('takes no more bad requests than there were, and nothing below zero', () => {
    expect(after([stratum(7, 5, 3, 100)]).logs).toEqual(after([stratum(5, 5, 3, 100)]).logs)
    expect(after([stratum(-3, 5, Number.NaN, 100)])).toEqual(after([stratum(0, 5, 0, 100)]))
    expect(after([stratum(2, -5, 1, Number.POSITIVE_INFINITY)])).toEqual(noEvidence(RULE))
  })

  it('stays finite at any size', () => {
    for (const each of [
      stratum(1e9, 1e9, 0, 1),
      stratum(1, 1, 1e12, 1e15),
      stratum(1e12, 1e12, 1, 1e12),
      stratum(5, 5, 0, 1e15),
    ]) {
      const many = after(Array.from({ length: 50 }, () => each))
      expect(many.logs.every(Number.isFinite)).toBe(true)
      const verdict = verdictOf(many, RULE)
      expect(JSON.parse(JSON.stringify(verdict))).toEqual(verdict)
    }
    expect(verdictOf(after([stratum(1e12, 1e12, 1, 1e12)]), RULE)).toEqual({
      failed: true,
      why: 'ratio',
      evidence: Number.MAX_VALUE,
    })
  })

  it('divides what it learns by the dispersion', () => {
    const [plain, wide] = [
      after([stratum(10, 100, 2, 1_000)]),
      after([stratum(10, 100, 2, 1_000)], { ...RULE, dispersion: 2 }),
    ]
    expect(wide.logs.map((log) => log * 2)).toEqual(plain.logs)
    expect(after([stratum(10, 100, 2, 1_000)], { ...RULE, dispersion: 0.1 }).logs).toEqual(plain.logs)
  })
})
