import { templateEquals } from '../manifests/workload.ts'
import type { Deployment, KubeObject } from '../shared/objects.ts'
import { refOf } from '../shared/objects.ts'
import { SENTENCE } from './annotations.ts'
import { missing } from './canary.ts'
import { COLOR } from './color.ts'
import { isLocked, writeDeployment } from './hold.ts'
import { done, type Move, wait } from './move.ts'
import { dropPreviewMove, pinMove, pinOf, previewMove, selectMove, settling, unpinMove } from './services.ts'
import { observed, replicasOf, type SeparateView, type ServiceView, sideOf, type WorkloadView } from './view.ts'

/** The new set as a Deployment of its own beside the old one, reachable through the preview Service. */
export function separatePreview(view: WorkloadView): Move {
  const { deployment: old, separate } = view
  if (old === undefined || separate === undefined)
    return { kind: 'drift', text: 'it was deleted', object: missing(view) }
  const adopted = adoptMove(view, old)
  if (adopted !== undefined) return adopted
  const fresh = separate.deployment
  const replicas = replicasOf(old)
  if (fresh === undefined) return createMove(view, separate.manifest)
  if (!templateEquals(fresh.spec.template, view.versions.next) || replicasOf(fresh) < replicas || isLocked(fresh)) {
    const change = { template: view.versions.next, replicas, paused: false, annotations: { [SENTENCE]: view.sentence } }
    return writeDeployment(fresh, change, `${replicas} new pods`)
  }
  if (!observed(fresh)) return wait('the Deployment controller')
  const side = sideOf(view, 'next')
  if (side.serving < replicas) return wait(`new pods to be ready, ${side.serving} of ${replicas}`)
  return previewMove(view, { [COLOR]: separate.color }) ?? done
}

/**
 * A Deployment without a color is locked and its Services pinned to its pods before the new set is made: their selector
 * would match the new pods too. With colors there is nothing to do.
 */
function adoptMove(view: WorkloadView, old: Deployment): Move | undefined {
  if (hasColor(old)) return undefined
  if (!isLocked(old))
    return writeDeployment(
      old,
      { paused: true, annotations: { [SENTENCE]: view.sentence } },
      'lock while it is replaced',
    )
  const { hash } = sideOf(view, 'stable')
  const pinned = (service: ServiceView): boolean => hash !== undefined && pinOf(service) === hash
  const unpinned = view.services.find((service) => !pinned(service) && !onNew(view, service))
  if (unpinned !== undefined) return hash === undefined ? wait('its ReplicaSet') : pinMove(unpinned, 'stable', hash)
  return view.separate?.deployment === undefined ? settling(view) : undefined
}

function hasColor(deployment: Deployment): boolean {
  return deployment.spec.template.metadata?.labels?.[COLOR] !== undefined
}

function onNew(view: WorkloadView, service: ServiceView): boolean {
  return service.live?.spec.selector?.[COLOR] === view.separate?.color
}

/**
 * Without pods: a create has no resourceVersion to be refused by, and one that a frozen run sends after another has gone
 * back must bring no pod that a Service without its pin would lead users to.
 */
function createMove(view: WorkloadView, manifest: KubeObject): Move {
  const annotations = { ...manifest.metadata.annotations, [SENTENCE]: view.sentence }
  const spec = { ...(manifest as Deployment).spec, replicas: 0 }
  const object = { ...manifest, metadata: { ...manifest.metadata, annotations }, spec }
  return { kind: 'write', write: { verb: 'create', object }, text: 'created without pods' }
}

/** Users to the new color, one guarded write per Service, never while it serves with fewer pods than the old one. */
export function separateSwitch(view: WorkloadView): Move {
  const left = view.services.find((service) => !onNew(view, service))
  if (left === undefined) return settling(view) ?? done
  const beside = separatePreview(view)
  if (beside.kind !== 'done') return beside
  const [old, fresh] = [sideOf(view, 'stable'), sideOf(view, 'next')]
  if (fresh.serving < old.serving)
    return wait(`the new set to serve with as many pods as the old one, ${fresh.serving} of ${old.serving}`)
  return selectMove(left, 'next', view.separate?.color ?? '')
}

