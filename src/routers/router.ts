import type { JsonPatchOperation } from '../shared/json-patch.ts'
import { pointer } from '../shared/json-patch.ts'
import { isMap, jsonEquals } from '../shared/json.ts'
import { type Json, type JsonMap, keyOf, type KubeObject, refOf } from '../shared/objects.ts'

export const ROUTERS = ['gateway-api', 'nginx', 'istio', 'traefik', 'alb', 'generic'] as const
export type RouterName = (typeof ROUTERS)[number]

/** One thing that a request must have. Several values: any of them. */
export type Condition =
  | { kind: 'header' | 'cookie' | 'query'; name: string; values: string[] }
  /** the first language that the browser prefers, e.g. `de` or `de-CH` */
  | { kind: 'language'; values: string[] }
  /** the port that the client asked, and labels of the pod that asks: meshes only */
  | { kind: 'port'; port: number }
  | { kind: 'source'; labels: Record<string, string> }

/** All conditions of one match must hold; of several matches any one. */
export type Match = Condition[]

/** The same user stays on the same version, and only ever moves towards the new one. */
export type Sticky =
  /**
   * 256 buckets from the last two hex digits of an id; a user is on the new version when (bucket − offset) mod 256 is below
   * the share. Users without the id are on the old one.
   */
  | { by: 'bucket'; source: 'cookie' | 'header'; name: string; offset: number }
  /** the router's own cookie */
  | { by: 'router'; name: string }

/** An older version that stays reachable under its id. */
export interface Pin {
  id: string
  /** Service of the version's pods, by the name of the Service that users reach */
  services: Record<string, string>
  header?: string
  query?: string
  cookie?: string
}

/** The ways in which a request may name a kept version; any of them. */
export function pinMatches({ id, header, query, cookie }: Pin): Match[] {
  const named = { header, query, cookie }
  return (['header', 'query', 'cookie'] as const).flatMap((kind) => {
    const name = named[kind]
    return name === undefined ? [] : [[{ kind, name, values: [id] }]]
  })
}

/** A Service that users reach through the route, and the one that leads to the new version alone. */
export interface Side {
  stable: string
  canary: string
  /** ports of the stable Service */
  ports: { name?: string; port: number }[]
}

/** How a route is to part the requests of its users. */
export interface Split {
  sides: Side[]
  /** percent of the requests that the new version answers, 0 to 100 */
  percent: number
  /** percent of the requests that are copied to the new version, whose answers nobody sees */
  mirror: number
  match: Match[]
  sticky?: Sticky
  pins: Pin[]
  /** nginx: what its annotations begin with */
  prefix?: string
  /** generic: where the weights stand */
  weights?: WeightPaths
  /** labels of what is made for the rollout */
  labels: Record<string, string>
}

/** Paths from the object's root to its weight fields, e.g. `spec.http[0].backends[1].weight`. */
export interface WeightPaths {
  stable: string
  canary: string
  /** what both weights sum up to */
  total: number
}

/** A route as it was before the rollout, with what else its router looks at in the namespace. */
export interface Route {
  object: KubeObject
  related: KubeObject[]
}

/** Why a route cannot do what is asked. */
export interface Problem {
  reason: string
  mend: string
}

/** What the router says of an object that was written. */
export type Verdict =
  | { kind: 'live' }
  | { kind: 'waiting'; text: string }
  | { kind: 'refused'; text: string }
  /** nothing in the cluster tells: only time, or a request, does */
  | { kind: 'unknown' }

export interface ObjectKind {
  apiVersion: string
  kind: string
}

/**
 * What is known of one kind of router. It never acts and keeps nothing: what the route was before is kept in the payload,
 * so that putting it back needs no word of the router.
 */
export interface Router {
  readonly name: RouterName
  /** kinds of route, in the order in which they are looked for; of one kind the first version that is served */
  readonly kinds: readonly ObjectKind[]
  /** other kinds that belong to a route */
  readonly related: readonly ObjectKind[]
  /** `wanted` reads them too, so that they are kept with the route as they were */
  readonly copiesRelated?: true
  /** kinds of what `wanted` makes beside the route */
  readonly makes?: readonly ObjectKind[]
  /** ms from a write until every proxy has it, once nothing says more */
  readonly settleMs: number
  /** targets are registered with a balancer: the Service must be in the route before its pods come */
  readonly registersPods?: true
  /** one word for people to what it cannot do for good, e.g. a controller that is retired */
  readonly notice?: string
  /** told where the router is not named: this route is read by it, e.g. by its class; absent: the kind says so */
  mine?(route: Route): boolean
  /** the route sends requests to the Service */
  leadsTo(route: Route, service: string): boolean
  /** what keeps this route from such a split, told before the start */
  problems(route: Route, split: Split): Problem[]
  /**
   * The objects as they should be, in the order in which they are written: the route itself, and objects that are made
   * for the rollout. Taken away in the reverse order.
   */
  wanted(route: Route, split: Split): KubeObject[]
  verify(live: KubeObject): Verdict
  /** the route with rules for older versions and nothing else changed; absent where the router cannot pin */
  withPins?(object: KubeObject, split: Split): KubeObject
  /** the route without rules that lead to these Services alone: the inverse of `withPins` */
  withoutPins?(object: KubeObject, services: readonly string[]): KubeObject
}

