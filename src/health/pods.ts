import type { Condition, Pod } from '../shared/objects.ts'

/** The label that names a pod's version: a ReplicaSet's template hash, or the revision of other controllers. */
const HASH_LABELS = ['pod-template-hash', 'controller-revision-hash'] as const

/** The version that a pod (or ReplicaSet) belongs to; undefined when no controller marked it. */
export function hashOf(object: { metadata: { labels?: Record<string, string> } }): string | undefined {
  const labels = object.metadata.labels ?? {}
  for (const label of HASH_LABELS) if (labels[label] !== undefined) return labels[label]
  return undefined
}

export function conditionOf(object: { status?: { conditions?: Condition[] } }, type: string): Condition | undefined {
  return object.status?.conditions?.find((condition) => condition.type === type)
}

export function isTerminating(object: { metadata: { deletionTimestamp?: string } }): boolean {
  return object.metadata.deletionTimestamp !== undefined
}

/**
 * All its processes are over, e.g. because its node evicted it. Its controller counts it no more and makes another, yet
 * the object stays until it is collected, which can take for ever.
 */
export function isEnded({ status }: Pod): boolean {
  return status?.phase === 'Failed' || status?.phase === 'Succeeded'
}

/**
 * When a pod counts as serving, in milliseconds since 1970 by the cluster's clock: the moment it became Ready plus
 * `minReadySeconds` (the workload's own, not a hold's). Undefined while it is not Ready or is being deleted. Times in a
 * status have whole seconds, so the answer is up to a second early, exactly as for the ReplicaSet controller.
 */
export function servingAt(pod: Pod, minReadySeconds: number): number | undefined {
  if (isTerminating(pod)) return undefined
  const ready = conditionOf(pod, 'Ready')
  if (ready?.status !== 'True') return undefined
  const since = Date.parse(ready.lastTransitionTime ?? '')
  if (minReadySeconds <= 0) return Number.isNaN(since) ? 0 : since
  return Number.isNaN(since) ? undefined : since + minReadySeconds * 1_000
}

/** Ready for at least `minReadySeconds` and not being deleted; `now` in milliseconds since 1970. */
export function isServing(pod: Pod, minReadySeconds: number, now: number): boolean {
  const at = servingAt(pod, minReadySeconds)
  if (at === undefined) return false
  // Without a minimum, being Ready is enough: the clocks of runner and cluster need not agree.
  return minReadySeconds <= 0 || at <= now
}

/** Serving pods of one version. */
export function countServing(pods: readonly Pod[], hash: string, minReadySeconds: number, now: number): number {
  return pods.filter((pod) => hashOf(pod) === hash && isServing(pod, minReadySeconds, now)).length
}
