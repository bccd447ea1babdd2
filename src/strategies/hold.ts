import { resolveIntOrPercent, templateEquals } from '../manifests/workload.ts'
import type { HoldFields } from '../rollout/record.ts'
import { holdFieldsOf } from '../rollout/record.ts'
import { type JsonPatchOperation, pointer } from '../shared/json-patch.ts'
import { type Deployment, type KubeObject, type PodTemplate, type ReplicaSet, refOf } from '../shared/objects.ts'
import { ORIGINALS, SENTENCE } from './annotations.ts'
import type { Move } from './move.ts'
import type { Pair } from './pods.ts'
import { pairOf } from './pods.ts'
import { replicasOf, type WorkloadView } from './view.ts'

/**
 * The hold: new pods become Ready, so Services send them traffic, but never Available, so the Deployment controller
 * neither goes on nor takes an old pod away. These are the largest values that the API server takes together; with them
 * the Progressing condition is absent, so that no deadline can be missed. Source: apps/v1 validation, measured on 1.36.
 */
export const HOLD_MIN_READY_SECONDS = 2_147_483_646
export const HOLD_DEADLINE_SECONDS = 2_147_483_647

/** Field manager of every write that moves pods, traffic or lock. */
export const MOVER = 'headgate-rollout'

/** What a move changes of a Deployment. */
export interface DeploymentChange {
  template?: PodTemplate
  fields?: Partial<HoldFields>
  /** strategy type, written when it differs from the live one */
  type?: string
  paused?: boolean
  replicas?: number
  /** null removes */
  annotations?: Record<string, string | null>
}

/** The JSON patch for a change. The caller's sender puts the `test` on the resourceVersion in front. */
export function changeDeployment(live: Deployment, change: DeploymentChange): JsonPatchOperation[] {
  const operations: JsonPatchOperation[] = []
  if (change.template !== undefined) operations.push({ op: 'replace', path: '/spec/template', value: change.template })
  const { minReadySeconds, progressDeadlineSeconds } = change.fields ?? {}
  if (minReadySeconds !== undefined)
    operations.push({ op: 'add', path: '/spec/minReadySeconds', value: minReadySeconds })
  if (progressDeadlineSeconds !== undefined)
    operations.push({ op: 'add', path: '/spec/progressDeadlineSeconds', value: progressDeadlineSeconds })
  operations.push(...changeStrategy(live, change))
  if (change.paused !== undefined) operations.push({ op: 'add', path: '/spec/paused', value: change.paused })
  if (change.replicas !== undefined) operations.push({ op: 'add', path: '/spec/replicas', value: change.replicas })
  operations.push(...changeAnnotations(live.metadata.annotations, change.annotations ?? {}))
  return operations
}

function changeStrategy(live: Deployment, { fields = {}, type }: DeploymentChange): JsonPatchOperation[] {
  const { maxSurge, maxUnavailable } = fields
  const wanted = type ?? live.spec.strategy?.type ?? 'RollingUpdate'
  if (wanted === 'Recreate')
    return live.spec.strategy?.type === 'Recreate'
      ? []
      : [{ op: 'add', path: '/spec/strategy', value: { type: wanted } }]
  if (maxSurge === undefined && maxUnavailable === undefined) return []
  const before = holdFieldsOf(live.spec)
  const rollingUpdate = {
    maxSurge: maxSurge ?? before.maxSurge,
    maxUnavailable: maxUnavailable ?? before.maxUnavailable,
  }
  return [{ op: 'add', path: '/spec/strategy', value: { type: 'RollingUpdate', rollingUpdate } }]
}

/** @param at the object's own metadata, or that of its pod template */
function changeAnnotations(
  live: Record<string, string> | undefined,
  change: Record<string, string | null>,
  at: readonly string[] = ['metadata'],
): JsonPatchOperation[] {
  const set = Object.entries(change).filter((entry): entry is [string, string] => entry[1] !== null)
  if (live === undefined || Object.keys(live).length === 0)
    return set.length === 0 ? [] : [{ op: 'add', path: pointer(...at, 'annotations'), value: Object.fromEntries(set) }]
  const operations: JsonPatchOperation[] = []
  for (const [key, value] of Object.entries(change)) {
    const path = pointer(...at, 'annotations', key)
    if (value !== null) operations.push({ op: 'add', path, value })
    else if (live[key] !== undefined) operations.push({ op: 'remove', path })
  }
  return operations
}

