import type { Deployment, Service } from '../shared/objects.ts'
import { jsonEquals } from '../shared/json.ts'
import { asWhole, begun, finishMove, FULL, keepOld, pinnedTo, standBeside } from './blue-green.ts'
import { isHeld, templateDrift } from './hold.ts'
import { done, type Move, wait } from './move.ts'
import { surgeOneShort } from './pods.ts'
import { routesAt, shareNow } from './routes.ts'
import { canaryService, HASH_LABEL, pinMove, settling } from './services.ts'
import { replicasOf, type Routing, type ServiceView, type Share, sideOf, type WorkloadView } from './view.ts'

/** The least surge in percent: one pod, whatever the replicas up to a hundred. */
const ONE = '1%'

/**
 * Canary through a router. The new pods stand beside all of the old ones, because the users' Services are pinned to the old
 * version's hash before any new pod starts; a Service of their own leads to them, and the route gives it its share.
 */
export function weightedStep(view: WorkloadView, share: Share): Move {
  const stands = begun(view) ?? unserved(view) ?? standing(view, share)
  if (stands !== undefined || share.percent < 100) return stands ?? routesAt(view, share) ?? done
  // All users are all users: those who come to the Service past the route as well.
  return allReady(view) ?? routesAt(view, share) ?? toNew(view) ?? settling(view) ?? done
}

/** The users' Services to the new version, one at a time; undefined when all are. */
function toNew(view: WorkloadView): Move | undefined {
  const fresh = sideOf(view, 'next')
  const left = view.services.find((service) => !pinnedTo(service, fresh))
  if (left === undefined) return undefined
  return fresh.hash === undefined ? wait('the new ReplicaSet') : pinMove(left, 'next', fresh.hash)
}

/** New pods for the share, ready, and the endpoints of their Services; undefined when so. */
function standing(view: WorkloadView, share: Share): Move | undefined {
  const { deployment, routing } = view
  if (deployment === undefined || routing === undefined) return wait('the Deployment')
  const surge = surgeAt(view, routing, share)
  const first = registered(view, deployment, routing)
  if (first !== undefined) return first
  const beside = standBeside(view, deployment, surge)
  if (beside !== undefined) return beside
  // A share of the users depends on the new set from now on: a foreign apply of the old file must not empty it.
  const kept = canaryServices(view) ?? keepOld(view, sideOf(view, 'stable'))
  return kept ?? endpoints(view, sideOf(view, 'next').serving)
}

/**
 * A balancer that registers pods injects its gate only into those that come after their Service is in the route: one pod
 * first, which gives the Service its hash, then the Service in the route with no share, and only then the others.
 */
function registered(view: WorkloadView, deployment: Deployment, { router }: Routing): Move | undefined {
  const share = shareNow(view)
  const later = share !== undefined && share.percent + share.mirror > 0
  if (router.registersPods !== true || later) return undefined
  const nothing: Share = { percent: 0, mirror: 0 }
  if (share !== undefined && routesAt(view, nothing) === undefined) return undefined
  return standBeside(view, deployment, ONE) ?? canaryServices(view) ?? endpoints(view, 1) ?? routesAt(view, nothing)
}

function smaller(a: string, b: string): string {
  return Number.parseInt(a, 10) < Number.parseInt(b, 10) ? a : b
}

/**
 * The surge for a share: as much more as there are requests to answer, copies counted. Where the manifest names
 * minReadySeconds the set stays one pod short, so that a foreign apply of that file does not find it saturated.
 */
function surgeAt({ versions, deployment }: WorkloadView, { pods }: Routing, { percent, mirror }: Share): string {
  const asked = pods === 'full' ? 100 : Math.min(100, Math.max(1, percent + mirror))
  if (!versions.namesMinReady || percent >= 100 || deployment === undefined) return `${asked}%`
  return smaller(surgeOneShort(replicasOf(deployment)), `${asked}%`)
}

