import type { Client } from '../kubernetes/client.ts'
import { ApiError } from '../kubernetes/errors.ts'
import { ALL_ROUTERS, routerNamed } from '../routers/all.ts'
import type { ObjectKind, Route, Router } from '../routers/router.ts'
import type { Clock } from '../shared/clock.ts'
import { type KubeObject, keyOf, nameOf, refOf } from '../shared/objects.ts'
import type { Traffic } from './settings.ts'

/** Routes of one router that lead users to the Services. */
export interface FoundRoutes {
  router: Router
  routes: Route[]
}

/** What was found of routes before the start. */
export interface RouteSearch {
  /** the first is the one that is used; the others lead to the same Services past it */
  found: FoundRoutes[]
  /** kinds that the cluster does not serve, or that may not be listed */
  unread: { kind: ObjectKind; why: 'not-served' | 'forbidden' }[]
  /** `Kind/name` of those that are there and that the settings name, or that lead to the Services without being named */
  named: string[]
}

/** One list per kind and namespace, each once. */
class Kinds {
  readonly #client: Client
  readonly #namespace: string
  readonly #lists = new Map<string, Promise<KubeObject[] | 'not-served' | 'forbidden'>>()

  constructor(client: Client, namespace: string) {
    this.#client = client
    this.#namespace = namespace
  }

  list(kind: ObjectKind): Promise<KubeObject[] | 'not-served' | 'forbidden'> {
    const key = `${kind.apiVersion}|${kind.kind}`
    const known = this.#lists.get(key) ?? this.#read(kind)
    this.#lists.set(key, known)
    return known
  }

  async #read(kind: ObjectKind): Promise<KubeObject[] | 'not-served' | 'forbidden'> {
    try {
      if (!(await this.#client.discovery.serves(kind.apiVersion, kind.kind))) return 'not-served'
      return (await this.#client.list(kind, this.#namespace)).items
    } catch (error) {
      if (error instanceof ApiError && error.kind === 'not-found') return 'not-served'
      if (error instanceof ApiError && error.kind === 'forbidden') return 'forbidden'
      throw error
    }
  }
}

/** Looks for the routes that lead to any of the Services, as the settings say. Reads only. */
export async function findRoutes(
  client: Client,
  clock: Clock,
  namespace: string,
  services: readonly string[],
  traffic: Traffic,
): Promise<RouteSearch> {
  const search: RouteSearch = { found: [], unread: [], named: [] }
  if (traffic.router === 'none' || services.length === 0) return search
  const { router: asked } = traffic
  const auto = asked === 'auto'
  const routers = asked === 'auto' ? ALL_ROUTERS.filter(({ name }) => name !== 'generic') : [routerNamed(asked)]
  const kinds = new Kinds(client, namespace)
  for (const router of routers) {
    const routes = await routesOf(kinds, router, traffic, search)
    const leading = routes.filter(
      (route) =>
        services.some((service) => router.leadsTo(route, service)) && (!auto || router.mine?.(route) !== false),
    )
    const names = traffic.routes.length === 0 ? [] : leading.map(({ object }) => nameOf(refOf(object)))
    search.named = [...new Set([...search.named, ...names])]
    const own = leading.filter(
      ({ object }) => traffic.routes.length === 0 || traffic.routes.includes(nameOf(refOf(object))),
    )
    if (own.length > 0)
      search.found.push({
        router,
        routes: await Promise.all(own.map((route) => decided(client, clock, router, route))),
      })
  }
  return search
}

/** A gateway may need a moment for a route that was just written. */
const PATIENCE_MS = 5_000
const STEP_MS = 250

async function decided(client: Client, clock: Clock, router: Router, route: Route): Promise<Route> {
  let { object } = route
  for (let waited = 0; waited < PATIENCE_MS && router.verify(object).kind === 'waiting'; waited += STEP_MS) {
    // One that nobody has ever taken has no status; only one that is behind catches up.
    if (object['status'] === undefined) break
    await clock.sleep(STEP_MS)
    object = (await client.get<KubeObject>(refOf(object))) ?? object
  }
  return { ...route, object }
}

async function routesOf(kinds: Kinds, router: Router, traffic: Traffic, search: RouteSearch): Promise<Route[]> {
  const wanted = router.name === 'generic' ? traffic.weights : router.kinds
  const objects = new Map<string, KubeObject>()
  const served = new Set<string>()
  for (const kind of wanted) {
    // Of one kind the first version that is served.
    if (served.has(kind.kind) && router.name !== 'generic') continue
    const list = await kinds.list({ apiVersion: kind.apiVersion, kind: kind.kind })
    if (typeof list === 'string') search.unread.push({ kind, why: list })
    else {
      served.add(kind.kind)
      for (const object of list) if (isMeant(object, kind)) objects.set(keyOf(refOf(object)), object)
    }
  }
  for (const object of objects.values()) {
    const name = nameOf(refOf(object))
    if (traffic.routes.includes(name) && !search.named.includes(name)) search.named.push(name)
  }
  if (objects.size === 0) return []
  const related = (await Promise.all(router.related.map((kind) => kinds.list(kind)))).flatMap((list) =>
    typeof list === 'string' ? [] : list,
  )
  return [...objects.values()].map((object) => ({ object, related }))
}

/** The generic router is told one object of a kind by its name. */
function isMeant(object: KubeObject, kind: ObjectKind & { name?: string }): boolean {
  return kind.name === undefined || kind.name === object.metadata.name
}
