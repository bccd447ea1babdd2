import { isPercent, resolveIntOrPercent, valueAt } from '../manifests/workload.ts'
import { type Json, keyOf, type KubeObject, type LabelSelector, refOf } from '../shared/objects.ts'
import { minimumOf, scalersOf } from './autoscaling.ts'
import type { Finding } from './finding.ts'
import type { PreflightInput, ReleaseObject } from './input.ts'
import { findingAt, isStrict, notVerified, selectorPicks, title, type Workload, workloadsOf } from './subject.ts'

/** A PodDisruptionBudget as it will be. */
interface Budget {
  object: KubeObject
  /** it counts pods already; one that the release brings comes after the steps */
  live: boolean
  /** where the release brings it */
  released: ReleaseObject | undefined
}

export function budgetRules(input: PreflightInput): Finding[] {
  const workloads = workloadsOf(input)
  const findings = workloads.flatMap((workload) => {
    const budgets = budgetsOf(input, workload)
    return [...bothSides(input, workload, budgets), ...budgets.flatMap((budget) => blocking(input, workload, budget))]
  })
  return [...findings, ...unreadRules(input, workloads)]
}

/** Budgets that count the pods of a workload, live or of the release; of both the one that the release brings. */
function budgetsOf({ objects, lists }: PreflightInput, { manifest, template }: Workload): Budget[] {
  const found = new Map<string, Budget>()
  for (const object of lists.disruptionBudgets ?? [])
    found.set(keyOf(refOf(object)), { object, live: true, released: undefined })
  for (const released of objects) {
    const { object } = released
    const key = keyOf(refOf(object))
    if (object.kind === 'PodDisruptionBudget') found.set(key, { object, live: found.has(key), released })
  }
  return [...found.values()].filter(
    ({ object }) =>
      object.metadata.namespace === manifest.metadata.namespace && selectorPicks(budgetSelector(object), template),
  )
}

/** pdb-both-sides: a budget counts the pods of both versions, so that a drain may take one side whole. */
function bothSides(input: PreflightInput, workload: Workload, all: readonly Budget[]): Finding[] {
  const { manifest, released, replicas } = workload
  const budgets = all.filter(({ live }) => live)
  if (!isStrict(input, workload)) return []
  const findings: Finding[] = []
  const [budget] = budgets
  if (budget !== undefined) {
    const both = input.strategy === 'blue-green' ? replicas * 2 : undefined
    const pods = both === undefined ? 'the pods of both versions' : `all ${both} pods of both versions`
    findings.push(
      findingAt(released, [], {
        id: 'pdb-both-sides',
        severity: 'warning',
        reason: `${title(budget.object)} (${budgetText(budget.object)}) counts ${pods} while they run side by side: draining nodes may take more of the serving ones than it is meant to allow`,
        mend: 'do not drain nodes during the rollout, and keep waits short',
      }),
    )
  }
  if (budgets.length > 1)
    findings.push(
      findingAt(released, [], {
        id: 'pdb-overlap',
        severity: 'warning',
        reason: `${budgets.map(({ object }) => title(object)).join(' and ')} select the same pods of ${title(manifest)}: every eviction of them fails`,
        mend: 'keep one budget per workload',
      }),
    )
  return findings
}

/** pdb-blocking: a budget that lets no pod go, so that no node can be drained while it stands. */
function blocking(input: PreflightInput, workload: Workload, { object, released }: Budget): Finding[] {
  const { manifest } = workload
  const replicas = Math.max(workload.coming, ...scalersOf(input, manifest).map(minimumOf))
  const by = blockingField(object, replicas)
  if (replicas === 0 || (by === undefined && (released !== undefined || !letsNoneGo(object)))) return []
  const rest = {
    id: 'pdb-blocking',
    severity: 'warning' as const,
    reason: `${title(object)} (${budgetText(object)}) lets none of the ${replicas} pods of ${title(manifest)} go${by === undefined ? ' now, and all of them are healthy' : ''}: no node that has one can be drained, and a drain that began hangs`,
    mend:
      replicas === 1
        ? 'use two or more replicas, and let one be missing: maxUnavailable: 1'
        : 'let at least one be missing: maxUnavailable: 1',
  }
  return [
    released === undefined
      ? { ...rest, object: refOf(object) }
      : findingAt(released, ['spec', ...(by === undefined ? [] : [by])], rest),
  ]
}

/** The field that demands all pods. Both round up. Source: getExpectedPodCount of the disruption controller. */
function blockingField(budget: KubeObject, replicas: number): 'minAvailable' | 'maxUnavailable' | undefined {
  const least = podsOf(valueAt(budget, ['spec', 'minAvailable']), replicas)
  if (least !== undefined && least >= replicas) return 'minAvailable'
  return podsOf(valueAt(budget, ['spec', 'maxUnavailable']), replicas) === 0 ? 'maxUnavailable' : undefined
}

function podsOf(value: Json | undefined, replicas: number): number | undefined {
  if (typeof value === 'number') return value
  // The API server has the say on what is no percentage.
  return typeof value === 'string' && isPercent(value) ? resolveIntOrPercent(value, replicas, 'up') : undefined
}

/** What the disruption controller counted; pods that are not well are no reason to call the budget wrong. */
function letsNoneGo(budget: KubeObject): boolean {
  const count = (field: string): number => Number(valueAt(budget, ['status', field]) ?? Number.NaN)
  const expected = count('expectedPods')
  return expected > 0 && count('currentHealthy') >= expected && count('disruptionsAllowed') === 0
}

function budgetSelector(budget: KubeObject): LabelSelector | undefined {
  const selector = valueAt(budget, ['spec', 'selector'])
  // Raw JSON of the API server, which has checked its shape.
  return typeof selector === 'object' && selector !== null ? (selector as LabelSelector) : undefined
}

function budgetText(budget: KubeObject): string {
  for (const field of ['minAvailable', 'maxUnavailable']) {
    const value = valueAt(budget, ['spec', field])
    if (typeof value === 'number' || typeof value === 'string') return `${field} ${value}`
  }
  return 'no limit named'
}

function unreadRules({ lists, strategy }: PreflightInput, workloads: readonly Workload[]): Finding[] {
  const strict = strategy === 'canary' || strategy === 'blue-green'
  if (lists.disruptionBudgets !== undefined || !strict || !workloads.some(({ stepped }) => stepped)) return []
  return [
    notVerified(
      'the PodDisruptionBudgets',
      'it is not known whether one counts the pods of both versions',
      'grant list on poddisruptionbudgets',
    ),
  ]
}
