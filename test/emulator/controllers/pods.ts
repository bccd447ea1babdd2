/** What controllers know about pods. */
import type { JsonMap, KubeObject } from '../../../src/shared/objects.ts'
import { asObject, clone, mapAt, mapsAt, numberAt, parseTime, textAt } from '../values.ts'
import { ownerReference } from './machinery.ts'

export function isReady(pod: KubeObject): boolean {
  return readyCondition(pod)?.['status'] === 'True'
}

export function readyCondition(pod: KubeObject): JsonMap | undefined {
  return mapsAt(pod, 'status', 'conditions').find((condition) => condition['type'] === 'Ready')
}

export function readySince(pod: KubeObject): number {
  return isReady(pod) ? parseTime(readyCondition(pod)?.['lastTransitionTime']) : 0
}

export function isAvailable(pod: KubeObject, minReadySeconds: number, now: number): boolean {
  return isReady(pod) && (minReadySeconds === 0 || readySince(pod) + minReadySeconds * 1_000 <= now)
}

export function phaseOf(pod: KubeObject): string {
  return textAt(pod, 'status', 'phase') ?? ''
}

export function isFinished(pod: KubeObject): boolean {
  return phaseOf(pod) === 'Succeeded' || phaseOf(pod) === 'Failed'
}

export function isActive(pod: KubeObject): boolean {
  return !isFinished(pod) && pod.metadata.deletionTimestamp === undefined
}

export function isTerminating(pod: KubeObject): boolean {
  return !isFinished(pod) && pod.metadata.deletionTimestamp !== undefined
}

/** A pod from the template of its owner. */
export function podOf(owner: KubeObject, template: JsonMap, more: JsonMap = {}): KubeObject {
  const { namespace, name = '' } = owner.metadata
  const { labels, annotations, finalizers } = mapAt(template, 'metadata')
  return asObject({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${name}-`,
      namespace,
      labels: clone(labels),
      annotations: clone(annotations),
      finalizers: clone(finalizers),
      ownerReferences: ownerReference(owner),
      ...more,
    },
    spec: clone(template['spec']),
  })
}

const PHASE_ORDER: Record<string, number> = { Pending: 0, Unknown: 1, Running: 2 }

function restarts(pod: KubeObject): number {
  return Math.max(
    0,
    ...mapsAt(pod, 'status', 'containerStatuses').map((status) => numberAt(status, 'restartCount') ?? 0),
  )
}

/** Differences of age count only by their order of magnitude. */
function ageRank(time: number, now: number): number {
  // nanoseconds, as Go counts
  return now > time ? Math.floor(Math.log2((now - time) * 1e6)) : -1
}

/** Which of two pods of a ReplicaSet goes first when it shrinks. */
export function deletionOrder(
  now: number,
  rank: (pod: KubeObject) => number,
): (a: KubeObject, b: KubeObject) => number {
  const cost = (pod: KubeObject): number =>
    Number(pod.metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? 0) || 0
  const byUid = (a: KubeObject, b: KubeObject): number => ((a.metadata.uid ?? '') < (b.metadata.uid ?? '') ? -1 : 1)
  const byAge = (a: KubeObject, b: KubeObject, timeOf: (pod: KubeObject) => number): number | undefined => {
    if (timeOf(a) === timeOf(b)) return undefined
    return ageRank(timeOf(a), now) - ageRank(timeOf(b), now) || byUid(a, b)
  }
  return (a, b) => {
    const assigned = Number(Boolean(textAt(a, 'spec', 'nodeName'))) - Number(Boolean(textAt(b, 'spec', 'nodeName')))
    if (assigned !== 0) return assigned
    const phase = (PHASE_ORDER[phaseOf(a)] ?? 2) - (PHASE_ORDER[phaseOf(b)] ?? 2)
    if (phase !== 0) return phase
    if (isReady(a) !== isReady(b)) return isReady(a) ? 1 : -1
    if (cost(a) !== cost(b)) return cost(a) - cost(b)
    if (rank(a) !== rank(b)) return rank(b) - rank(a)
    if (isReady(a)) {
      const order = byAge(a, b, readySince)
      if (order !== undefined) return order
    }
    if (restarts(a) !== restarts(b)) return restarts(b) - restarts(a)
    return byAge(a, b, (pod) => parseTime(pod.metadata.creationTimestamp)) ?? 0
  }
}
