import { describe, expect, it } from 'vitest'
import { dispersionOf } from '../../src/analysis/dispersion.ts'
import { passes } from '../../src/analysis/passes.ts'
import { requestsNeeded } from '../../src/analysis/power.ts'
import { Draws, medianSeconds, pods, RULE, rollouts } from './traffic-model.ts'

/** All of alpha for one metric: the most false alarms that there can be. */
const ALL = { ...RULE, metrics: 1 }
const RATES = [0.0005, 0.005, 0.01, 0.05]

describe('of healthy rollouts', () => {
  it.each(RATES)('at most 1 % fail in 80 looks (%f bad)', (rate) => {
    expect(rollouts({ perSecond: 50, stable: rate, canary: rate }, ALL, 2_000, 1).caught.length).toBeLessThanOrEqual(20)
  })

  it.each(RATES)('at most 1 % fail where the canary is just tolerated (%f bad)', (rate) => {
    const service = { perSecond: 50, stable: rate, canary: rate * RULE.tolerated }
    expect(rollouts(service, ALL, 2_000, 2).caught.length).toBeLessThanOrEqual(20)
  })

  it('at most 1 % fail where half of all requests are bad', () => {
    const service = { perSecond: 10, stable: 0.5, canary: 0.6, binomial: true }
    expect(rollouts(service, ALL, 500, 3).caught.length).toBeLessThanOrEqual(5)
  })

  it('at most 1 % fail with noise that both arms share', () => {
    const service = { perSecond: 50, stable: 0.005, canary: 0.005, shared: 1 }
    expect(rollouts(service, ALL, 1_000, 4).caught.length).toBeLessThanOrEqual(10)
  })

  // Without knowing of it, such noise makes some 4 % of them fail.
  it('at most 1 % fail with noise of their own, once it was measured', () => {
    const noisy = { perSecond: 50, stable: 0.005, canary: 0.005, noise: 1 }
    const { phi } = dispersionOf(pods(new Draws(5), 4, 40, noisy))
    expect(phi).toBeGreaterThan(1.3)
    expect(rollouts(noisy, { ...ALL, dispersion: phi }, 1_000, 6).caught.length).toBeLessThanOrEqual(10)
    expect(rollouts(noisy, ALL, 1_000, 6).caught.length).toBeGreaterThan(10)
  })

  it('at most 1 % fail at a limit they just keep, with the comparison beside it', () => {
    const service = { perSecond: 50, stable: 0.05, canary: 0.05 }
    expect(rollouts(service, { ...ALL, limit: 0.05 }, 2_000, 7).caught.length).toBeLessThanOrEqual(20)
  })
})

describe('a worse version', () => {
  it('with 5 % bad instead of 0.5 % is caught within 75 seconds', () => {
    const outcome = rollouts({ perSecond: 50, stable: 0.005, canary: 0.05 }, RULE, 1_000, 11)
    expect(outcome.caught).toHaveLength(1_000)
    expect(medianSeconds(outcome)).toBeLessThanOrEqual(75)
  })

  it('with 20 % bad instead of 0.5 % is caught at the first look', () => {
    const outcome = rollouts({ perSecond: 50, stable: 0.005, canary: 0.2 }, RULE, 1_000, 12)
    expect(outcome.caught).toHaveLength(1_000)
    expect(medianSeconds(outcome)).toBe(15)
  })

  it('with 1 % bad instead of 0.1 % is always caught', () => {
    expect(rollouts({ perSecond: 50, stable: 0.001, canary: 0.01 }, RULE, 1_000, 13).caught).toHaveLength(1_000)
  })

  it('above the limit is caught although stable is no better', () => {
    const service = { perSecond: 50, stable: 0.2, canary: 0.2 }
    expect(rollouts(service, { ...RULE, limit: 0.1 }, 200, 14).caught).toHaveLength(200)
  })

  it.each([
    [0.005, 0.02],
    [0.005, 0.05],
    [0.001, 0.01],
    [0.05, 0.1],
  ])('needs about as many requests as planned (%f to %f)', (stable, canary) => {
    // The plan is for one share of the traffic, and these are caught while the first one lasts, or soon after.
    const { caught } = rollouts({ perSecond: 50, stable, canary }, RULE, 500, 15)
    const seen = caught.map(({ canary }) => canary.total).toSorted((a, b) => a - b)[250] ?? 0
    const planned = requestsNeeded(canary, { weight: 0.05, base: stable }, RULE) ?? 0
    expect(seen / planned).toBeGreaterThan(0.75)
    expect(seen / planned).toBeLessThan(1.25)
  })
})

describe('the dispersion', () => {
  function mean(pod: number, intervals: number, noise: number, perSecond = 50): number {
    const draws = new Draws(21)
    const service = { perSecond, stable: 0.01, canary: 0, ...(noise > 0 ? { noise } : {}) }
    const all = Array.from({ length: 300 }, () => dispersionOf(pods(draws, pod, intervals, service)).phi)
    return all.reduce((sum, phi) => sum + phi, 0) / all.length
  }

  it('is little above 1 where only chance is at work', () => {
    expect(mean(4, 20, 0)).toBeLessThan(1.1)
    expect(mean(2, 8, 0)).toBeLessThan(1.25)
  })

  it('is what the noise makes of the variance', () => {
    // 7.5 requests to go bad are shared by 3 pods in 15 seconds: 2.5 expected, and a variance of 2.5 + (2.5 cv)².
    expect(mean(3, 40, 0.8)).toBeGreaterThan(0.85 * (1 + 2.5 * 0.64))
    expect(mean(3, 40, 0.8)).toBeLessThan(1.15 * (1 + 2.5 * 0.64))
  })
})

describe('a strict step', () => {
  it('lets at most 6 % of those pass that are worse by just the margin', () => {
    const draws = new Draws(31)
    let passed = 0
    for (let i = 0; i < 2_000; i++) {
      const counts = {
        canary: draws.arm(1_500, 0.015, { perSecond: 0, stable: 0, canary: 0 }),
        stable: draws.arm(1_500, 0.005, { perSecond: 0, stable: 0, canary: 0 }),
      }
      if (passes(counts, { least: 300, margin: 0.01 }).passed) passed++
    }
    expect(passed).toBeGreaterThan(20)
    expect(passed).toBeLessThanOrEqual(120)
  })
})
