/** Seeded rollouts of a service that answers some requests badly, for the figures of the test that judges canaries. */
import type { Counts } from '../../src/analysis/counts.ts'
import type { PodCounts } from '../../src/analysis/dispersion.ts'
import { addStratum, noEvidence, type Rule, verdictOf } from '../../src/analysis/sequential.ts'
import { Random } from '../emulator/random.ts'

export interface Service {
  /** requests per second */
  perSecond: number
  /** bad ones, 0 to 1 */
  stable: number
  canary: number
  /** how much the rate of each arm varies between two looks by itself, as a coefficient of variation */
  noise?: number
  /** the same for both arms together */
  shared?: number
  /** each request is bad or not: counts that vary less than those of Poisson when many are bad */
  binomial?: boolean
}

export interface Caught {
  /** seconds of measured traffic until it failed */
  seconds: number
  /** requests to the canary until then */
  canary: Counts
}

export const RULE: Rule = { alpha: 0.01, metrics: 2, tolerated: 1.2, dispersion: 1, leastBad: 5 }
const WEIGHTS = [0.05, 0.1, 0.25, 0.5]
const LOOK_SECONDS = 15
const LOOKS_PER_STEP = 20

/** One rollout; undefined when nothing failed at any of its 80 looks. */
export function rollout(service: Service, rule: Rule, draws: Draws): Caught | undefined {
  let evidence = noEvidence(rule)
  let looks = 0
  for (const weight of WEIGHTS) {
    for (let i = 0; i < LOOKS_PER_STEP; i++) {
      const requests = service.perSecond * LOOK_SECONDS
      const both = draws.noise(service.shared)
      const canary = draws.arm(requests * weight, service.canary * both * draws.noise(service.noise), service)
      const stable = draws.arm(requests * (1 - weight), service.stable * both * draws.noise(service.noise), service)
      evidence = addStratum(evidence, { canary, stable }, rule)
      looks++
      if (verdictOf(evidence, rule).failed) return { seconds: looks * LOOK_SECONDS, canary: evidence.canary }
    }
  }
  return undefined
}

export interface Outcome {
  runs: number
  caught: Caught[]
}

export function rollouts(service: Service, rule: Rule, runs: number, seed: number): Outcome {
  const draws = new Draws(seed)
  const caught: Caught[] = []
  for (let i = 0; i < runs; i++) {
    const one = rollout(service, rule, draws)
    if (one !== undefined) caught.push(one)
  }
  return { runs, caught }
}

/** Median over all runs: infinite when more than half were not caught. */
export function medianSeconds({ runs, caught }: Outcome): number {
  const all = caught.map(({ seconds }) => seconds).toSorted((a, b) => a - b)
  return all[Math.floor(runs / 2)] ?? Number.POSITIVE_INFINITY
}

/** What pods of one version answered before a rollout, with the same noise for each pod and interval. */
export function pods(draws: Draws, count: number, intervals: number, service: Service): PodCounts[][] {
  const requests = (service.perSecond * LOOK_SECONDS) / count
  return Array.from({ length: intervals }, () =>
    Array.from({ length: count }, (_, i) => ({
      pod: `pod-${i}`,
      ...draws.arm(requests, service.stable * draws.noise(service.noise), service),
    })),
  )
}

/** Exact draws by inversion; the tables of what was asked for once are kept. */
export class Draws {
  readonly #random: Random
  readonly #tables = new Map<number, Float64Array>()

  constructor(seed: number) {
    this.#random = new Random(seed)
  }

  /** Requests of one arm. Good and bad ones of a Poisson stream are Poisson streams of their own. */
  arm(requests: number, rate: number, { binomial = false, noise, shared }: Service): Counts {
    const likely = Math.min(1, rate)
    if (!binomial) {
      const fixed = noise === undefined && shared === undefined
      const draw = fixed ? (mean: number) => this.#fromTable(mean) : (mean: number) => this.poisson(mean)
      const bad = draw(requests * likely)
      return { total: bad + draw(requests * (1 - likely)), bad }
    }
    const total = Math.round(requests)
    let bad = 0
    for (let i = 0; i < total; i++) if (this.#random.next() < likely) bad++
    return { total, bad }
  }

  /** A factor with mean 1 and the given coefficient of variation, from a gamma distribution; 1 without one. */
  noise(variation = 0): number {
    return variation === 0 ? 1 : this.#gamma(1 / variation ** 2) * variation ** 2
  }

  /** @param mean below 700 in one go, split above: e^-mean must not vanish */
  poisson(mean: number): number {
    if (mean > 500) return this.poisson(mean / 2) + this.poisson(mean / 2)
    const at = this.#random.next()
    let chance = Math.exp(-mean)
    let below = chance
    let count = 0
    while (at >= below && chance > 0) {
      count++
      chance *= mean / count
      below += chance
    }
    return count
  }

  #fromTable(mean: number): number {
    if (mean > 500) return this.#fromTable(mean / 2) + this.#fromTable(mean / 2)
    let table = this.#tables.get(mean)
    if (table === undefined) {
      table = cumulative(mean)
      this.#tables.set(mean, table)
    }
    const at = this.#random.next()
    let [low, high] = [0, table.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((table[middle] ?? 1) > at) high = middle
      else low = middle + 1
    }
    return low
  }

  /** Marsaglia and Tsang, 2000; below 1 by the usual power of a uniform number. */
  #gamma(shape: number): number {
    if (shape < 1) return this.#gamma(shape + 1) * (1 - this.#random.next()) ** (1 / shape)
    const d = shape - 1 / 3
    for (;;) {
      const x = this.#normal()
      const v = (1 + x / Math.sqrt(9 * d)) ** 3
      if (v > 0 && Math.log(1 - this.#random.next()) < 0.5 * x ** 2 + d - d * v + d * Math.log(v)) return d * v
    }
  }

  #normal(): number {
    const [a, b] = [1 - this.#random.next(), this.#random.next()]
    return Math.sqrt(-2 * Math.log(a)) * Math.cos(2 * Math.PI * b)
  }
}

/** P(X <= k) of a Poisson distribution, for each k until nothing is left. */
function cumulative(mean: number): Float64Array {
  const all: number[] = []
  let chance = Math.exp(-mean)
  let below = 0
  for (let count = 0; below < 1 - 1e-12 && count < mean * 4 + 60; count++) {
    below += chance
    all.push(below)
    chance *= mean / (count + 1)
  }
  return Float64Array.from(all)
}
