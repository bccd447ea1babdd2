import { cleanCounts, type Counts, NOTHING, sumCounts } from './counts.ts'

/**
 * The test that says at any look whether the canary is worse than stable: a likelihood ratio for counts in two arms, given
 * how many were bad in both together, so that the rate itself, and its drift, does not matter. Summed over all looks of a
 * rollout it stays below K/alpha with a probability of at least 1 - alpha/K as long as the canary is at most `tolerated`
 * times as bad (Ville's inequality). That holds however often one looks, and whatever the weights.
 *
 * Why also for requests that are bad or not, at any rate: with r = `ratio`, s = canary.total / stable.total and
 * q = (1 + tolerated s) / (1 + tolerated r s), the likelihood ratio is (rq)^canary.bad q^stable.bad. Its mean is a product of
 * factors 1 + rate (rq - 1) and 1 + rate (q - 1), one for each request, and 1 + x <= e^x. With a canary that is `tolerated`
 * times as bad the exponents add up to 0; with a better one to less, as rq >= 1.
 */

/** One interval between two looks, with one share of the traffic. Where it is cut must not depend on what it holds. */
export interface Stratum {
  canary: Counts
  stable: Counts
}

/** What was gathered since the rollout began. Plain JSON: it is kept between runs, and never begun anew between steps. */
export interface Evidence {
  /** sum of the log likelihood ratios, one for each of {@link RATIOS} */
  logs: number[]
  /** the same against the hard limit; empty without one */
  floor: number[]
  canary: Counts
  stable: Counts
}

export interface Rule {
  /** chance of a wrong failure in the whole rollout, over all metrics and looks; above 0, below 1 */
  alpha: number
  /** how many metrics share `alpha` */
  metrics: number
  /** how many times as bad as stable is still fine; 1 or more */
  tolerated: number
  /** spread of the counts beyond chance, 1 or more; fixed before what it is used on is seen */
  dispersion: number
  /** bad requests of the canary below which nothing fails */
  leastBad: number
  /** share of bad requests that is too much whatever stable does, 0 to 1; 1 and no limit are the same */
  limit?: number
}

export type Verdict =
  | { failed: false }
  /** `evidence`: how many times likelier the counts are in a bad canary than in a tolerated one */
  | { failed: true; why: 'ratio' | 'limit'; evidence: number }

/** How many times worse than tolerated a canary may be; the test weighs all of them alike. */
export const RATIOS: readonly number[] = [1.25, 1.5, 2, 3, 5, 10, 20, 50]

/** A limit of 0 would make one bad request infinitely strong evidence. */
const LEAST_LIMIT = 1e-6

export function noEvidence(rule: Rule): Evidence {
  return {
    logs: RATIOS.map(() => 0),
    floor: limitOf(rule) === undefined ? [] : RATIOS.map(() => 0),
    canary: NOTHING,
    stable: NOTHING,
  }
}

/** The evidence with one more interval. An interval without requests to stable has no control: it counts for the limit alone. */
export function addStratum(evidence: Evidence, stratum: Stratum, rule: Rule): Evidence {
  const canary = cleanCounts(stratum.canary)
  const stable = cleanCounts(stratum.stable)
  const limit = limitOf(rule)
  const spread = Math.max(1, rule.dispersion)
  return {
    logs: RATIOS.map((ratio, i) => (evidence.logs[i] ?? 0) + ratioLog(canary, stable, rule.tolerated, ratio) / spread),
    floor:
      limit === undefined
        ? []
        : RATIOS.map((ratio, i) => (evidence.floor[i] ?? 0) + limitLog(canary, limit, ratio) / spread),
    canary: sumCounts(evidence.canary, canary),
    stable: sumCounts(evidence.stable, stable),
  }
}

export function verdictOf(evidence: Evidence, rule: Rule): Verdict {
  if (evidence.canary.bad < rule.leastBad) return { failed: false }
  const needed = logNeeded(rule)
  const ratio = logMean(evidence.logs)
  if (ratio >= needed) return { failed: true, why: 'ratio', evidence: finite(ratio) }
  const limit = limitOf(rule) === undefined ? Number.NEGATIVE_INFINITY : logMean(evidence.floor)
  return limit >= needed ? { failed: true, why: 'limit', evidence: finite(limit) } : { failed: false }
}

/** The logarithm of the evidence that fails a metric. One with a limit asks two questions, and each gets half of its alpha. */
export function logNeeded(rule: Rule): number {
  const questions = limitOf(rule) === undefined ? 1 : 2
  return Math.log((Math.max(1, rule.metrics) * questions) / rule.alpha)
}

/** log of (chance of the counts at `ratio` times what is tolerated) / (chance at what is tolerated), given all bad ones. */
function ratioLog(canary: Counts, stable: Counts, tolerated: number, ratio: number): number {
  const bad = canary.bad + stable.bad
  if (canary.total === 0 || stable.total === 0 || bad === 0) return 0
  const share = canary.total / stable.total
  return canary.bad * Math.log(ratio) - bad * (Math.log1p(tolerated * ratio * share) - Math.log1p(tolerated * share))
}

/** The same for one arm against a fixed share of bad ones. The ratio is one of odds, which no share can exceed. */
function limitLog({ total, bad }: Counts, limit: number, ratio: number): number {
  const worse = 1 - limit + limit * ratio
  return bad * Math.log(ratio) - total * Math.log(worse)
}

function limitOf({ limit }: Rule): number | undefined {
  return limit === undefined || limit >= 1 ? undefined : Math.max(LEAST_LIMIT, limit)
}

/** log of the mean of e^x, without computing e^x of what is large. */
function logMean(logs: readonly number[]): number {
  const most = Math.max(...logs)
  if (logs.length === 0 || !Number.isFinite(most)) return Number.NEGATIVE_INFINITY
  return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0) / logs.length)
}

/** JSON has no infinity. */
function finite(log: number): number {
  return Math.min(Number.MAX_VALUE, Math.exp(log))
}
