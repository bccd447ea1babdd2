import { expect } from 'vitest'
import type { Traffic } from '../../src/rollout/settings.ts'
import type { JsonMap, KubeObject } from '../../src/shared/objects.ts'
import type { Expectations } from '../invariants/rules.ts'
import { isServing, podsBehind, readyEndpoints } from '../invariants/snapshot.ts'
import { BESIDE, running, V2 } from './given.ts'
import { APP, type AppOptions, manifestsOf, NAMESPACE, type RunOptions, type World } from './world.ts'

/** Time in ms that a proxy may lag behind a route: Traefik's default throttle. */
const LAG_MS = 2_000
/** Time in ms until the gateway writes the route's status, always sooner than all of its proxies route that way. */
const STATUS_MS = 30

const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

const GROUP = 'gateway.networking.k8s.io'

const DEFINITION: JsonMap = {
  spec: {
    group: GROUP,
    scope: 'Namespaced',
    names: { plural: 'httproutes', singular: 'httproute', kind: 'HTTPRoute', listKind: 'HTTPRouteList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
}

/** A route as a team has it: one gateway, one path rule with a filter, and a rule that leads elsewhere. */
export function routeObject(): KubeObject {
  return {
    apiVersion: `${GROUP}/v1`,
    kind: 'HTTPRoute',
    metadata: { name: 'shop', namespace: NAMESPACE },
    spec: {
      parentRefs: [{ group: GROUP, kind: 'Gateway', name: 'public' }],
      hostnames: ['shop.test'],
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: '/' } }],
          filters: [
            { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x-via', value: 'gw' }] } },
          ],
          backendRefs: [{ group: '', kind: 'Service', name: APP, port: 80, weight: 1 }],
        },
        {
          matches: [{ path: { type: 'PathPrefix', value: '/static' } }],
          backendRefs: [{ group: '', kind: 'Service', name: 'static', port: 80, weight: 1 }],
        },
      ],
    },
  }
}

interface Backend {
  service: string
  weight: number
}

export interface Rule {
  matches?: { headers?: { type: string; name: string; value: string }[] }[]
  filters?: { type: string; requestMirror?: { backendRef: { name: string; port: number }; percent?: number } }[]
  backendRefs: { name: string; weight?: number; port?: number }[]
}

export function rulesIn(spec: unknown): Rule[] {
  return (spec as { rules?: Rule[] }).rules ?? []
}

/** Ends of a path that a request of users may take now. */
function backendsOf(spec: unknown): Backend[] {
  return rulesIn(spec).flatMap(({ backendRefs }) =>
    backendRefs.map(({ name, weight = 1 }) => ({ service: name, weight })),
  )
}

/** Services that the route names, copies included. */
function namesIn(spec: unknown): string[] {
  const copies = rulesIn(spec).flatMap(({ filters = [] }) =>
    filters.flatMap(({ requestMirror }) => requestMirror?.backendRef.name ?? []),
  )
  return [...backendsOf(spec).map(({ service }) => service), ...copies]
}

/** What a gateway makes of a route: it takes it, says no, or does not look at it at all. */
type Answer = 'takes it' | 'does not accept it' | 'does not resolve it' | 'says nothing'

/** A gateway that reads HTTPRoutes: its status comes soon, what it does up to two seconds later. */
export class Gateway {
  /** what went wrong for users, each once */
  readonly lost = new Set<string>()
  /** instants at which one Service led to pods of several versions */
  readonly mixed = new Set<string>()
  answer: Answer = 'takes it'
  /** ms from a change of the route to its status; its proxies have it up to two seconds later */
  statusMs = STATUS_MS
  /** whose gateway it is: not all of them can copy requests */
  readonly #controller: string
  readonly #name: string
  readonly #world: World
  #tables: { spec: unknown; until: number }[] = []
  #spec: unknown
  #seen = ''
  #told = ''

  constructor(world: World, controller = 'traefik.io/gateway-controller', name = 'shop') {
    this.#world = world
    this.#name = name
    this.#controller = controller
    world.emulator.observe(() => this.#look())
  }

  /** The route, with its status, once the kind is served. */
  static async standing(world: World, object = routeObject(), controller?: string): Promise<Gateway> {
    world.emulator.registerKind(DEFINITION)
    const gateway = new Gateway(world, controller, object.metadata.name)
    world.kubectlApply(object)
    await world.clock.advance(LAG_MS)
    return gateway
  }

  get route(): KubeObject {
    const found = this.#route
    if (found === undefined) throw new Error('no route')
    return found
  }

  get #route(): KubeObject | undefined {
    return this.#world.emulator.get('httproutes', NAMESPACE, this.#name)
  }

  get rules(): Rule[] {
    return rulesIn(this.route['spec'])
  }

  /** Weights of the rule that leads to the app, by Service. */
  get weights(): Record<string, number> {
    return this.weightsOf(APP)
  }

  weightsOf(service: string): Record<string, number> {
    // Rules of kept versions stand before it.
    const main = this.rules.findLast(({ backendRefs }) => backendRefs[0]?.name === service)
    return Object.fromEntries((main?.backendRefs ?? []).map(({ name, weight = 1 }) => [name, weight]))
  }

