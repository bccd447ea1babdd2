import { logNeeded, RATIOS, type Rule } from './sequential.ts'

/** What is planned: where the canary's requests come from. */
export interface Traffic {
  /** requests per second, to both arms together */
  perSecond: number
  /** share of them that goes to the canary, 0 to 1 */
  weight: number
  /** bad requests of stable, 0 to 1 */
  base: number
}

const MOST_RATIO = Math.max(...RATIOS)

/**
 * About how many requests the canary must get until half of all rollouts with this share of bad ones are caught; within some
 * 20 % of what simulation finds. Undefined where the test cannot see it: without both arms, or when it is tolerated.
 * @param rate bad requests of the canary, 0 to 1
 */
export function requestsNeeded(
  rate: number,
  { weight, base }: Omit<Traffic, 'perSecond'>,
  rule: Rule,
): number | undefined {
  if (!(weight > 0 && weight < 1) || !(rate > base * rule.tolerated) || rate > 1) return undefined
  const gain = gainPerRequest(rate, base, weight / (1 - weight), rule.tolerated)
  if (!(gain > 0)) return undefined
  const log = logNeeded(rule) + Math.log(RATIOS.length)
  return Math.max((log * Math.max(1, rule.dispersion)) / gain, rule.leastBad / rate)
}

/**
 * The lowest share of bad requests of the canary, 0 to 1, that so many seconds of this traffic are enough to see; undefined
 * when not even a canary that fails every request would be seen.
 */
export function visibleRate(traffic: Traffic, seconds: number, rule: Rule): number | undefined {
  const requests = traffic.perSecond * traffic.weight * seconds
  const seen = (rate: number): boolean => (requestsNeeded(rate, traffic, rule) ?? Number.POSITIVE_INFINITY) <= requests
  if (!seen(1)) return undefined
  let [hidden, visible] = [Math.min(1, Math.max(0, traffic.base * rule.tolerated)), 1]
  for (let i = 0; i < 50; i++) {
    const middle = (hidden + visible) / 2
    if (seen(middle)) visible = middle
    else hidden = middle
  }
  return visible
}

/** Log of the likelihood ratio that one request to the canary adds, on average. No base is the limit of ever smaller ones. */
function gainPerRequest(rate: number, base: number, share: number, tolerated: number): number {
  const ratio = base > 0 ? Math.min(rate / (base * tolerated), MOST_RATIO) : MOST_RATIO
  const log = Math.log1p(ratio * tolerated * share) - Math.log1p(tolerated * share)
  return rate * Math.log(ratio) - (rate + base / share) * log
}
