import { resolveIntOrPercent, templateEquals } from '../manifests/workload.ts'
import { holdFieldsOf } from '../rollout/record.ts'
import type { Deployment } from '../shared/objects.ts'
import { ORIGINALS, SENTENCE } from './annotations.ts'
import { missing, pods } from './canary.ts'
import {
  type DeploymentChange,
  HOLD_DEADLINE_SECONDS,
  HOLD_MIN_READY_SECONDS,
  isHeld,
  isKept,
  isLocked,
  keepReplicaSet,
  originalsOf,
  templateDrift,
  writeDeployment,
} from './hold.ts'
import { wholeMove } from './in-place.ts'
import { done, type Move, wait } from './move.ts'
import { surgeFor, surgeOneShort } from './pods.ts'
import { routesAt } from './routes.ts'
import { dropPreviewMove, HASH_LABEL, pinMove, pinOf, previewMove, settling, unpinMove } from './services.ts'
import { observed, pairNow, replicasOf, type ServiceView, type Side, sideOf, type WorkloadView } from './view.ts'

/** Always in percent: an autoscaler that changes replicas then keeps both sides whole. */
export const FULL = '100%'

/**
 * Blue/green with one Deployment. The new set stands whole beside the old one, reachable through the preview Service;
 * users stay on the old one, because their Services are pinned to its hash before any new pod starts.
 */
export function previewStep(view: WorkloadView): Move {
  const started = begun(view)
  if (started !== undefined || view.deployment === undefined) return started ?? wait('the Deployment')
  const old = sideOf(view, 'stable')
  const restShort = view.versions.namesMinReady && view.services.every((service) => pinnedTo(service, old))
  const maxSurge = restShort ? surgeOneShort(replicasOf(view.deployment)) : FULL
  return standBeside(view, view.deployment, maxSurge) ?? showPreview(view)
}

function showPreview(view: WorkloadView): Move {
  return previewMove(view, { [HASH_LABEL]: sideOf(view, 'next').hash ?? '' }) ?? done
}

/** The moves before the first new pod: held and locked, and every Service pinned. Undefined when all of that is so. */
export function begun(view: WorkloadView): Move | undefined {
  const { deployment } = view
  if (deployment === undefined) return { kind: 'drift', text: 'it was deleted', object: missing(view) }
  const drift = templateDrift(view)
  if (drift !== undefined) return drift
  if (!isHeld(deployment) || !templateEquals(deployment.spec.template, view.versions.next))
    return beginLocked(view, deployment)
  const old = sideOf(view, 'stable')
  const fresh = sideOf(view, 'next')
  const unpinned = view.services.find((service) => !pinnedTo(service, old) && !pinnedTo(service, fresh))
  if (unpinned === undefined) return undefined
  return old.hash === undefined ? wait('the old ReplicaSet') : pinMove(unpinned, 'stable', old.hash)
}

/** Users of the Service reach this side and no other. A side without a ReplicaSet has no hash to be pinned to. */
export function pinnedTo(service: ServiceView, { hash }: Side): boolean {
  return hash !== undefined && pinOf(service) === hash
}

function beginLocked(view: WorkloadView, deployment: Deployment): Move {
  const change: DeploymentChange = {
    template: view.versions.next,
    fields: {
      minReadySeconds: HOLD_MIN_READY_SECONDS,
      progressDeadlineSeconds: HOLD_DEADLINE_SECONDS,
      maxSurge: FULL,
      maxUnavailable: 0,
    },
    type: 'RollingUpdate',
    paused: true,
    annotations: { [ORIGINALS]: originalsOf(view), [SENTENCE]: view.sentence },
  }
  return writeDeployment(deployment, change, 'hold, locked: nothing starts yet')
}

/**
 * Starts the new set, of as many pods as the surge says, and waits until it serves, then locks. Undefined when it stands.
 * @param maxSurge in percent: an autoscaler that changes replicas then changes both sides alike
 */
export function standBeside(view: WorkloadView, deployment: Deployment, maxSurge: string): Move | undefined {
  const replicas = replicasOf(deployment)
  const wanted = resolveIntOrPercent(maxSurge, replicas, 'up')
  const fresh = sideOf(view, 'next')
  const asked = deployment.spec.strategy?.rollingUpdate?.maxSurge === maxSurge
  if (fresh.wanted < wanted && (isLocked(deployment) || !asked))
    return (
      settling(view) ??
      startNew(deployment, view, maxSurge, `start ${wanted} new pod${wanted === 1 ? '' : 's'} beside the old ones`)
    )
  if (!observed(deployment)) return wait('the Deployment controller')
  const serving = fresh.serving >= wanted
  if (!serving) return wait(`new pods to be ready, ${fresh.serving} of ${wanted}`)
  if (!isLocked(deployment))
    return writeDeployment(
      deployment,
      { paused: true, annotations: { [SENTENCE]: view.sentence } },
      `lock at ${pods(pairNow(view))}`,
    )
  return undefined
}

