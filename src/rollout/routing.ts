import { routerNamed } from '../routers/all.ts'
import type { Route, Router, Split } from '../routers/router.ts'
import { keyOf, type KubeObject, type ObjectRef, refOf, type ServicePort } from '../shared/objects.ts'
import { APP_LABEL, canaryName } from '../strategies/services.ts'
import type { RouteObject, Routing } from '../strategies/view.ts'
import type { Payload } from './codec.ts'
import type { RolloutRecord, TrafficRecord } from './record.ts'
import type { World } from './world.ts'

/** The routes of a rollout, from its record and payload. */
export interface Traffic {
  record: TrafficRecord
  router: Router
  routes: Route[]
  split: Routing['split']
}

export function trafficOf(record: RolloutRecord, payload: Payload): Traffic | undefined {
  const { traffic, app } = record
  if (traffic === undefined) return undefined
  const { sticky, prefix, weights, match, pins } = traffic
  const sides = record.services
    .filter(({ namespace, name }) => traffic.services.includes(`${namespace}/${name}`))
    .map(({ name, ports }) => ({ stable: name, canary: canaryName(name), ports: ports.map(portOf) }))
  return {
    record: traffic,
    router: routerNamed(traffic.router),
    routes: traffic.routes.flatMap((key) => payload.routes?.[key] ?? []),
    split: {
      sides,
      match,
      pins,
      ...(sticky === undefined ? {} : { sticky }),
      ...(prefix === undefined ? {} : { prefix }),
      ...(weights === undefined ? {} : { weights }),
      labels: { [APP_LABEL]: app },
    },
  }
}

function portOf({ name, port }: ServicePort): Split['sides'][number]['ports'][number] {
  return { port, ...(name === undefined ? {} : { name }) }
}

/** The routes, and what is made for the rollout beside them. */
export function routeObjects({ router, routes, split }: Traffic): KubeObject[] {
  const all = routes.flatMap((route) => [route.object, ...router.wanted(route, { ...split, percent: 50, mirror: 0 })])
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
    if (live === undefined || router.verify(live).kind !== 'live') return written ?? this.#since
    const token = String(live.metadata.generation ?? '')
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
  const first = record.plan.findIndex(({ kind }) => kind === 'weight' || kind === 'mirror')
  return {
    router,
    routes,
    live,
    split,
    settleMs: traffic.record.settleMs,
    pods: traffic.record.pods,
    onDrift: traffic.record.onDrift,
    begun: first >= 0 && record.step > first,
  }
}
