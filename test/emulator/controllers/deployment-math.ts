/**
 * The arithmetic of the deployment controller: `pkg/controller/deployment/util/deployment_util.go`. Named as there, so
 * that the two can be compared side by side.
 */
import type { Condition, Deployment, ReplicaSet } from '../../../src/shared/objects.ts'
import { clone, equal, parseTime } from '../values.ts'

export const REVISION = 'deployment.kubernetes.io/revision'
export const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history'
export const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas'
export const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas'
export const HASH_LABEL = 'pod-template-hash'

const MAX_INT32 = 2 ** 31 - 1

export type DeploymentStatus = NonNullable<Deployment['status']>

export function replicasOf(object: Deployment | ReplicaSet): number {
  return object.spec.replicas ?? 1
}

export function statusOf(deployment: Deployment): DeploymentStatus {
  return deployment.status ?? {}
}

function scaled(value: number | string | undefined, total: number, up: boolean): number {
  if (value === undefined) return 0
  if (typeof value === 'number') return value
  const exact = (Number.parseInt(value, 10) * total) / 100
  return up ? Math.ceil(exact) : Math.floor(exact)
}

export function isRollingUpdate(deployment: Deployment): boolean {
  return deployment.spec.strategy?.type === 'RollingUpdate'
}

/** Both resolved together: when rounding makes both 0, one pod may be unavailable. */
function resolveFenceposts(deployment: Deployment): [surge: number, unavailable: number] {
  const rolling = deployment.spec.strategy?.rollingUpdate
  const surge = scaled(rolling?.maxSurge, replicasOf(deployment), true)
  const unavailable = scaled(rolling?.maxUnavailable, replicasOf(deployment), false)
  return surge === 0 && unavailable === 0 ? [0, 1] : [surge, unavailable]
}

export function maxUnavailable(deployment: Deployment): number {
  if (!isRollingUpdate(deployment) || replicasOf(deployment) === 0) return 0
  return Math.min(resolveFenceposts(deployment)[1], replicasOf(deployment))
}

export function maxSurge(deployment: Deployment): number {
  return isRollingUpdate(deployment) ? resolveFenceposts(deployment)[0] : 0
}

export function hasProgressDeadline(deployment: Deployment): boolean {
  const { progressDeadlineSeconds } = deployment.spec
  return progressDeadlineSeconds !== undefined && progressDeadlineSeconds !== MAX_INT32
}

export function hasRevisionHistoryLimit(deployment: Deployment): boolean {
  const { revisionHistoryLimit } = deployment.spec
  return revisionHistoryLimit !== undefined && revisionHistoryLimit !== MAX_INT32
}

// --- conditions

export function conditionOf(status: DeploymentStatus, type: string): Condition | undefined {
  return status.conditions?.find((condition) => condition.type === type)
}

export function newCondition(type: string, status: string, reason: string, message: string, now: string): Condition {
  return { type, status, lastUpdateTime: now, lastTransitionTime: now, reason, message }
}

/** The same status and reason again change nothing; the same status keeps its transition time. */
export function setCondition(status: DeploymentStatus, condition: Condition): void {
  const current = conditionOf(status, condition.type)
  if (current !== undefined && current.status === condition.status && current.reason === condition.reason) return
  const kept =
    current !== undefined && current.status === condition.status && current.lastTransitionTime !== undefined
      ? { ...condition, lastTransitionTime: current.lastTransitionTime }
      : condition
  status.conditions = [...(status.conditions ?? []).filter((item) => item.type !== condition.type), kept]
}

export function removeCondition(status: DeploymentStatus, type: string): void {
  if (status.conditions === undefined) return
  const left = status.conditions.filter((condition) => condition.type !== type)
  if (left.length > 0) status.conditions = left
  else delete status.conditions
}

// --- ReplicaSets

export function active(sets: readonly ReplicaSet[]): ReplicaSet[] {
  return sets.filter((set) => replicasOf(set) > 0)
}

export function byCreation(a: ReplicaSet, b: ReplicaSet): number {
  const difference = parseTime(a.metadata.creationTimestamp) - parseTime(b.metadata.creationTimestamp)
  return difference || ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1)
}

export function bySizeOlder(a: ReplicaSet, b: ReplicaSet): number {
  return replicasOf(b) - replicasOf(a) || byCreation(a, b)
}

export function bySizeNewer(a: ReplicaSet, b: ReplicaSet): number {
  return replicasOf(b) - replicasOf(a) || byCreation(b, a)
}

export function revisionOf(object: Deployment | ReplicaSet): number {
  const text = object.metadata.annotations?.[REVISION] ?? '0'
  return /^-?\d+$/.test(text) ? Number(text) : 0
}

export function byRevision(a: ReplicaSet, b: ReplicaSet): number {
  return revisionOf(a) - revisionOf(b) || byCreation(a, b)
}

export function maxRevision(sets: readonly ReplicaSet[]): number {
  return sets.reduce((most, set) => Math.max(most, revisionOf(set)), 0)
}

function withoutHash(template: Deployment['spec']['template']): Deployment['spec']['template'] {
  const copy = clone(template)
  if (copy.metadata?.labels !== undefined) delete copy.metadata.labels[HASH_LABEL]
  return copy
}

