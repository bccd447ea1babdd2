import { resolveIntOrPercent, templateEquals } from '../manifests/workload.ts'
import { ORIGINALS, SENTENCE } from './annotations.ts'
import {
  commandedPair,
  HOLD_DEADLINE_SECONDS,
  HOLD_MIN_READY_SECONDS,
  isHeld,
  isLocked,
  originalsOf,
  templateDrift,
  writeDeployment,
} from './hold.ts'
import { done, type Move, wait } from './move.ts'
import { boundsOf, type MoveOptions, nextPair, type Pair, targetPair } from './pods.ts'
import { observed, pairNow, replicasOf, sideOf, type WorkloadView } from './view.ts'

/** Pods moved at a time: the user's own maxSurge, at least one. */
export function batchOf(view: WorkloadView, replicas: number): number {
  return Math.max(1, resolveIntOrPercent(view.versions.nextFields.maxSurge, replicas, 'up'))
}

/**
 * The next move towards `percent` of the pods on the new version, resting locked there. More new pods first, wait until
 * they serve, then fewer old ones; the lock goes on when the pair is whole.
 */
export function canaryMove(view: WorkloadView, percent: number): Move {
  const { deployment } = view
  if (deployment === undefined) return { kind: 'drift', text: 'it was deleted', object: missing(view) }
  const drift = templateDrift(view)
  if (drift !== undefined) return drift
  const replicas = replicasOf(deployment)
  const options: MoveOptions = { replicas, batch: batchOf(view, replicas), capacity: view.capacity }
  if (!isHeld(deployment) || !templateEquals(deployment.spec.template, view.versions.next))
    return begin(view, percent, options)
  if (!observed(deployment)) return wait('the Deployment controller')
  const now = pairNow(view)
  const target = targetPair(replicas, percent, now)
  const there = now[0] <= target[0] && now[1] >= target[1]
  if (isLocked(deployment)) {
    if (there) return settled(view, target)
    // A cancel locks wherever it comes, and a pod may have died since: fewer old ones only when the new ones serve.
    return unready(view, now[1], replicas) ?? move(view, nextPair(now, target, options) ?? target, replicas)
  }
  return underWay(view, commandedPair(deployment), target, options)
}

function underWay(view: WorkloadView, commanded: Pair, target: Pair, options: MoveOptions): Move {
  const [stable, canary] = pairNow(view)
  if (stable > commanded[0] || canary < commanded[1]) return wait(`${commanded[1]} new and ${commanded[0]} old pods`)
  const waiting = unready(view, canary, options.replicas)
  if (waiting !== undefined) return waiting
  const next = nextPair([stable, canary], target, options)
  return next === undefined ? lock(view) : move(view, next, options.replicas)
}

function unready(view: WorkloadView, canary: number, replicas: number): Move | undefined {
  const { serving } = sideOf(view, 'next')
  return serving < Math.min(canary, replicas) ? wait(`new pods to be ready, ${serving} of ${canary}`) : undefined
}

/** Locked and in place: the new side must also serve, since a check or a person now relies on it. */
function settled(view: WorkloadView, target: Pair): Move {
  const side = sideOf(view, 'next')
  const wanted = Math.max(target[1], 0)
  return side.serving >= wanted ? done : wait(`new pods to be ready, ${side.serving} of ${wanted}`)
}

function begin(view: WorkloadView, percent: number, options: MoveOptions): Move {
  const { deployment } = view
  if (deployment === undefined) return wait('the Deployment')
  const { replicas } = options
  // The new template may be there with some of its pods, when somebody has applied the release and so ended the hold.
  const there = pairNow(view)
  const now: Pair = there[1] > 0 ? there : [replicas, 0]
  const first = nextPair(now, targetPair(replicas, percent, now), options) ?? now
  const { maxSurge, maxUnavailable } = boundsOf(first, replicas)
  const change = {
    template: view.versions.next,
    fields: {
      minReadySeconds: HOLD_MIN_READY_SECONDS,
      progressDeadlineSeconds: HOLD_DEADLINE_SECONDS,
      maxSurge,
      maxUnavailable,
    },
    type: 'RollingUpdate',
    paused: false,
    annotations: { [ORIGINALS]: originalsOf(view), [SENTENCE]: view.sentence },
  }
  return writeDeployment(deployment, change, `hold ${pods(first)}`)
}

function move(view: WorkloadView, pair: Pair, replicas: number): Move {
  const { deployment } = view
  if (deployment === undefined) return wait('the Deployment')
  const { maxSurge, maxUnavailable } = boundsOf(pair, replicas)
  const change = {
    template: view.versions.next,
    fields: { maxSurge, maxUnavailable },
    paused: false,
    annotations: { [SENTENCE]: view.sentence },
  }
  return writeDeployment(deployment, change, `move to ${pods(pair)}`)
}

function lock(view: WorkloadView): Move {
  const { deployment } = view
  if (deployment === undefined) return wait('the Deployment')
  return writeDeployment(
    deployment,
    { paused: true, annotations: { [SENTENCE]: view.sentence } },
    `lock at ${pods(pairNow(view))}`,
  )
}

/**
 * One write that makes a hold rest where it is, wherever that is: the fields are set to the pods there are, because a
 * paused controller scales both sides until replicas + maxSurge fits. Undefined when nothing is held or it is locked.
 */
export function restMove(view: WorkloadView, surgeOf: SurgeText = (surge) => surge): Move | undefined {
  const { deployment } = view
  if (deployment === undefined || !isHeld(deployment) || isLocked(deployment)) return undefined
  const replicas = replicasOf(deployment)
  const { maxSurge, maxUnavailable } = boundsOf(pairNow(view), replicas)
  // Both zero is invalid: nothing new exists yet, so one surge pod is only an old pod more.
  const surge = maxSurge + maxUnavailable === 0 ? 1 : maxSurge
  const fields = { maxSurge: surgeOf(surge, replicas), maxUnavailable }
  return writeDeployment(deployment, { fields, paused: true, annotations: { [SENTENCE]: view.sentence } }, 'lock')
}

/** How a surge of pods is written: as their number, or as a share that follows an autoscaler. */
type SurgeText = (surge: number, replicas: number) => number | string

export function pods([stable, canary]: Pair): string {
  return `${stable} old + ${canary} new`
}

export function missing(view: WorkloadView): { apiVersion: string; kind: string; name: string; namespace: string } {
  return { apiVersion: 'apps/v1', kind: 'Deployment', name: view.record.name, namespace: view.record.namespace }
}
