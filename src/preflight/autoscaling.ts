import { groupOf, valueAt } from '../manifests/workload.ts'
import type { Deployment, KubeObject } from '../shared/objects.ts'
import { keyOf, refOf } from '../shared/objects.ts'
import type { Finding } from './finding.ts'
import type { PreflightInput } from './input.ts'
import { findingAt, notVerified, title, twinsOf, type Workload, workloadsOf } from './subject.ts'

export function autoscalingRules(input: PreflightInput): Finding[] {
  const workloads = workloadsOf(input)
  const findings = workloads.flatMap((workload) => [
    ...replicasRules(input, workload),
    ...driftRules(input, workload),
    ...otherColorRules(input, workload),
  ])
  return [...findings, ...nobodyRules(input), ...unreadRules(input, workloads)]
}

const KEDA = 'keda.sh'

function isScaler(object: KubeObject): boolean {
  return object.kind === 'HorizontalPodAutoscaler' || (object.kind === 'ScaledObject' && groupOf(object) === KEDA)
}

/** Name of the Deployment that an autoscaler scales; undefined when that is something else. */
function scaledBy(scaler: KubeObject): string | undefined {
  const target = valueAt(scaler, ['spec', 'scaleTargetRef'])
  const name = valueAt(target, ['name'])
  return (valueAt(target, ['kind']) ?? 'Deployment') === 'Deployment' && typeof name === 'string' ? name : undefined
}

/** Autoscalers of a workload, of the release and live: HorizontalPodAutoscalers, and KEDA's ScaledObjects. */
export function scalersOf({ objects, lists }: PreflightInput, { metadata }: Deployment): KubeObject[] {
  const found = new Map<string, KubeObject>()
  for (const object of [...(lists.autoscalers ?? []), ...objects.map((released) => released.object)]) {
    if (!isScaler(object) || object.metadata.namespace !== metadata.namespace) continue
    if (scaledBy(object) === metadata.name) found.set(keyOf(refOf(object)), object)
  }
  return [...found.values()]
}

/** hpa-target: an autoscaler of the release scales a Deployment that nobody has. */
function nobodyRules({ objects, lists, live }: PreflightInput): Finding[] {
  const { deployments } = lists
  if (deployments === undefined) return []
  return objects.flatMap((released): Finding[] => {
    const { object } = released
    const name = isScaler(object) ? scaledBy(object) : undefined
    const { namespace } = object.metadata
    if (name === undefined || namespace === undefined) return []
    const key = keyOf({ apiVersion: 'apps/v1', kind: 'Deployment', name, namespace })
    const known = [...deployments, ...objects.map((each) => each.object)].some((each) => keyOf(refOf(each)) === key)
    if (known || live.has(key)) return []
    const here = objects.flatMap((each) => (each.object.kind === 'Deployment' ? title(each.object) : []))
    return [
      findingAt(released, ['spec', 'scaleTargetRef', 'name'], {
        id: 'hpa-target',
        severity: 'error',
        reason: `${title(object)} scales Deployment/${name}, which is neither in the release nor in the cluster: nothing follows the load`,
        mend: `correct scaleTargetRef${here.length === 0 ? '' : ` (the release has ${here.join(', ')})`}`,
      }),
    ]
  })
}

/** hpa-target: in two colors, an autoscaler that the release does not bring stays behind at the color that goes. */
function otherColorRules({ pods, lists, objects }: PreflightInput, { manifest, released }: Workload): Finding[] {
  if (pods !== 'separate') return []
  const { name, namespace } = refOf(manifest)
  const brought = new Set(objects.map(({ object }) => keyOf(refOf(object))))
  const left = (lists.autoscalers ?? []).filter((scaler) => {
    const target = scaledBy(scaler)
    const twin = target !== undefined && target !== name && twinsOf(name).includes(target)
    return twin && scaler.metadata.namespace === namespace && !brought.has(keyOf(refOf(scaler)))
  })
  return left.map((scaler) =>
    findingAt(released, ['metadata', 'name'], {
      id: 'hpa-target',
      severity: 'error',
      reason: `${title(scaler)} scales Deployment/${scaledBy(scaler) ?? ''}, and this release serves from ${title(manifest)}: the new pods do not follow the load`,
      mend: `bring ${title(scaler)} with the release, so that it follows the color`,
    }),
  )
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

function unreadRules({ lists }: PreflightInput, workloads: readonly Workload[]): Finding[] {
  if (!workloads.some(({ stepped }) => stepped)) return []
  if (lists.autoscalers !== undefined) return []
  return [
    notVerified(
      'the HorizontalPodAutoscalers',
      'replicas of the manifest are applied as they are, even where an autoscaler outside of the release set them',
      'grant list on horizontalpodautoscalers',
    ),
  ]
}