/** The route and everything that may be made beside it, in the order of writing, each once. */
export function allObjects(router: Router, route: Route, split: Omit<Split, 'percent' | 'mirror'>): KubeObject[] {
  const shares = [50, 0].flatMap((mirror) => router.wanted(route, { ...split, percent: 50, mirror }))
  return [...new Map(shares.map((object) => [keyOf(refOf(object)), object])).values()]
}

/** Every field that is wanted is there; what the server adds to a mapping by itself does not count. */
export function covers(live: Json | undefined, wanted: Json | undefined): boolean {
  if (wanted === undefined) return true
  if (Array.isArray(wanted))
    return Array.isArray(live) && live.length === wanted.length && wanted.every((item, at) => covers(live[at], item))
  if (isMap(wanted)) return isMap(live) && Object.entries(wanted).every(([key, value]) => covers(live[key], value))
  return jsonEquals(live, wanted)
}

export function mapAt(value: Json | undefined, ...path: string[]): JsonMap {
  let at: Json | undefined = value
  for (const key of path) at = isMap(at) ? at[key] : undefined
  return isMap(at) ? at : {}
}

export function textOf(value: Json | undefined, otherwise = ''): string {
  return typeof value === 'string' ? value : otherwise
}

export function mapsIn(value: Json | undefined): JsonMap[] {
  return Array.isArray(value) ? value.filter((item) => isMap(item)) : []
}

/** Annotations of Headgate's own on a route are not the route's content. */
const OWN = 'headgate.dev/'

/** The spec and the foreign annotations of a route are what it is; labels and status are not looked at. */
export function isAsWanted(live: KubeObject | undefined, wanted: KubeObject): boolean {
  if (live === undefined) return false
  const annotations = foreign(wanted.metadata.annotations)
  return covers(live['spec'], wanted['spec']) && covers(live.metadata.annotations ?? {}, annotations)
}

/** Nothing more and nothing less than before: what a restored route must be. */
export function isAsBefore(live: KubeObject | undefined, before: KubeObject): boolean {
  if (live === undefined) return false
  const same = jsonEquals(live['spec'], before['spec'])
  return same && jsonEquals(foreign(live.metadata.annotations), foreign(before.metadata.annotations))
}

function foreign(annotations: Record<string, string> | undefined): Record<string, string> {
  const own = Object.entries(annotations ?? {}).filter(([key]) => !key.startsWith(OWN))
  // What kubectl remembers of its last apply says nothing about how requests go.
  return Object.fromEntries(own.filter(([key]) => key !== 'kubectl.kubernetes.io/last-applied-configuration'))
}

/** The patch from what is live to what is wanted: keys of the spec that differ, and single annotations. */
export function changes(live: KubeObject, wanted: KubeObject): JsonPatchOperation[] {
  const operations: JsonPatchOperation[] = []
  const [now, next] = [mapAt(live, 'spec'), mapAt(wanted, 'spec')]
  for (const [key, value] of Object.entries(next))
    if (value !== undefined && !jsonEquals(now[key], value))
      operations.push({ op: 'add', path: pointer('spec', key), value })
  for (const key of Object.keys(now))
    if (next[key] === undefined) operations.push({ op: 'remove', path: pointer('spec', key) })
  return [
    ...operations,
    ...annotationChanges(foreign(live.metadata.annotations), foreign(wanted.metadata.annotations), live),
  ]
}

function annotationChanges(
  now: Record<string, string>,
  next: Record<string, string>,
  live: KubeObject,
): JsonPatchOperation[] {
  const set = Object.entries(next).filter(([key, value]) => now[key] !== value)
  const gone = Object.keys(now).filter((key) => next[key] === undefined)
  if (live.metadata.annotations === undefined)
    return set.length === 0 ? [] : [{ op: 'add', path: '/metadata/annotations', value: Object.fromEntries(set) }]
  return [
    ...set.map(([key, value]) => ({ op: 'add' as const, path: pointer('metadata', 'annotations', key), value })),
    ...gone.map((key) => ({ op: 'remove' as const, path: pointer('metadata', 'annotations', key) })),
  ]
}

/** An object that is made for a rollout. */
export function made(kind: ObjectKind, name: string, route: Route, split: Split, spec: JsonMap): KubeObject {
  const { namespace } = route.object.metadata
  return {
    ...kind,
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), labels: split.labels },
    spec,
  }
}
