import { percentText, rateOf, sumCounts, type Counts, NOTHING } from '../analysis/counts.ts'
import { type Arm, type Difference, differenceOf, oddityText, type Reading } from '../analysis/counters.ts'
import { dispersionOf, type PodCounts } from '../analysis/dispersion.ts'
import { type Passing, passes } from '../analysis/passes.ts'
import { addStratum, type Evidence, logNeeded, noEvidence, type Rule, verdictOf } from '../analysis/sequential.ts'
import type { Asker, CheckedWorkload } from './asker.ts'
import { type CountersRead, readCounters } from './counters-source.ts'
import type { CompareCheck } from './spec.ts'
import type { CheckVerdict, Figure } from './verdict.ts'

export const METRICS = ['errors', 'slow'] as const
export type Metric = (typeof METRICS)[number]

/** What has been gathered on one metric since the rollout began. */
export interface MetricState {
  evidence: Evidence
  /** how unevenly bad requests fell on stable before, 1 or more; fixed before the first comparison */
  dispersion: number
}

/** Kept in the record, so that a run that goes on does not begin anew. */
export interface CompareState {
  metrics: Partial<Record<Metric, MetricState>>
  /** s; what takes longer is slow */
  aboveSeconds?: number
  /** requests to the new version that may have been Headgate's own */
  own?: number
}

/** Bad requests of the new version below which nothing fails. */
const LEAST_BAD = 5
/** How much more of the new version's requests may be bad before the last step, in shares of all. */
const MARGINS: Record<Metric, number> = { errors: 0.01, slow: 0.05 }
const SHOWN_ODDITIES = 5

/** The new version against the old one at the same time, on counts of requests. It asks; when, is the caller's to say. */
export class Comparison {
  readonly check: CompareCheck
  readonly #asker: Asker
  /** how many metrics all comparisons of the rollout have together: they share the false alarms */
  readonly #shared: number
  #state: CompareState | undefined
  #aboveSeconds: number | undefined
  #before: CountersRead | undefined
  /** what the old version's pods answered before anything was compared, by workload */
  readonly #quiet: Record<Metric, Map<string, PodCounts[][]>> = { errors: new Map(), slow: new Map() }
  /** what came since the share last changed, by workload */
  #step: Record<Metric, Map<string, Sides>> = freshStep()
  /** the same since the share last changed, and as it stood when the counters were read last */
  #own = 0
  #ownBefore = 0
  #unknown = 'nothing has been read yet'
  /** why a serving pod of the new version could not be read the last time */
  #unread: string | undefined
  readonly #odd: string[] = []

  constructor(asker: Asker, check: CompareCheck, shared: number, state?: CompareState) {
    this.#asker = asker
    this.check = check
    this.#shared = shared
    this.#state = state
    this.#aboveSeconds = state?.aboveSeconds ?? check.slow?.aboveSeconds
  }

  /** What is to be kept; undefined before the first comparison. */
  get state(): CompareState | undefined {
    return this.#state
  }

  /** It is known how evenly bad requests fall on stable: comparing may begin. */
  get isFixed(): boolean {
    return this.#state !== undefined
  }

  /** Looks at the old version alone, while nothing of the new one counts yet. */
  async observe(): Promise<void> {
    const read = await this.#read()
    if (read === undefined) return
    const before = this.#before
    this.#before = read
    if (before === undefined) return
    for (const metric of metricsOf(this.check))
      for (const { workload, pods } of this.#differences(before, read, metric)) {
        const intervals = this.#quiet[metric].get(workload) ?? []
        this.#quiet[metric].set(workload, [...intervals, pods.stable])
      }
  }

