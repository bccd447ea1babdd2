import { percentText, rateOf, type Counts, NOTHING, sumCounts } from '../analysis/counts.ts'
import type { Reading } from '../analysis/counters.ts'
import { visibleRate } from '../analysis/power.ts'
import type { Rule } from '../analysis/sequential.ts'
import type { Asker, CheckedWorkload } from '../checks/asker.ts'
import { metricsOf, ruleOf } from '../checks/compare.ts'
import { type CountersRead, readCounters } from '../checks/counters-source.ts'
import { instantQuery } from '../checks/prometheus-api.ts'
import { type Check, type CompareCheck, checksAsked } from '../checks/spec.ts'
import { withPlaceholders } from '../checks/template.ts'
import { durationText } from '../shared/duration.ts'
import type { Step } from '../strategies/step.ts'
import { stepText } from '../strategies/step.ts'
import type { Finding } from './finding.ts'

/** A weight step, the share of requests that it gives to the new version (0..1), and how long it lasts in ms. */
export interface PlannedShare {
  text: string
  share: number
  ms: number
}

export interface ChecksLook {
  findings: Finding[]
  /** for the plan: what a comparison can see with the traffic that there is */
  notes: string[]
}

/**
 * Asks what checks will ask, before anything is touched: a query that cannot be read is refused now and not in the middle,
 * and what a comparison can see is said. Asks nothing where no check asks outside.
 */
export async function lookAtChecks(
  asker: Asker,
  steps: readonly Step[],
  checks: Record<string, Check>,
  shares: readonly PlannedShare[],
): Promise<ChecksLook> {
  const asked = checksAsked(steps, checks)
  const shared = asked.reduce((sum, check) => sum + (check.kind === 'compare' ? metricsOf(check).length : 0), 0)
  const looks = await Promise.all(
    asked.map((check): Promise<ChecksLook> => {
      if (check.kind === 'prometheus') return lookAtQuery(asker, check)
      if (check.kind === 'compare') return lookAtCounters(asker, check, shares, shared)
      return Promise.resolve({ findings: [], notes: [] })
    }),
  )
  return { findings: looks.flatMap(({ findings }) => findings), notes: looks.flatMap(({ notes }) => notes) }
}

async function lookAtQuery(asker: Asker, check: Check & { kind: 'prometheus' }): Promise<ChecksLook> {
  const query = withPlaceholders(check.query)
  const result = await instantQuery(asker, check.source, query, check.timeoutMs)
  const findings = result.kind === 'series' ? [] : [queryFinding(check.name, result.kind, result.text, query)]
  return { findings, notes: [] }
}

function queryFinding(name: string, kind: 'refused' | 'unknown', text: string, query: string): Finding {
  if (kind === 'refused')
    return {
      id: 'check-query',
      severity: 'error',
      reason: `check ${name}: Prometheus cannot read the query: ${text}`,
      mend: `correct checks.${name}.prometheus.query; it was asked as ${query}`,
    }
  return {
    id: 'check-unreachable',
    severity: 'warning',
    reason: `check ${name}: Prometheus does not answer now (${text}), and without an answer the check cannot tell`,
    mend: `look at checks.${name}.prometheus, and whether it can be reached from here`,
  }
}

async function lookAtCounters(
  asker: Asker,
  check: CompareCheck,
  shares: readonly PlannedShare[],
  shared: number,
): Promise<ChecksLook> {
  const workloads = asker.workloads()
  if (workloads.every(({ stable }) => stable.serving.length === 0)) return { findings: [], notes: [] }
  const read = await readCounters(asker, check, check.slow?.aboveSeconds)
  if (read.kind === 'unknown')
    return {
      findings: [
        {
          id: 'check-counters',
          severity: check.source.kind === 'pods' && read.silent !== true ? 'error' : 'warning',
          reason: `check ${check.name}: the old version's counters cannot be read (${read.text}), so there is nothing to compare with`,
          mend: `correct checks.${check.name}.compare, or give the app a metrics page${read.silent === true ? '; one that had no request yet needs nothing' : ''}`,
        },
      ],
      notes: [],
    }
  const findings: Finding[] = read.noErrors === true ? [noErrors(check)] : []
  return { findings, notes: powerNotes(check, read, workloads, shares, shared, asker.now()) }
}

