import { groupOf, valueAt } from '../manifests/workload.ts'
import type { Deployment, KubeObject, LabelSelector } from '../shared/objects.ts'
import { keyOf, refOf } from '../shared/objects.ts'
import type { Finding } from './finding.ts'
import type { PreflightInput } from './input.ts'
import { findingAt, isStrict, notVerified, selectorPicks, title, type Workload, workloadsOf } from './subject.ts'

export function autoscalingRules(input: PreflightInput): Finding[] {
  const workloads = workloadsOf(input)
  const findings = workloads.flatMap((workload) => [
    ...replicasRules(input, workload),
    ...driftRules(input, workload),
    ...budgetRules(input, workload),
  ])
  return [...findings, ...unreadRules(input, workloads)]
}

const KEDA = 'keda.sh'

/** Autoscalers of a workload, of the release and live: HorizontalPodAutoscalers, and KEDA's ScaledObjects. */
export function scalersOf({ objects, lists }: PreflightInput, { metadata }: Deployment): KubeObject[] {
  const found = new Map<string, KubeObject>()
  for (const object of [...(lists.autoscalers ?? []), ...objects.map((released) => released.object)]) {
    const known =
      object.kind === 'HorizontalPodAutoscaler' || (object.kind === 'ScaledObject' && groupOf(object) === KEDA)
    if (!known || object.metadata.namespace !== metadata.namespace) continue
    const target = valueAt(object, ['spec', 'scaleTargetRef'])
    const kind = valueAt(target, ['kind']) ?? 'Deployment'
    if (kind === 'Deployment' && valueAt(target, ['name']) === metadata.name) found.set(keyOf(refOf(object)), object)
  }
  return [...found.values()]
}

/** Fewest replicas that an autoscaler keeps; the API server's default is 1. */
export function minimumOf(scaler: KubeObject): number {
  const field = scaler.kind === 'ScaledObject' ? 'minReplicaCount' : 'minReplicas'
  const minimum = valueAt(scaler, ['spec', field])
  return typeof minimum === 'number' ? minimum : scaler.kind === 'ScaledObject' ? 0 : 1
}

/** hpa-owns-replicas: two that set one field. */
function replicasRules(input: PreflightInput, { manifest, released, live }: Workload): Finding[] {
  const [scaler] = scalersOf(input, manifest)
  const { replicas } = manifest.spec
  if (scaler === undefined || replicas === undefined) return []
  const now = live?.spec.replicas
  return [
    findingAt(released, ['spec', 'replicas'], {
      id: 'hpa-owns-replicas',
      severity: 'warning',
      reason: `${title(manifest)} asks for ${replicas} replicas, but ${title(scaler)} sets them${now === undefined ? '' : ` (${now} now)`}: the manifest's number is left out`,
      mend: 'remove spec.replicas from the manifest',
    }),
  ]
}

/** hpa-drift: while a hold rests, an autoscaler changes the pods of both sides in proportion. */
function driftRules(input: PreflightInput, workload: Workload): Finding[] {
  const { manifest, released } = workload
  const [scaler] = scalersOf(input, manifest)
  if (scaler === undefined || input.strategy !== 'canary' || !workload.stepped) return []
  return [
    findingAt(released, [], {
      id: 'hpa-drift',
      severity: 'info',
      reason: `${title(scaler)} may change the replicas of ${title(manifest)} during the canary, and the share of the new version drifts with it towards the smaller side; it is reckoned anew before every step`,
      mend: 'keep waits short, or hold the autoscaler still (minReplicas equal to maxReplicas) meanwhile',
    }),
  ]
}

/** pdb-both-sides: a budget counts the pods of both versions, so that a drain may take one side whole. */
function budgetRules(input: PreflightInput, workload: Workload): Finding[] {
  const { manifest, released, template, replicas } = workload
  if (!isStrict(input, workload)) return []
  const budgets = (input.lists.disruptionBudgets ?? []).filter(
    (budget) =>
      budget.metadata.namespace === manifest.metadata.namespace && selectorPicks(budgetSelector(budget), template),
  )
  const findings: Finding[] = []
  const [budget] = budgets
  if (budget !== undefined) {
    const both = input.strategy === 'blue-green' ? replicas * 2 : undefined
    const pods = both === undefined ? 'the pods of both versions' : `all ${both} pods of both versions`
    findings.push(
      findingAt(released, [], {
        id: 'pdb-both-sides',
        severity: 'warning',
        reason: `${title(budget)} (${budgetText(budget)}) counts ${pods} while they run side by side: draining nodes may take more of the serving ones than it is meant to allow`,
        mend: 'do not drain nodes during the rollout, and keep waits short',
      }),
    )
  }
  if (budgets.length > 1)
    findings.push(
      findingAt(released, [], {
        id: 'pdb-overlap',
        severity: 'warning',
        reason: `${budgets.map(title).join(' and ')} select the same pods of ${title(manifest)}: every eviction of them fails`,
        mend: 'keep one budget per workload',
      }),
    )
  return findings
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
  if (!workloads.some(({ stepped }) => stepped)) return []
  const findings: Finding[] = []
  if (lists.autoscalers === undefined)
    findings.push(
      notVerified(
        'the HorizontalPodAutoscalers',
        'replicas of the manifest are applied as they are, even where an autoscaler outside of the release set them',
        'grant list on horizontalpodautoscalers',
      ),
    )
  if (lists.disruptionBudgets === undefined && (strategy === 'canary' || strategy === 'blue-green'))
    findings.push(
      notVerified(
        'the PodDisruptionBudgets',
        'it is not known whether one counts the pods of both versions',
        'grant list on poddisruptionbudgets',
      ),
    )
  return findings
}
