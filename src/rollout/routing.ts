import { releaseName } from '../manifests/digest.ts'
import { routerNamed } from '../routers/all.ts'
import { allObjects, type Pin, type Route, type Router, type Split } from '../routers/router.ts'
import { keyOf, type KubeObject, type ObjectRef, refOf, type ServicePort } from '../shared/objects.ts'
import { APP_LABEL, canaryName } from '../strategies/services.ts'
import type { RouteObject, Routing } from '../strategies/view.ts'
import type { Payload } from './codec.ts'
import type { KeptVersion, ReleaseRef, RolloutRecord, TrafficRecord } from './record.ts'
import type { World } from './world.ts'

/** The routes of a rollout, from its record and payload. */
export interface Traffic {
  record: TrafficRecord
  router: Router
  /** without the rules of kept versions */
  routes: Route[]
  /** as they were, with them */
  before: ReadonlyMap<string, KubeObject>
  split: Routing['split']
}

export function trafficOf(record: RolloutRecord, payload: Payload): Traffic | undefined {
  const { traffic, app } = record
  if (traffic === undefined) return undefined
  const { sticky, prefix, weights, match } = traffic
  const router = routerNamed(traffic.router)
  const kept = record.kept ?? []
  const before = traffic.routes.flatMap((key) => payload.routes?.[key] ?? [])
  const sides = record.services
    .filter(({ namespace, name }) => traffic.services.includes(`${namespace}/${name}`))
    .map(({ name, ports }) => ({ stable: name, canary: canaryName(name), ports: ports.map(portOf) }))
  return {
    record: traffic,
    router,
    routes: before.map((route) => ({ ...route, object: withoutKept(router, route.object, kept) })),
    before: byKey(before.map(({ object }) => object)),
    split: {
      sides,
      match,
      pins: [...kept, ...servingPin(record, traffic)],
      ...(sticky === undefined ? {} : { sticky }),
      ...(prefix === undefined ? {} : { prefix }),
      ...(weights === undefined ? {} : { weights }),
      labels: { [APP_LABEL]: app },
    },
  }
}

/** While steps run, old pages stay on the version that serves until then: it still stands behind its own Service. */
function servingPin({ serving, release, services }: RolloutRecord, { keep, services: led }: TrafficRecord): Pin[] {
  const id = serving === undefined ? undefined : idOf(serving)
  if (keep === undefined || id === undefined || id === idOf(release)) return []
  const { header, query, cookie } = keep
  const own = services.filter(({ namespace, name }) => led.includes(`${namespace}/${name}`))
  return [
    {
      id,
      services: Object.fromEntries(own.map(({ name }) => [name, name])),
      ...(header === undefined ? {} : { header }),
      ...(query === undefined ? {} : { query }),
      ...(cookie === undefined ? {} : { cookie }),
    },
  ]
}

/** What a release is called where versions are kept. */
export function idOf({ id, digest }: ReleaseRef): string {
  return id ?? releaseName(digest)
}

/** A route, live or of a release, without the rules that lead to kept versions. */
export function withoutKept(router: Router, object: KubeObject, kept: readonly KeptVersion[]): KubeObject {
  const services = kept.flatMap((version) => Object.values(version.services))
  return services.length === 0 || router.withoutPins === undefined ? object : router.withoutPins(object, services)
}

/** The same with the rules that lead to these versions, and only these. */
export function withKept(router: Router, plain: KubeObject, kept: readonly KeptVersion[]): KubeObject {
  if (kept.length === 0 || router.withPins === undefined) return plain
  const stables = [...new Set(kept.flatMap(({ services }) => Object.keys(services)))]
  const sides = stables.map((stable) => ({ stable, canary: canaryName(stable), ports: [] }))
  return router.withPins(plain, { sides, pins: [...kept], match: [], percent: 0, mirror: 0, labels: {} })
}

