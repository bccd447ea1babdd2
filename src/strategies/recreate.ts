import { templateEquals } from '../manifests/workload.ts'
import { ORIGINALS, SENTENCE } from './annotations.ts'
import { missing } from './canary.ts'
import { originalsOf, writeDeployment } from './hold.ts'
import { wholeMove } from './in-place.ts'
import { done, type Move, wait } from './move.ts'
import { hashOf, observed, replicasOf, sideOf, type WorkloadView } from './view.ts'

/**
 * Down: the new template with no replicas, in one write, then wait until every pod is gone. Zero replicas also turns an
 * autoscaler off, so it cannot wake the old version.
 */
export function downMove(view: WorkloadView): Move {
  const { deployment, versions } = view
  if (deployment === undefined) return { kind: 'drift', text: 'it was deleted', object: missing(view) }
  if (replicasOf(deployment) > 0 || !templateEquals(deployment.spec.template, versions.next)) {
    const annotations = { [ORIGINALS]: originalsOf(view), [SENTENCE]: view.sentence }
    const change = { template: versions.next, replicas: 0, paused: false, annotations }
    return writeDeployment(deployment, change, 'old version down, new template in place')
  }
  if (!observed(deployment)) return wait('the Deployment controller')
  return view.pods.length > 0 ? wait(`${view.pods.length} old pods to end`) : done
}

/**
 * Back: the new version's pods are gone before the first old one starts, because this strategy is for two versions that
 * must never run at once.
 */
export function returnMove(view: WorkloadView): Move {
  const { deployment, versions } = view
  if (deployment === undefined) return { kind: 'drift', text: 'it was deleted', object: missing(view) }
  if (replicasOf(deployment) > 0) {
    if (templateEquals(deployment.spec.template, versions.stable)) return wholeMove(view, 'stable')
    const change = { template: versions.stable, replicas: 0, paused: false, annotations: { [SENTENCE]: view.sentence } }
    return writeDeployment(deployment, change, 'new version down, old template in place')
  }
  if (!observed(deployment)) return wait('the Deployment controller')
  const { hash } = sideOf(view, 'stable')
  const left = view.pods.filter((pod) => hashOf(pod) !== hash)
  return left.length > 0 ? wait(`${left.length} new pods to end`) : upMove(view, 'stable')
}

/** Up: as many pods as before, of the given version, then wait until they serve. */
export function upMove(view: WorkloadView, which: 'stable' | 'next'): Move {
  const { deployment, versions, record } = view
  if (deployment === undefined) return { kind: 'drift', text: 'it was deleted', object: missing(view) }
  if (replicasOf(deployment) === 0) {
    const change = { template: versions[which], replicas: record.replicas, annotations: { [SENTENCE]: view.sentence } }
    return writeDeployment(deployment, change, `${which === 'next' ? 'new' : 'old'} version up`)
  }
  return wholeMove(view, which)
}
