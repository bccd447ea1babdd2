import type { JsonMap, KubeObject } from '../../src/shared/objects.ts'
import { podsBehind, readyEndpoints } from '../invariants/snapshot.ts'
import { APP, NAMESPACE, type World } from './world.ts'

/** Time in ms that a proxy may lag behind a route: Traefik's default throttle. */
const LAG_MS = 2_000
/** Time in ms until the gateway writes the route's status, always sooner than it routes that way. */
const STATUS_MS = 30

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
          filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x-via', value: 'gw' }] } }],
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

/** Ends of a path that a request of users may take now. */
function backendsOf(spec: unknown): Backend[] {
  const { rules = [] } = spec as { rules?: { backendRefs?: { name?: string; weight?: number }[] }[] }
  return rules.flatMap(({ backendRefs = [] }) =>
    backendRefs.map(({ name = '', weight = 1 }) => ({ service: name, weight })),
  )
}

/** A gateway that reads HTTPRoutes: its status comes soon, what it does up to two seconds later. */
export class Gateway {
  /** what went wrong for users, each once */
  readonly lost = new Set<string>()
  readonly #world: World
  readonly #tables = new Map<string, { spec: unknown; until: number }>()
  #spec: unknown
  #generation = 0

  constructor(world: World) {
    this.#world = world
    world.emulator.observe(() => this.#look())
  }

  /** The route, with its status, once the kind is served. */
  static async standing(world: World, object: KubeObject = routeObject()): Promise<Gateway> {
    world.emulator.registerKind(DEFINITION)
    const gateway = new Gateway(world)
    world.emulator.create(object, 'kubectl')
    await world.clock.advance(LAG_MS)
    return gateway
  }

  get route(): KubeObject {
    const found = this.#world.emulator.get('httproutes', NAMESPACE, 'shop')
    if (found === undefined) throw new Error('no route')
    return found
  }

  /** Weights of the rule that leads to the app, by Service. */
  get weights(): Record<string, number> {
    const { rules } = this.route['spec'] as { rules: { backendRefs: { name: string; weight?: number }[] }[] }
    const main = rules.find(({ backendRefs }) => backendRefs[0]?.name === APP)
    return Object.fromEntries((main?.backendRefs ?? []).map(({ name, weight = 1 }) => [name, weight]))
  }

  #look(): void {
    const { clock } = this.#world
    const live = this.#world.emulator.get('httproutes', NAMESPACE, 'shop')
    if (live !== undefined && live.metadata.generation !== this.#generation) {
      const generation = live.metadata.generation ?? 0
      if (this.#spec !== undefined)
        this.#tables.set(String(this.#generation), { spec: this.#spec, until: clock.now() + LAG_MS })
      this.#spec = structuredClone(live['spec'])
      this.#generation = generation
      clock.timer(STATUS_MS, () => this.#report(generation))
    }
    this.#judge()
  }

  /** Every Service that some proxy may still send to must have an endpoint that serves. */
  #judge(): void {
    const now = this.#world.clock.now()
    const specs = [this.#spec, ...[...this.#tables.values()].flatMap(({ spec, until }) => (until > now ? [spec] : []))]
    const snapshot = this.#world.snapshot()
    for (const { service, weight } of specs.flatMap((spec) => (spec === undefined ? [] : backendsOf(spec)))) {
      if (weight === 0 || service === 'static') continue
      const live = snapshot.services.find(({ metadata }) => metadata.name === service)
      if (live === undefined) this.lost.add(`a route gives a weight to Service ${service}, which is not there: 500`)
      else if (readyEndpoints(snapshot, NAMESPACE, service) === 0 || podsBehind(snapshot, live).length === 0)
        this.lost.add(`a route gives a weight to Service ${service}, which has no endpoint: 503`)
    }
  }

  #report(generation: number): void {
    const live = this.#world.emulator.get('httproutes', NAMESPACE, 'shop')
    if (live === undefined || live.metadata.generation !== generation) return
    const { parentRefs } = live['spec'] as { parentRefs: JsonMap[] }
    const condition = (type: string): JsonMap => ({
      type,
      status: 'True',
      reason: type,
      message: '',
      observedGeneration: generation,
      lastTransitionTime: new Date(this.#world.clock.now()).toISOString(),
    })
    const parents = parentRefs.map((parentRef) => ({
      parentRef,
      controllerName: 'traefik.io/gateway-controller',
      conditions: [condition('Accepted'), condition('ResolvedRefs')],
    }))
    this.#world.emulator.patch('httproutes', NAMESPACE, 'shop', { status: { parents } }, 'traefik', 'status')
  }
}
