import { cleanCounts, type Counts, percentText, rateOf } from './counts.ts'

/** What a step must show before the next one begins. */
export interface PassRule {
  /** fewest requests to the canary; no bad one among 300 bounds its rate at 1 % */
  least: number
  /** strict: how much more of the canary's requests may be bad than of stable's, as a share, at the far end of what is likely */
  margin?: number
}

export interface Passing {
  passed: boolean
  /** what decided */
  why: 'enough' | 'too few' | 'no control' | 'margin'
  /** strict only: with 95 % confidence the canary's share of bad requests is at most this much above stable's */
  upper?: number
  /** one sentence with the figures */
  text: string
}

/** One-sided 95 % of the normal distribution. */
const Z = 1.645

/**
 * Whether what was seen is enough to go on. Asked only at planned ends of steps: asked at every look, it would say yes too
 * often. Give it the counts of the step where it is strict: over steps of different shares, a rate that drifts would pass for
 * a difference.
 */
export function passes({ canary, stable }: { canary: Counts; stable: Counts }, rule: PassRule): Passing {
  const [ours, theirs] = [cleanCounts(canary), cleanCounts(stable)]
  const seen = `${countsText(ours)} to the new version and ${countsText(theirs)} to the old one`
  if (ours.total < rule.least) {
    const text = `${seen}: too few to judge, the new version needs ${rule.least}`
    return { passed: false, why: 'too few', text }
  }
  if (rule.margin === undefined) return { passed: true, why: 'enough', text: seen }
  if (theirs.total === 0) {
    return { passed: false, why: 'no control', text: `${seen}: nothing to compare the new version with` }
  }
  const upper = newcombeUpper(ours, theirs)
  const passed = upper <= rule.margin
  const bound = `with 95 % confidence at most ${pointsText(upper)} more than of the old one, ${pointsText(rule.margin)} allowed`
  return { passed, why: passed ? 'enough' : 'margin', upper, text: `${seen}: ${bound}` }
}

/**
 * One-sided upper 95 % bound of how much more of the canary's requests are bad, as a share: -1 to 1. Both must have some.
 * Source: Newcombe, Interval estimation for the difference between independent proportions, 1998, method 10.
 */
export function newcombeUpper(canary: Counts, stable: Counts): number {
  const [high, low] = [wilson(canary)[1], wilson(stable)[0]]
  const [ours, theirs] = [rateOf(canary), rateOf(stable)]
  return ours - theirs + Math.hypot(high - ours, theirs - low)
}

/** Bounds of a share, each one-sided 95 %. */
export function wilson({ total, bad }: Counts): [low: number, high: number] {
  const rate = bad / total
  const middle = rate + Z ** 2 / (2 * total)
  const half = Z * Math.sqrt((rate * (1 - rate)) / total + Z ** 2 / (4 * total ** 2))
  const whole = 1 + Z ** 2 / total
  return [Math.max(0, (middle - half) / whole), Math.min(1, (middle + half) / whole)]
}

function countsText(counts: Counts): string {
  return `${counts.bad} of ${counts.total} requests (${percentText(rateOf(counts))})`
}

function pointsText(share: number): string {
  const points = Number((share * 100).toPrecision(2))
  return `${points} percentage ${points === 1 ? 'point' : 'points'}`
}