/** Objects of a release whose routes lead to kept versions as the live ones do: those in force, or the given ones. */
export function keptRoutes(
  objects: readonly KubeObject[],
  known: readonly KeptVersion[],
  kept: readonly KeptVersion[],
): KubeObject[] {
  return objects.map((object) => {
    const key = keyOf(refOf(object))
    const version = [...known, ...kept].find(({ routes }) => routes.includes(key))
    if (version === undefined) return object
    const router = routerNamed(version.router)
    return withKept(router, withoutKept(router, object, known), kept)
  })
}

function byKey(objects: KubeObject[]): Map<string, KubeObject> {
  return new Map(objects.map((object) => [keyOf(refOf(object)), object]))
}

function portOf({ name, port }: ServicePort): Split['sides'][number]['ports'][number] {
  return { port, ...(name === undefined ? {} : { name }) }
}

/** The routes, and what is made for the rollout beside them. */
export function routeObjects({ router, routes, split }: Traffic): KubeObject[] {
  const all = routes.flatMap((route) => [route.object, ...allObjects(router, route, split)])
  return [...new Map(all.map((object) => [keyOf(refOf(object)), object])).values()]
}

/** Watches the routes, and the endpoints of the Services that lead to the new version. */
export async function watchTraffic(world: World, traffic: Traffic, namespace: string): Promise<void> {
  await Promise.all([
    ...routeObjects(traffic).map((object) => world.watchObject(refOf(object))),
    ...traffic.split.sides.map(({ canary }) => world.watchEndpoints(namespace, canary)),
  ])
}

/** Since when each route is as its router says: what a status proves only then has time to reach every proxy. */
export class RouteClock {
  readonly #seen = new Map<string, { token: string; at: number }>()
  readonly #since: number

  /** @param since ms since 1970 that stands for what was so before this run looked; 0 when it rested */
  constructor(since: number) {
    this.#since = since
  }

  /** ms since 1970 of the last change of one object, by this run or by its router's word. */
  changedAt(ref: ObjectRef, live: KubeObject | undefined, { changedAt }: World, router: Router, now: number): number {
    const key = keyOf(ref)
    const written = changedAt.get(key)
    // What somebody else has written, or deleted, reaches the proxies no sooner than what this run writes.
    const taken = live !== undefined && router.verify(live).kind === 'live'
    const token = live === undefined ? '' : `${live.metadata.uid ?? ''} ${live.metadata.generation ?? ''} ${taken}`
    const known = this.#seen.get(key)
    if (known?.token !== token)
      this.#seen.set(key, { token, at: known === undefined && written === undefined ? this.#since : now })
    return Math.max(written ?? this.#since, this.#seen.get(key)?.at ?? 0)
  }
}

/** What a strategy sees of the routes. */
export function routingOf(
  traffic: Traffic,
  record: RolloutRecord,
  world: World,
  clock: RouteClock,
  now: number,
): Routing {
  const { router, routes, split } = traffic
  const live = new Map<string, RouteObject>()
  for (const object of routeObjects(traffic)) {
    const ref = refOf(object)
    const found = world.object(ref)
    const version = found?.metadata.resourceVersion
    live.set(keyOf(ref), {
      live: found,
      changedAt: clock.changedAt(ref, found, world, router, now),
      own: version !== undefined && world.written.get(keyOf(ref)) === version,
    })
  }
  // Where the settings keep nothing, what an earlier rollout kept stays until its time is over.
  const keeping = traffic.record.keeping ?? record.kept ?? []
  const first = record.plan.findIndex(({ kind }) => kind === 'weight' || kind === 'mirror')
  return {
    router,
    routes,
    before: traffic.before,
    after: byKey(routes.map(({ object }) => withKept(router, object, keeping))),
    live,
    split,
    settleMs: traffic.record.settleMs,
    pods: traffic.record.pods,
    onDrift: traffic.record.onDrift,
    begun: first >= 0 && record.step > first,
  }
}