/** Everything that has to be before no user is on the old version any more. */
function allReady(view: WorkloadView): Move | undefined {
  const { deployment } = view
  if (deployment === undefined) return wait('the Deployment')
  const [old, fresh] = [sideOf(view, 'stable'), sideOf(view, 'next')]
  return standBeside(view, deployment, FULL) ?? asWhole(fresh, old) ?? endpoints(view, fresh.serving)
}

/** The Services that lead to the new version alone; undefined when they do. */
function canaryServices(view: WorkloadView): Move | undefined {
  const { hash } = sideOf(view, 'next')
  if (hash === undefined) return wait('the new ReplicaSet')
  for (const service of view.services) {
    if (service.canary === undefined) continue
    const object = canaryService(view, service, { [HASH_LABEL]: hash })
    const { live } = service.canary
    const text = `Service/${object.metadata.name ?? ''}`
    if (live === undefined) return { kind: 'write', write: { verb: 'create', object }, text: `${text} created` }
    const { selector = {} } = (object as Service).spec
    if (jsonEquals(live.spec.selector ?? {}, selector)) continue
    const operations = [{ op: 'add' as const, path: '/spec/selector', value: selector }]
    return { kind: 'write', write: { verb: 'patch', object: live, operations }, text: `${text} to the new version` }
  }
  return undefined
}

/** How long in ms a share of the users may meet a Service without endpoints before they are brought back. */
const UNSERVED_MS = 15_000

/** No pod of the new version is ready any more, and users are still sent to it: unlike a Service, a route does not heal. */
function unserved(view: WorkloadView): Move | undefined {
  const share = shareNow(view)
  const cohort = view.routing !== undefined && view.routing.split.match.length > 0
  if (share === undefined || (share.percent === 0 && !cohort)) return undefined
  const { pods } = sideOf(view, 'next')
  const since = pods.map((pod) => pod.status?.conditions?.find(({ type }) => type === 'Ready'))
  if (pods.length === 0 || since.some((ready) => ready?.status === 'True')) return undefined
  const from = Math.max(...since.map((ready) => Date.parse(ready?.lastTransitionTime ?? '') || view.now))
  const whom =
    share.percent === 0 ? 'the users who are matched' : `the ${share.percent}% of the requests that are sent to it`
  const text = `a pod of the new version that answers ${whom}`
  return { kind: 'wait', text, giveUpAt: from + UNSERVED_MS }
}

/** A proxy sends to endpoints, not to pods. */
function endpoints({ services }: WorkloadView, wanted: number): Move | undefined {
  const behind = services.find(({ canary }) => canary !== undefined && canary.ready < wanted)
  if (behind?.canary === undefined) return undefined
  return wait(`endpoints of Service/${behind.record.name}-canary, ${behind.canary.ready} of ${wanted}`)
}

/**
 * Ends with the new version only: all requests to the new pods by the route first, then the users' Services, with no
 * request on them, then the route as it was, and only then the old pods away.
 */
export function weightedFinish(view: WorkloadView): Move {
  const { deployment } = view
  if (deployment === undefined) return wait('the Deployment')
  const drift = templateDrift(view)
  if (drift !== undefined) return drift
  const [old, fresh] = [sideOf(view, 'stable'), sideOf(view, 'next')]
  const left = view.services.some((service) => !pinnedTo(service, fresh))
  // While users are bound to the old version, a hold that is gone was taken by a foreign apply, not by the finish.
  const over = !isHeld(deployment) && !view.services.some((service) => pinnedTo(service, old))
  if (over) return finishMove(view)
  // A step at 100% has led all of them there; pods may have gone, or been asked for, since.
  if (!left) return allReady(view) ?? finishMove(view)
  const all: Share = { percent: 100, mirror: 0 }
  const stands = begun(view) ?? unserved(view) ?? standing(view, all) ?? allReady(view)
  return stands ?? onOldOnly(view, all) ?? toNew(view) ?? done
}

/** Once a Service is on the new version the route is on its way back already. */
function onOldOnly(view: WorkloadView, share: Share): Move | undefined {
  const fresh = sideOf(view, 'next')
  const switched = (service: ServiceView): boolean => pinnedTo(service, fresh)
  return view.services.some(switched) ? undefined : routesAt(view, share)
}