function startNew(deployment: Deployment, view: WorkloadView, maxSurge: string, text: string): Move {
  const change: DeploymentChange = {
    template: view.versions.next,
    fields: { maxSurge, maxUnavailable: 0 },
    paused: false,
    annotations: { [SENTENCE]: view.sentence },
  }
  return writeDeployment(deployment, change, text)
}

/**
 * Users to the new version: topped up to a full set first, the old ReplicaSet kept from counting as saturated, then one
 * guarded write per Service. Never while the new set serves with fewer pods than the old one as it runs now.
 */
export function switchStep(view: WorkloadView): Move {
  const { deployment } = view
  const started = begun(view)
  if (started !== undefined || deployment === undefined) return started ?? wait('the Deployment')
  const old = sideOf(view, 'stable')
  const fresh = sideOf(view, 'next')
  const left = view.services.find((service) => !pinnedTo(service, fresh))
  const switched = left === undefined && view.services.length > 0
  if (switched) return settling(view) ?? lockedDone(view, deployment)
  const beside = standBeside(view, deployment, FULL) ?? previewMove(view, { [HASH_LABEL]: fresh.hash ?? '' })
  const before = beside ?? keepOld(view, old) ?? asWhole(fresh, old)
  if (before !== undefined) return before
  // Without a Service there are no users to lead; the new set stands whole all the same before the old one goes.
  if (left === undefined) return done
  return fresh.hash === undefined ? wait('the new ReplicaSet') : pinMove(left, 'next', fresh.hash)
}

/** Users are never led to a set that serves with fewer pods than the old one as it runs now. */
export function asWhole(fresh: Side, old: Side): Move | undefined {
  if (fresh.serving >= old.serving) return undefined
  return wait(`the new set to serve with as many pods as the old one, ${fresh.serving} of ${old.serving}`)
}

function lockedDone(view: WorkloadView, deployment: Deployment): Move {
  if (isLocked(deployment)) return done
  return writeDeployment(deployment, { paused: true, annotations: { [SENTENCE]: view.sentence } }, 'lock')
}

/** A foreign apply of the old file would find the old ReplicaSet saturated and remove the new set; this prevents it. */
export function keepOld(view: WorkloadView, { replicaSet }: Side): Move | undefined {
  if (replicaSet === undefined || isKept(replicaSet)) return undefined
  const sentence = `kept for the way back from rollout ${view.rollout} of ${view.app}`
  return keepReplicaSet(replicaSet, sentence, 'old ReplicaSet guarded against a foreign apply')
}

/** Before the Deployment gets the old template back, else its controller would make another ReplicaSet for it. */
function freeOld({ replicaSet }: Side): Move | undefined {
  if (replicaSet === undefined || !isKept(replicaSet)) return undefined
  return keepReplicaSet(replicaSet, null, 'old ReplicaSet as it was')
}

/**
 * Ends with the new version only. The old set goes by the controller's own rule (a paused Deployment whose matching
 * ReplicaSet is saturated scales the others to 0), with the surge still at 100 %: with the original surge in that write it
 * is a race. The first write here is the point of no return.
 */
export function finishMove(view: WorkloadView): Move {
  const { deployment } = view
  if (deployment === undefined) return { kind: 'drift', text: 'it was deleted', object: missing(view) }
  const drift = templateDrift(view)
  if (drift !== undefined) return drift
  return settling(view) ?? routesAt(view, 'after') ?? drainMove(view, deployment, 'next') ?? whole(view)
}

function whole(view: WorkloadView): Move {
  const free = freeOld(sideOf(view, 'stable'))
  if (free !== undefined) return free
  const pinned = view.services.find((service) => pinOf(service) !== undefined)
  if (pinned !== undefined) return unpinMove(pinned, 'next')
  return settling(view) ?? dropPreviewMove(view) ?? wholeMove(view, 'next')
}

/**
 * The other side away while users are pinned to `keep`: undefined when it is gone. When nothing is pinned or paused any
 * more, the drain is over and only the originals are left to write.
 */