function noErrors({ name, errors = '' }: CompareCheck): Finding {
  return {
    id: 'check-counters',
    severity: 'warning',
    reason: `check ${name}: no pod has the counter of errors ${errors}; if it has another name, no error will ever be seen`,
    mend: `see that checks.${name}.compare.errors is right: a counter that begins with its first error is`,
  }
}

/** What each step can see, with the requests that the old version has had since its pods began. Pure. */
function powerNotes(
  check: CompareCheck,
  read: CountersRead,
  workloads: readonly CheckedWorkload[],
  shares: readonly PlannedShare[],
  shared: number,
  now: number,
): string[] {
  return metricsOf(check).flatMap((metric) => {
    const reading = read.metrics[metric]
    if (reading === undefined) return []
    const { counts, perSecond } = trafficOf(reading, workloads, now)
    const what = metric === 'errors' ? 'an error rate' : 'a share of slow requests'
    const seen = shares.map((step) =>
      stepNote(step, perSecond, rateOf(counts), what, ruleOf(check, metric, shared, 1), check),
    )
    const traffic = `${perSecond.toFixed(perSecond < 10 ? 1 : 0)} requests/s and ${percentText(rateOf(counts))} ${metric === 'errors' ? 'failing' : 'slow'} on average since the old pods began`
    return [`check ${check.name}, with ${traffic}: ${seen.join('; ')}.`]
  })
}

function stepNote(
  { text, share, ms }: PlannedShare,
  perSecond: number,
  base: number,
  what: string,
  rule: Rule,
  check: CompareCheck,
): string {
  const seconds = Math.max(0, ms - check.warmUpMs) / 1_000
  const step = `${text} for ${durationText(ms)}`
  const rate = visibleRate({ perSecond, weight: share, base }, seconds, rule)
  const requests = Math.round(perSecond * share * seconds)
  const enough =
    requests >= check.atLeast ? '' : ` (about ${requests} requests, and ${check.atLeast} are needed to pass)`
  return rate === undefined
    ? `${step} sees nothing${enough}`
    : `${step} sees ${what} of ${percentText(rate)} or more${enough}`
}

function trafficOf(
  reading: Reading,
  workloads: readonly CheckedWorkload[],
  now: number,
): { counts: Counts; perSecond: number } {
  const pods = workloads.flatMap(({ stable }) => stable.serving)
  let [counts, perSecond] = [NOTHING, 0]
  for (const { metadata, status } of pods) {
    const own = (samples: Reading['requests']): number =>
      samples
        .filter(({ pod, value }) => pod === metadata.name && Number.isFinite(value))
        .reduce((sum, { value }) => sum + value, 0)
    const found = { total: own(reading.requests), bad: own(reading.bad) }
    const since = status?.containerStatuses?.[0]?.state?.running?.startedAt ?? metadata.creationTimestamp ?? ''
    const age = (now - Date.parse(since)) / 1_000
    counts = sumCounts(counts, found)
    if (age > 0) perSecond += found.total / age
  }
  return { counts, perSecond }
}

/**
 * The weights of a plan with the time until the next one.
 * @param shareAt share of requests, 0..1, of the nth weight
 */
export function plannedShares(
  steps: readonly Step[],
  shareAt: (nth: number, percent: number) => number,
): PlannedShare[] {
  const found: PlannedShare[] = []
  for (const step of steps) {
    const last = found.at(-1)
    if (step.kind === 'weight') found.push({ text: stepText(step), share: shareAt(found.length, step.percent), ms: 0 })
    else if (step.kind === 'wait' && last !== undefined) last.ms += step.ms
  }
  return found.filter(({ share, ms }) => share > 0 && share < 1 && ms > 0)
}