/** The old set to no pods; its Deployment stays, so that people find what they made. */
export function separateFinish(view: WorkloadView): Move {
  const { deployment: old } = view
  const settle = settling(view)
  if (settle !== undefined) return settle
  if (view.services.some((service) => !onNew(view, service))) return separateSwitch(view)
  if (old !== undefined && (replicasOf(old) > 0 || isLocked(old)))
    return writeDeployment(old, { replicas: 0, paused: false, annotations: { [SENTENCE]: null } }, 'old set away')
  if (view.pods.length > 0) return wait(`${view.pods.length} old pods to end`)
  return dropPreviewMove(view) ?? done
}

/** Users back to the old set, then the new one away: deleted when this rollout made it, else to no pods as it was. */
export function separateBack(view: WorkloadView): Move {
  const { deployment: old, separate } = view
  if (old === undefined || separate === undefined)
    return { kind: 'drift', text: 'it was deleted', object: missing(view) }
  const { hash, serving, wanted } = sideOf(view, 'stable')
  const least = Math.min(replicasOf(old), view.record.replicas)
  // Pods that still serve may be on their way out, until the controller has seen that they are wanted again.
  const whole = observed(old) && Math.min(serving, wanted) >= least && replicasOf(old) > 0
  // Without a color its Services will be pinned to it, and what is pinned is locked.
  if (replicasOf(old) === 0 && view.record.replicas > 0)
    return writeDeployment(
      old,
      { replicas: view.record.replicas, paused: !hasColor(old), annotations: { [SENTENCE]: view.sentence } },
      'old set up again',
    )
  const away = view.services.find((service) => onNew(view, service))
  if (away !== undefined) {
    if (!whole) return wait(`old pods to be ready, ${serving} of ${view.record.replicas}`)
    if (!hasColor(old) && !isLocked(old))
      return writeDeployment(old, { paused: true, annotations: { [SENTENCE]: view.sentence } }, 'lock')
    return hasColor(old) || hash === undefined
      ? selectMove(away, 'stable', 'the old version')
      : pinMove(away, 'stable', hash)
  }
  // Once the new set is gone there is nothing left that a proxy may still send to.
  const settle = isRetired(separate) ? undefined : settling(view)
  return settle ?? dropPreviewMove(view) ?? retireNew(view) ?? unlockOld(view, old)
}

function isRetired({ deployment, pods }: SeparateView): boolean {
  return (deployment === undefined || replicasOf(deployment) === 0) && pods.length === 0
}

function retireNew({ separate }: WorkloadView): Move | undefined {
  const fresh = separate?.deployment
  if (separate === undefined) return undefined
  if (fresh !== undefined && !separate.existed) {
    const { uid } = fresh.metadata
    const write = { verb: 'delete' as const, ref: refOf(fresh), ...(uid === undefined ? {} : { uid }) }
    return { kind: 'write', write, text: `Deployment/${fresh.metadata.name ?? ''} removed` }
  }
  if (fresh !== undefined && replicasOf(fresh) > 0)
    return writeDeployment(fresh, { replicas: 0, annotations: { [SENTENCE]: null } }, 'new set away')
  return separate.pods.length > 0 ? wait(`${separate.pods.length} new pods to end`) : undefined
}

function unlockOld(view: WorkloadView, old: Deployment): Move {
  const pinned = view.services.find((service) => pinOf(service) !== undefined)
  if (pinned !== undefined) return unpinMove(pinned, 'stable')
  const resting = isLocked(old) && old.metadata.annotations?.[SENTENCE] !== undefined
  return resting ? writeDeployment(old, { paused: false, annotations: { [SENTENCE]: null } }, 'unlocked') : done
}