  #look(): void {
    const { clock } = this.#world
    const live = this.#route
    const seen = live === undefined ? '' : `${live.metadata.uid ?? ''}/${live.metadata.generation ?? 0}`
    if (seen !== this.#seen) {
      if (this.#spec !== undefined) this.#tables.push({ spec: this.#spec, until: clock.now() + this.statusMs + LAG_MS })
      this.#spec = live === undefined ? undefined : structuredClone(live['spec'])
      this.#seen = seen
    }
    const missing = namesIn(this.#spec ?? {}).filter((name) => !this.#has(name))
    const tell = `${seen} ${this.answer} ${missing.join(' ')}`
    if (live !== undefined && tell !== this.#told && this.answer !== 'says nothing') {
      this.#told = tell
      clock.timer(this.statusMs, () => this.#report(live, tell))
    }
    this.#judge()
  }

  /** What the other rule leads to is none of the tests' business. */
  #has(service: string): boolean {
    return service === 'static' || this.#world.service(service) !== undefined
  }

  /** Every Service that some proxy may still send to must have an endpoint that serves. */
  #judge(): void {
    const now = this.#world.clock.now()
    this.#tables = this.#tables.filter(({ until }) => until > now)
    const specs = [this.#spec ?? {}, ...this.#tables.map(({ spec }) => spec)]
    const snapshot = this.#world.snapshot()
    for (const { service, weight } of specs.flatMap(backendsOf)) {
      if (weight === 0 || service === 'static') continue
      const live = snapshot.services.find(({ metadata }) => metadata.name === service)
      if (live === undefined) this.lost.add(`a route gives a weight to Service ${service}, which is not there: 500`)
      else if (readyEndpoints(snapshot, NAMESPACE, service) === 0 || podsBehind(snapshot, live).length === 0)
        this.lost.add(`a route gives a weight to Service ${service}, which has no endpoint: 503`)
    }
    for (const service of snapshot.services) {
      const pods = podsBehind(snapshot, service).filter((pod) => isServing(pod, snapshot.at, 0))
      const versions = new Set(pods.map(({ spec }) => spec.containers[0]?.image?.split(':')[1] ?? ''))
      if (versions.size > 1) this.mixed.add(`Service ${service.metadata.name} leads to ${[...versions].join(' and ')}`)
    }
  }

  #report({ metadata }: KubeObject, tell: string): void {
    const live = this.#route
    if (live === undefined || this.#told !== tell || live.metadata.uid !== metadata.uid) return
    if (this.answer === 'says nothing') {
      this.#told = ''
      return
    }
    const names = namesIn(live['spec'])
    const missing = names.find((name) => !this.#has(name) || this.answer === 'does not resolve it')
    const { parentRefs } = live['spec'] as { parentRefs: JsonMap[] }
    const condition = (type: string, reason: string, message: string): JsonMap => ({
      type,
      status: reason === type ? 'True' : 'False',
      reason,
      message,
      observedGeneration: metadata.generation ?? 0,
      lastTransitionTime: new Date(this.#world.clock.now()).toISOString(),
    })
    const parents = parentRefs.map((parentRef) => ({
      parentRef,
      controllerName: this.#controller,
      conditions: [
        this.answer === 'does not accept it'
          ? condition('Accepted', 'NoMatchingListenerHostname', 'no listener takes shop.test')
          : condition('Accepted', 'Accepted', ''),
        missing === undefined
          ? condition('ResolvedRefs', 'ResolvedRefs', '')
          : condition('ResolvedRefs', 'BackendNotFound', `service ${missing} not found`),
      ],
    }))
    this.#world.emulator.patch('httproutes', NAMESPACE, this.#name, { status: { parents } }, 'traefik', 'status')
  }
}

/** How the config of a team says it. */
export function trafficOf(more: Partial<Traffic> = {}): Traffic {
  return { router: 'auto', routes: [], match: [], pods: 'share', onDrift: 'stop', weights: [], ...more }
}

/** A deploy of a version through the route. */
export function routedCanary(plan: string, more: RunOptions = {}): RunOptions {
  return { strategy: 'canary', plan, objects: manifestsOf({ version: V2 }), ...more }
}

export interface Routed {
  world: World
  gateway: Gateway
}

export interface Given {
  judged?: Expectations
  app?: Partial<AppOptions>
  route?: KubeObject
  controller?: string
}

/** Version 0.1.0 runs, and users come by the route. */
export async function routed({ judged = BESIDE, app = {}, route, controller }: Given = {}): Promise<Routed> {
  const world = await running({ judged, app })
  return { world, gateway: await Gateway.standing(world, route, controller) }
}

/** Version 0.2.0 has a share of the requests, and a person is asked. */
export async function resting(plan = '25%, approve', more: RunOptions = {}, given: Given = {}): Promise<Routed> {
  const { world, gateway } = await routed(given)
  const { result } = await world.run('deploy', routedCanary(plan, more))
  expect(result, result?.message).toMatchObject({ outcome: 'paused', exitCode: 3 })
  return { world, gateway }
}

/** Annotations of the route but kubectl's own. */
export function annotationsOf({ gateway }: Routed): Record<string, string> {
  const { [LAST_APPLIED]: _, ...others } = gateway.route.metadata.annotations ?? {}
  return others
}

/** Somebody else writes a part of the route's spec. */
export function writeRoute({ world }: Routed, spec: JsonMap, manager: string): void {
  world.emulator.patch('httproutes', NAMESPACE, 'shop', { spec }, manager)
}

/** No request met a Service without pods, no user the other version by chance, and nothing broke an invariant. */
export function expectNothingLost({ world, gateway }: Routed): void {
  expect([...gateway.lost]).toEqual([])
  expect([...gateway.mixed]).toEqual([])
  expect(world.breaches).toEqual([])
  expect(world.emulator.defects).toEqual([])
}