function drainMove(view: WorkloadView, deployment: Deployment, keep: 'stable' | 'next'): Move | undefined {
  const { versions } = view
  const fields = keep === 'next' ? versions.nextFields : versions.stableFields
  const other = sideOf(view, keep === 'next' ? 'stable' : 'next')
  const gone = isEmpty(other)
  const right = holdFieldsOf(deployment.spec).minReadySeconds === fields.minReadySeconds
  const commanded = right && templateEquals(deployment.spec.template, versions[keep])
  if (gone && commanded) return undefined
  const replicas = replicasOf(deployment)
  const fits = sideOf(view, keep).wanted === replicas
  if (commanded && !observed(deployment)) return wait('the Deployment controller')
  if (commanded && (isLocked(deployment) ? fits || other.wanted === 0 : !fits))
    return wait(`${other.pods.length + other.terminating.length} ${keep === 'next' ? 'old' : 'new'} pods to end`)
  const change: DeploymentChange = {
    template: versions[keep],
    fields: {
      minReadySeconds: fields.minReadySeconds,
      progressDeadlineSeconds: fields.progressDeadlineSeconds,
      // Exactly the pods there are: any other surge would first scale both sides.
      maxSurge: other.wanted > 0 && replicas > 0 ? surgeFor(other.wanted, replicas) : FULL,
      maxUnavailable: 0,
    },
    type: 'RollingUpdate',
    // A paused controller takes the other side away only while this one has as many pods as it should.
    paused: !(commanded && isLocked(deployment)),
    annotations: { [SENTENCE]: view.sentence },
  }
  return writeDeployment(deployment, change, keep === 'next' ? 'old set away' : 'new set away')
}

function isEmpty({ wanted, pods, terminating }: Side): boolean {
  return wanted === 0 && pods.length === 0 && terminating.length === 0
}

/**
 * Back to the old version. While its set is whole: users first, then the new pods. Once it was emptied: unpin first, since
 * a Service pinned to an emptied side refuses every request, then the old version by a native update.
 */
export function backMove(view: WorkloadView): Move {
  const { deployment } = view
  if (deployment === undefined) return { kind: 'drift', text: 'it was deleted', object: missing(view) }
  const old = sideOf(view, 'stable')
  const replicas = replicasOf(deployment)
  const pinned = view.services.filter((service) => pinOf(service) !== undefined)
  // Users who are on the old set already stay there while one of its pods is replaced: a Service without its pin would
  // send them to the version that is being taken away.
  const there = pinned.every((service) => pinnedTo(service, old))
  // Once the finish was written the old set goes, at the latest when the last new pod is available.
  const leaving = !isHeld(deployment) && templateEquals(deployment.spec.template, view.versions.next)
  const whole = old.wanted >= replicas && old.serving >= (there ? 1 : replicas)
  // Somebody else's apply ends the hold too, but only the finish leads users away from the old set first.
  const intact = old.hash !== undefined && whole && (!leaving || (there && pinned.length > 0))
  if (intact && pinned.length > 0) return backWhileWhole(view, deployment, old)
  const [first] = pinned
  if (first !== undefined) return unpinMove(first, 'stable')
  // Without a pod of the new version there is none that a proxy may still send to, and none that is about to move.
  const settle = whole && isEmpty(sideOf(view, 'next')) ? undefined : settling(view)
  return settle ?? routesAt(view, 'before') ?? dropPreviewMove(view) ?? restoreOld(view, old)
}

function backWhileWhole(view: WorkloadView, deployment: Deployment, old: Side): Move {
  const away = view.services.find((service) => pinOf(service) !== undefined && !pinnedTo(service, old))
  if (away !== undefined) return pinMove(away, 'stable', old.hash ?? '')
  // A proxy sends to pods by itself: users are away from the new ones sooner when the route does not wait for the Service.
  const first = view.routing?.router.registersPods === true ? settling(view) : undefined
  const users = first ?? routesAt(view, 'before') ?? settling(view)
  const drain = users ?? dropPreviewMove(view) ?? freeOld(old) ?? drainMove(view, deployment, 'stable')
  if (drain !== undefined) return drain
  const pinned = view.services.find((service) => pinOf(service) !== undefined)
  return pinned === undefined ? restoreOld(view, old) : unpinMove(pinned, 'stable')
}

/** Nothing is pinned: the old version whole by the native controller, its own fields last. */
function restoreOld(view: WorkloadView, old: Side): Move {
  return freeOld(old) ?? wholeMove(view, 'stable')
}
