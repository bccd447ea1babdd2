import { resolveIntOrPercent, templateEquals } from '../manifests/workload.ts'
import { holdFieldsOf } from '../rollout/record.ts'
import type { Deployment } from '../shared/objects.ts'
import { SENTENCE } from './annotations.ts'
import { missing } from './canary.ts'
import { templateDrift, writeDeployment } from './hold.ts'
import { done, type Move, wait } from './move.ts'
import { observed, otherPods, replicasOf, sideOf, type WorkloadView } from './view.ts'

/** The live fields equal the given ones, as the API server stores them. */
function hasFields(deployment: Deployment, fields: WorkloadView['versions']['nextFields'], type: string): boolean {
  const live = holdFieldsOf(deployment.spec)
  const timing =
    live.minReadySeconds === fields.minReadySeconds && live.progressDeadlineSeconds === fields.progressDeadlineSeconds
  if ((deployment.spec.strategy?.type ?? 'RollingUpdate') !== type) return false
  return (
    timing &&
    (type === 'Recreate' || (live.maxSurge === fields.maxSurge && live.maxUnavailable === fields.maxUnavailable))
  )
}

/**
 * Lets the native controller bring one version to all pods: its template and its own strategy fields in one write, no
 * lock, then wait until the other version's pods are gone, not only scaled. Used to finish a canary and a rolling update
 * (`next`) and to go back from them (`stable`).
 */
export function wholeMove(view: WorkloadView, which: 'stable' | 'next'): Move {
  const { deployment, versions } = view
  if (deployment === undefined) return { kind: 'drift', text: 'it was deleted', object: missing(view) }
  const template = versions[which]
  const fields = which === 'next' ? versions.nextFields : versions.stableFields
  const type = which === 'next' ? versions.nextType : versions.stableType
  // Going back is always allowed: it is how a foreign template is undone.
  const drift = which === 'next' ? templateDrift(view) : undefined
  if (drift !== undefined) return drift
  const same = templateEquals(deployment.spec.template, template)
  const roomy = which === 'stable' && hasFields(deployment, { ...fields, maxUnavailable: 1 }, type)
  const right = same && (roomy || hasFields(deployment, fields, type))
  if (!right || deployment.spec.paused === true) {
    const change = { template, fields, type, paused: false, annotations: { [SENTENCE]: view.sentence } }
    const text = which === 'next' ? 'all pods to the new version' : 'all pods back to the old version'
    return writeDeployment(deployment, change, text)
  }
  const waiting = wholeWait(view, deployment, which)
  if (waiting.kind !== 'done' || hasFields(deployment, fields, type)) return waiting
  return writeDeployment(deployment, { fields, type }, 'strategy as it was')
}

/** Waits for the native rolling update to be complete and the other side's pods to be gone. */
export function wholeWait(view: WorkloadView, deployment: Deployment, which: 'stable' | 'next'): Move {
  if (!observed(deployment)) return wait('the Deployment controller')
  const replicas = replicasOf(deployment)
  const side = sideOf(view, which)
  if (side.wanted < replicas || side.serving < replicas)
    return wait(`${which === 'next' ? 'new' : 'old'} pods to be ready, ${side.serving} of ${replicas}`)
  const other = sideOf(view, which === 'next' ? 'stable' : 'next')
  const left = [...(other.hash === side.hash ? [] : [...other.pods, ...other.terminating]), ...otherPods(view)]
  if (left.length > 0) return wait(`${left.length} ${which === 'next' ? 'old' : 'new'} pods to end`)
  return done
}

/**
 * One pod of the stable side may be unavailable when going back makes no progress for lack of room (a quota that the new
 * pods fill): `max(original, 1)`, never more, because with more the controller would take canaries that still serve.
 */
export function roomForAbort(view: WorkloadView): Move | undefined {
  const { deployment, versions } = view
  if (deployment === undefined) return undefined
  const replicas = replicasOf(deployment)
  const live = resolveIntOrPercent(holdFieldsOf(deployment.spec).maxUnavailable, replicas, 'down')
  if (live >= 1 || versions.stableType === 'Recreate') return undefined
  return writeDeployment(deployment, { fields: { maxUnavailable: 1 } }, 'no room: let one old pod be missing')
}
