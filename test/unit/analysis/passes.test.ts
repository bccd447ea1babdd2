import { describe, expect, it } from 'vitest'
import { newcombeUpper, passes, wilson } from '../../../src/analysis/passes.ts'

const counts = (bad: number, total: number) => ({ bad, total })

describe('passes', () => {
  it('wants so many requests to the canary, and says how many there are', () => {
    expect(passes({ canary: counts(0, 299), stable: counts(0, 9_000) }, { least: 300 })).toEqual({
      passed: false,
      why: 'too few',
      text: '0 of 299 requests (0 %) to the new version and 0 of 9000 requests (0 %) to the old one: too few to judge, the new version needs 300',
    })
    expect(passes({ canary: counts(30, 300), stable: counts(0, 0) }, { least: 300 })).toMatchObject({ passed: true })
  })

  it('with a margin, wants the far end of what is likely within it', () => {
    const strict = { least: 300, margin: 0.01 }
    const good = passes({ canary: counts(7, 1_500), stable: counts(7, 1_500) }, strict)
    expect(good).toMatchObject({ passed: true, why: 'enough' })
    expect(good.text).toContain(
      'with 95 % confidence at most 0.45 percentage points more than of the old one, 1 percentage point allowed',
    )
    expect(good.upper).toBeLessThan(0.01)
    const unsure = passes({ canary: counts(3, 300), stable: counts(2, 300) }, strict)
    expect(unsure).toMatchObject({ passed: false, why: 'margin' })
    expect(unsure.upper).toBeGreaterThan(0.01)
  })

  it('compares with nothing when stable got no requests', () => {
    expect(passes({ canary: counts(0, 5_000), stable: counts(0, 0) }, { least: 300, margin: 0.01 })).toMatchObject({
      passed: false,
      why: 'no control',
    })
  })

  it('cleans what it is given', () => {
    const odd = passes({ canary: counts(900, 300), stable: counts(-1, 300) }, { least: 300, margin: 0.01 })
    expect(odd.text).toContain('300 of 300 requests (100 %) to the new version and 0 of 300')
  })
})

describe('bounds', () => {
  // Newcombe 1998, table II, example (a): 56/70 against 48/80, with z = 1.96: 0.0524 to 0.3339. With 1.645 the upper one is nearer.
  it('lies between the difference and its two-sided bound', () => {
    const upper = newcombeUpper(counts(56, 70), counts(48, 80))
    expect(upper).toBeGreaterThan(0.2)
    expect(upper).toBeLessThan(0.3339)
    expect(upper).toBeCloseTo(0.3141, 3)
  })

  it('says of none in 300 that it may be a little below 1 %', () => {
    expect(wilson(counts(0, 300))).toEqual([0, expect.closeTo(0.00894, 5)])
    expect(wilson(counts(300, 300))).toEqual([expect.closeTo(1 - 0.00894, 5), expect.closeTo(1, 12)])
  })
})