  /** Ends observing. */
  fix(): void {
    if (this.#state !== undefined) return
    const metrics: CompareState['metrics'] = {}
    for (const metric of metricsOf(this.check)) {
      // Workloads differ without being uneven: each by itself, and the most uneven one counts for all.
      const dispersion = Math.max(1, ...[...this.#quiet[metric].values()].map((quiet) => dispersionOf(quiet).phi))
      metrics[metric] = { dispersion, evidence: noEvidence(this.#rule(metric, dispersion)) }
    }
    this.#state = { metrics, ...(this.#aboveSeconds === undefined ? {} : { aboveSeconds: this.#aboveSeconds }) }
    this.#before = undefined
  }

  /** The share has changed: what was read before does not belong to what comes. */
  rebase(): void {
    this.#before = undefined
    this.#step = freshStep()
    this.#own = 0
  }

  /** Reads once more and adds what came since the last reading. */
  async look(): Promise<CheckVerdict> {
    const read = await this.#read()
    const state = this.#state
    if (read === undefined || state === undefined)
      return { kind: 'inconclusive', text: this.#unknown, lines: this.#lines() }
    const before = this.#before
    this.#before = read
    const sent = this.#ownTotal()
    // Pods that went away took their part with them.
    const own = Math.max(0, sent - this.#ownBefore)
    this.#ownBefore = sent
    if (before === undefined) return { kind: 'inconclusive', text: 'the first reading', lines: [] }
    this.#own += own
    this.#state = { ...state, own: (state.own ?? 0) + own }
    for (const metric of metricsOf(this.check))
      for (const difference of this.#differences(before, read, metric)) this.#add(metric, difference)
    return {
      ...(this.#failure() ?? { kind: 'pass', text: this.#words(), lines: this.#lines() }),
      figures: this.#figures(),
    }
  }

  #ownTotal(): number {
    const pods = this.#asker.workloads().flatMap(({ canary }) => canary.pods.map(({ metadata }) => metadata.name ?? ''))
    return this.#asker.own.mostTo(pods)
  }

  /** A stratum of its own for each workload: shares and usual rates differ between them, which would pass for a difference. */
  #add(metric: Metric, { workload, canary, stable, odd }: WorkloadDifference): void {
    const known = this.#state?.metrics[metric]
    if (known === undefined) return
    const evidence = addStratum(known.evidence, { canary, stable }, this.#rule(metric, known.dispersion))
    this.#state = { ...this.#state, metrics: { ...this.#state?.metrics, [metric]: { ...known, evidence } } }
    const step = this.#step[metric].get(workload) ?? { canary: NOTHING, stable: NOTHING }
    this.#step[metric].set(workload, sumSides(step, { canary, stable }))
    for (const each of odd) this.#note(oddityText(each))
  }

  #differences(before: CountersRead, after: CountersRead, metric: Metric): WorkloadDifference[] {
    const [from, to]: (Reading | undefined)[] = [before.metrics[metric], after.metrics[metric]]
    if (from === undefined || to === undefined) return []
    return this.#asker.workloads().map((workload) => ({
      workload: `${workload.namespace}/${workload.name}`,
      ...differenceOf(from, to, armsOf(workload)),
    }))
  }

  #note(text: string): void {
    if (!this.#odd.includes(text)) this.#odd.push(text)
    if (this.#odd.length > SHOWN_ODDITIES) this.#odd.shift()
  }

  #failure(): CheckVerdict | undefined {
    for (const metric of metricsOf(this.check)) {
      const known = this.#state?.metrics[metric]
      if (known === undefined) continue
      const rule = this.#rule(metric, known.dispersion)
      const verdict = verdictOf(known.evidence, rule)
      if (!verdict.failed) continue
      const { canary, stable } = known.evidence
      const needed = Math.round(Math.exp(logNeeded(rule)))
      const against =
        verdict.why === 'limit'
          ? `more than ${percentText(this.check.most ?? 1)}, which is bad whatever the old version does`
          : `more than ${this.check.tolerated} times the old version's share`
      const sure = `${timesText(verdict.evidence)} times likelier than not, ${needed} needed`
      const text = `${this.#word(metric, canary, 'new')}, ${this.#word(metric, stable, 'old')}: clearly ${against} (${sure})`
      return { kind: 'fail', text, lines: this.#lines() }
    }
    return undefined
  }

  /**
   * What it says at the planned end of a step.
   * @param strict it is the last one: the new version must be shown to be not much worse, not only not shown to be
   */
  planned(strict: boolean): CheckVerdict {
    const failure = this.#failure()
    if (failure !== undefined) return failure
    const state = this.#state
    if (state === undefined) return { kind: 'inconclusive', text: this.#unknown, lines: this.#lines() }
    if (this.#unread !== undefined)
      return { kind: 'inconclusive', text: `not all that serves can be read: ${this.#unread}`, lines: this.#lines() }
    const texts: string[] = []
    for (const metric of metricsOf(this.check)) {
      const judged = this.#enough(metric, state.metrics[metric], strict)
      if (!judged.passed) return { kind: 'inconclusive', text: `${metric}: ${judged.text}`, lines: this.#lines() }
      texts.push(`${metric}: ${judged.text}`)
    }
    return { kind: 'pass', text: texts.join('; '), lines: this.#lines() }
  }

  /** Whether there is enough to go on. Where nobody is on the old version any more, what was compared before must do. */
  #enough(metric: Metric, known: MetricState | undefined, strict: boolean): Judged {
    const steps = [...this.#step[metric].values()]
    const step = steps.reduce(sumSides, { canary: NOTHING, stable: NOTHING })
    const evidence = known?.evidence ?? step
    if (step.canary.total <= this.#own) {
      const nobody = `no request ${this.#own > 0 ? "but Headgate's own " : ''}came to the new version`
      const why = this.#unknown === '' ? nobody : this.#unknown
      return { passed: false, text: `too few to judge, nothing since the share changed (${why})` }
    }
    if (evidence.stable.total === 0 && this.check.most === undefined)
      return { passed: false, text: 'too few to judge, no request came to the old version to compare with' }
    const { atLeast } = this.check
    // Headgate's own requests are nobody's: so many more are needed.
    const sofar = (more: object): Judged =>
      this.#amid(this.#state?.own ?? 0, (own) => passes(evidence, { least: atLeast + own, ...more }))
    if (!strict) return sofar({})
    const margin = this.check.strict ? { margin: MARGINS[metric] } : {}
    // Nobody is left on the old version: what it answered before is all there is to hold against the new one.
    if (step.stable.total === 0) return sofar(evidence.stable.total === 0 ? {} : margin)
    const all = this.#amid(this.#own, (own) => passes(step, { least: atLeast + own }))
    if (!all.passed || !this.check.strict) return all
    const asked = steps.filter(({ canary, stable }) => canary.total + stable.total > 0)
    const shown = asked.map((each) => passes(each, { least: 1, ...margin }))
    return shown.find(({ passed }) => !passed) ?? { passed: true, text: shown.map(({ text }) => text).join('; ') }
  }

  #words(): string {
    return metricsOf(this.check)
      .flatMap((metric) => {
        const evidence = this.#state?.metrics[metric]?.evidence
        return evidence === undefined
          ? []
          : [`${this.#word(metric, evidence.canary, 'new')}, ${this.#word(metric, evidence.stable, 'old')}`]
      })
      .join('; ')
  }

  #amid(own: number, judge: (own: number) => Passing): Judged {
    const { passed, why, text } = judge(own)
    return {
      passed,
      text: why === 'too few' && own > 0 ? `${text}, ${own} more than at-least as so many may be Headgate's own` : text,
    }
  }

  /** Shares of bad requests so far, in percent. */
  #figures(): Figure[] {
    return metricsOf(this.check).flatMap((metric) => {
      const evidence = this.#state?.metrics[metric]?.evidence
      if (evidence === undefined) return []
      return (['canary', 'stable'] as const).map((side) => ({
        name: `${metric} of the ${side === 'canary' ? 'new' : 'old'} version, %`,
        value: Number((rateOf(evidence[side]) * 100).toPrecision(4)),
      }))
    })
  }

  #word(metric: Metric, counts: Counts, which: 'new' | 'old'): string {
    const bad = metric === 'errors' ? 'failed' : `took longer than ${this.#aboveSeconds ?? 0} s`
    return `${counts.bad} of ${counts.total} requests (${percentText(rateOf(counts))}) to the ${which} version ${bad}`
  }

  #lines(): string[] {
    const dispersed = metricsOf(this.check).flatMap((metric) => {
      const phi = this.#state?.metrics[metric]?.dispersion ?? 1
      return phi > 1
        ? [
            `${metric} fall on the old version's pods ${phi.toFixed(1)} times as unevenly as by chance: it takes as much more to fail`,
          ]
        : []
    })
    return [this.#words(), ...dispersed, ...this.#odd].filter((line) => line !== '')
  }

  #rule(metric: Metric, dispersion: number): Rule {
    return ruleOf(this.check, metric, this.#shared, dispersion)
  }

  async #read(): Promise<CountersRead | undefined> {
    const found = await readCounters(this.#asker, this.check, this.#aboveSeconds)
    if (found.kind === 'unknown') {
      this.#unknown = found.text
      this.#note(found.text)
      return undefined
    }
    this.#unknown = ''
    this.#unread = found.unread
    this.#aboveSeconds = found.aboveSeconds ?? this.#aboveSeconds
    for (const note of found.notes) this.#note(note)
    return found
  }
}

/** How one metric of a check is judged. */
export function ruleOf(
  { falseAlarms, tolerated, most }: CompareCheck,
  metric: Metric,
  shared: number,
  dispersion: number,
): Rule {
  return {
    alpha: falseAlarms,
    metrics: shared,
    tolerated,
    dispersion,
    leastBad: LEAST_BAD,
    ...(metric === 'errors' && most !== undefined ? { limit: most } : {}),
  }
}

interface Judged {
  passed: boolean
  text: string
}

interface Sides {
  canary: Counts
  stable: Counts
}

type WorkloadDifference = Difference & { workload: string }

function freshStep(): Record<Metric, Map<string, Sides>> {
  return { errors: new Map(), slow: new Map() }
}

function sumSides(a: Sides, b: Sides): Sides {
  return { canary: sumCounts(a.canary, b.canary), stable: sumCounts(a.stable, b.stable) }
}

export function metricsOf({ errors, slow }: Pick<CompareCheck, 'errors' | 'slow'>): Metric[] {
  return [...(errors === undefined ? [] : ['errors' as const]), ...(slow === undefined ? [] : ['slow' as const])]
}

/** By the names of the pods that there are now; one that has gone meanwhile answers for nobody. */
function armsOf({ stable, canary }: CheckedWorkload): (pod: string) => Arm | undefined {
  const arms = new Map<string, Arm>()
  for (const { metadata } of stable.pods) arms.set(metadata.name ?? '', 'stable')
  for (const { metadata } of canary.pods) arms.set(metadata.name ?? '', 'canary')
  return (pod) => arms.get(pod)
}

function timesText(evidence: number): string {
  return evidence >= 1e6 ? 'over a million' : String(Math.round(evidence))
}
