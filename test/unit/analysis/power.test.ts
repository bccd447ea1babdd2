import { describe, expect, it } from 'vitest'
import { requestsNeeded, visibleRate } from '../../../src/analysis/power.ts'
import type { Rule } from '../../../src/analysis/sequential.ts'

const RULE: Rule = { alpha: 0.01, metrics: 2, tolerated: 1.2, dispersion: 1, leastBad: 5 }

describe('planning', () => {
  // The formula by hand: (ln(K/alpha) + ln 8) / (p (r ln(r/r0) - (r + 1/rho) ln((1 + r rho) / (1 + r0 rho))))
  it.each([
    [0.005, 0.02, 807],
    [0.005, 0.05, 138],
    [0.001, 0.01, 689],
    [0.05, 0.1, 717],
  ])('from %f to %f bad needs %i requests at 5 %%', (base, rate, requests) => {
    expect(requestsNeeded(rate, { weight: 0.05, base }, RULE)).toBeCloseTo(requests, -1)
  })

  it('needs more with noise, more metrics or a limit, and never fewer than the bad ones that must be seen', () => {
    const traffic = { weight: 0.05, base: 0.005 }
    const needed = requestsNeeded(0.02, traffic, RULE) ?? 0
    expect(requestsNeeded(0.02, traffic, { ...RULE, dispersion: 2 })).toBeCloseTo(needed * 2, 6)
    expect(requestsNeeded(0.02, traffic, { ...RULE, limit: 0.5 })).toBeGreaterThan(needed)
    expect(requestsNeeded(1, traffic, RULE)).toBeGreaterThanOrEqual(5)
    expect(requestsNeeded(1, { weight: 0.05, base: 0 }, { ...RULE, leastBad: 100 })).toBe(100)
  })

  it('cannot see what is tolerated, nor anything without both arms', () => {
    expect(requestsNeeded(0.006, { weight: 0.05, base: 0.005 }, RULE)).toBeUndefined()
    expect(requestsNeeded(0.5, { weight: 0, base: 0.005 }, RULE)).toBeUndefined()
    expect(requestsNeeded(0.5, { weight: 1, base: 0.005 }, RULE)).toBeUndefined()
    expect(requestsNeeded(1.1, { weight: 0.5, base: 0.005 }, RULE)).toBeUndefined()
  })

  it('sees from nothing what it would see from next to nothing', () => {
    const none = requestsNeeded(0.01, { weight: 0.05, base: 0 }, RULE) ?? 0
    expect(none).toBeCloseTo(requestsNeeded(0.01, { weight: 0.05, base: 1e-9 }, RULE) ?? 0, 3)
  })
})

describe('what a step can see', () => {
  it.each([0.0005, 0.005, 0.05])('is the inverse of what it needs (%f bad)', (base) => {
    const traffic = { perSecond: 50, weight: 0.1, base }
    const rate = visibleRate(traffic, 300, RULE) ?? 0
    expect(rate).toBeGreaterThan(base * 1.2)
    expect(requestsNeeded(rate, traffic, RULE)).toBeCloseTo(50 * 0.1 * 300, 3)
  })

  it('is nothing with too little traffic', () => {
    expect(visibleRate({ perSecond: 0.01, weight: 0.05, base: 0.005 }, 300, RULE)).toBeUndefined()
    expect(visibleRate({ perSecond: 0, weight: 0.05, base: 0 }, 300, RULE)).toBeUndefined()
    expect(visibleRate({ perSecond: 50, weight: 1, base: 0.005 }, 300, RULE)).toBeUndefined()
    expect(visibleRate({ perSecond: 1e6, weight: 0.5, base: 0.9 }, 3_000, RULE)).toBeUndefined()
  })

  it('is more with more time', () => {
    const traffic = { perSecond: 50, weight: 0.05, base: 0.005 }
    expect(visibleRate(traffic, 600, RULE)).toBeLessThan(visibleRate(traffic, 60, RULE) ?? 0)
  })
})