export function equalIgnoreHash(a: Deployment['spec']['template'], b: Deployment['spec']['template']): boolean {
  return equal(withoutHash(a), withoutHash(b))
}

/** The oldest ReplicaSet with the template of the Deployment. */
export function findNew(deployment: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return [...sets].sort(byCreation).find((set) => equalIgnoreHash(set.spec.template, deployment.spec.template))
}

/** The only active ReplicaSet, or the newest when none is; undefined when several are. */
export function findActiveOrLatest(newSet: ReplicaSet | undefined, old: readonly ReplicaSet[]): ReplicaSet | undefined {
  const sorted = [...old].sort((a, b) => byCreation(b, a))
  const all = active(newSet === undefined ? sorted : [...sorted, newSet])
  if (all.length > 1) return undefined
  return all[0] ?? newSet ?? sorted[0]
}

export function specReplicas(sets: readonly ReplicaSet[]): number {
  return sets.reduce((sum, set) => sum + replicasOf(set), 0)
}

export function statusSum(
  sets: readonly ReplicaSet[],
  key: 'replicas' | 'readyReplicas' | 'availableReplicas',
): number {
  return sets.reduce((sum, set) => sum + (set.status?.[key] ?? 0), 0)
}

/** undefined while a ReplicaSet that was synced does not tell. */
export function terminatingSum(sets: readonly ReplicaSet[]): number | undefined {
  let sum = 0
  for (const { status } of sets) {
    const count = status === undefined ? undefined : terminatingOf(status)
    if (count !== undefined) sum += count
    else if ((status?.observedGeneration ?? 0) !== 0) return undefined
  }
  return sum
}

function terminatingOf(status: object): number | undefined {
  return 'terminatingReplicas' in status && typeof status.terminatingReplicas === 'number'
    ? status.terminatingReplicas
    : undefined
}

/** How many pods the new ReplicaSet should have in a rolling update: as many as fit under replicas + surge. */
export function newReplicas(deployment: Deployment, all: readonly ReplicaSet[], newSet: ReplicaSet): number {
  if (!isRollingUpdate(deployment)) return replicasOf(deployment)
  const limit = replicasOf(deployment) + maxSurge(deployment)
  const current = specReplicas(all)
  if (current >= limit) return replicasOf(newSet)
  return replicasOf(newSet) + Math.min(limit - current, replicasOf(deployment) - replicasOf(newSet))
}

/** Deployment and ReplicaSet agree that the ReplicaSet holds all replicas, and all are available. */
export function isSaturated(deployment: Deployment, set: ReplicaSet | undefined): boolean {
  if (set === undefined) return false
  const desired = set.metadata.annotations?.[DESIRED_REPLICAS]
  const wanted = replicasOf(deployment)
  return replicasOf(set) === wanted && desired === String(wanted) && (set.status?.availableReplicas ?? 0) === wanted
}

function annotatedNumber(set: ReplicaSet, key: string): number | undefined {
  const text = set.metadata.annotations?.[key]
  return text !== undefined && /^\d+$/.test(text) && Number(text) <= MAX_INT32 ? Number(text) : undefined
}

export function desiredAnnotation(set: ReplicaSet): number | undefined {
  return annotatedNumber(set, DESIRED_REPLICAS)
}

function roundHalfAway(value: number): number {
  return value < 0 ? Math.trunc(value - 0.5) : Math.trunc(value + 0.5)
}

/** The share of a scaling that falls to one ReplicaSet. */
export function proportionOf(set: ReplicaSet, deployment: Deployment, toAdd: number, added: number): number {
  if (replicasOf(set) === 0 || toAdd === 0 || toAdd === added) return 0
  const fraction = fractionOf(set, deployment)
  const allowed = toAdd - added
  return toAdd > 0 ? Math.min(fraction, allowed) : Math.max(fraction, allowed)
}

function fractionOf(set: ReplicaSet, deployment: Deployment): number {
  if (replicasOf(deployment) === 0) return -replicasOf(set)
  const limit = replicasOf(deployment) + maxSurge(deployment)
  const before = annotatedNumber(set, MAX_REPLICAS) || (statusOf(deployment).replicas ?? 0)
  if (before === 0) return 0
  return roundHalfAway((replicasOf(set) * limit) / before) - replicasOf(set)
}

// --- progress

export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const wanted = replicasOf(deployment)
  return (
    (status.updatedReplicas ?? 0) === wanted &&
    (status.replicas ?? 0) === wanted &&
    (status.availableReplicas ?? 0) === wanted &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  )
}

export function isProgressing(deployment: Deployment, next: DeploymentStatus): boolean {
  const before = statusOf(deployment)
  const old = (status: DeploymentStatus): number => (status.replicas ?? 0) - (status.updatedReplicas ?? 0)
  return (
    (next.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    old(next) < old(before) ||
    (next.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (next.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  )
}

export function isTimedOut(deployment: Deployment, next: DeploymentStatus, now: number): boolean {
  if (!hasProgressDeadline(deployment)) return false
  const condition = conditionOf(next, 'Progressing')
  // No base to measure from, or the last rollout had ended well.
  if (condition === undefined || condition.reason === 'NewReplicaSetAvailable') return false
  if (condition.reason === 'ProgressDeadlineExceeded') return true
  return parseTime(condition.lastUpdateTime) + (deployment.spec.progressDeadlineSeconds ?? 0) * 1_000 < now
}