/**
 * A ReplicaSet whose pod template carries an annotation matches no file any more. The Deployment controller takes other
 * sets away once the one that matches is saturated, also while it is paused, so this keeps a foreign apply of the old file
 * from emptying the set that users are on. Its pods are not touched. Null takes the annotation off.
 */
export function keepReplicaSet(replicaSet: ReplicaSet, sentence: string | null, text: string): Move {
  const { annotations } = replicaSet.spec.template.metadata ?? {}
  const operations = changeAnnotations(annotations, { [SENTENCE]: sentence }, ['spec', 'template', 'metadata'])
  return { kind: 'write', write: { verb: 'patch', object: replicaSet, operations }, text }
}

export function isKept(replicaSet: ReplicaSet): boolean {
  return replicaSet.spec.template.metadata?.annotations?.[SENTENCE] !== undefined
}

/** The annotation with both sets of values, so that the cluster alone is enough to go on or back. */
export function originalsOf(view: WorkloadView): string {
  const { stableFields, nextFields } = view.versions
  return JSON.stringify({ rollout: view.rollout, stable: stableFields, release: nextFields })
}

/** The Deployment has the values of a hold (whoever wrote its template). */
export function isHeld(deployment: Deployment): boolean {
  return deployment.spec.minReadySeconds === HOLD_MIN_READY_SECONDS
}

/** A rollout of Headgate rests on it. `kubectl rollout undo` brings the annotation back, but neither hold nor lock. */
export function isResting(deployment: Deployment): boolean {
  return deployment.metadata.annotations?.[ORIGINALS] !== undefined && (isHeld(deployment) || isLocked(deployment))
}

/**
 * The old template is back, and nothing keeps the new pods any more. Under hold and lock an apply of the old file moves no
 * pod; once somebody has resumed it, the controller goes back as far as the hold lets it.
 */
export function isUndone(deployment: Deployment, stable: PodTemplate): boolean {
  return !(isHeld(deployment) && isLocked(deployment)) && templateEquals(deployment.spec.template, stable)
}

export function isLocked(deployment: Deployment): boolean {
  return deployment.spec.paused === true
}

/**
 * Old and new pods stand side by side by the native controller's own doing: what is stable cannot be told yet. A held or
 * paused one does not move by itself.
 */
export function isRolling(deployment: Deployment): boolean {
  const { metadata, spec, status = {} } = deployment
  if (isHeld(deployment) || isLocked(deployment)) return false
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0)) return true
  const updated = status.updatedReplicas ?? 0
  return updated < (spec.replicas ?? 1) || (status.replicas ?? 0) > updated
}

/** The pair that the live strategy fields ask the controller for. */
export function commandedPair(deployment: Deployment): Pair {
  const { maxSurge, maxUnavailable } = holdFieldsOf(deployment.spec)
  const replicas = replicasOf(deployment)
  return pairOf(
    {
      maxSurge: resolveIntOrPercent(maxSurge, replicas, 'up'),
      maxUnavailable: resolveIntOrPercent(maxUnavailable, replicas, 'down'),
    },
    replicas,
  )
}

/** A template that is neither of this rollout's: somebody applied something else meanwhile. */
export function templateDrift(view: WorkloadView): Move | undefined {
  const { deployment, versions } = view
  if (deployment === undefined) return undefined
  const { template } = deployment.spec
  if (templateEquals(template, versions.next) || templateEquals(template, versions.stable)) return undefined
  const image = template.spec.containers[0]?.image ?? 'no image'
  return {
    kind: 'drift',
    object: refOf(deployment),
    text: `its template was changed by ${lastWriter(deployment)} (now ${image})`,
  }
}

/** Who wrote the spec last, from managedFields; our own managers are left out. */
export function lastWriter(object: KubeObject): string {
  const foreign = (object.metadata.managedFields ?? [])
    .filter((entry) => entry.subresource === undefined && !(entry.manager ?? '').startsWith('headgate'))
    .sort((a, b) => (b.time ?? '').localeCompare(a.time ?? ''))
  return foreign[0]?.manager ?? 'somebody'
}

/** A write to the Deployment of a view. */
export function writeDeployment(deployment: Deployment, change: DeploymentChange, text: string): Move {
  const operations = changeDeployment(deployment, change)
  return { kind: 'write', write: { verb: 'patch', object: deployment, operations }, text }
}
