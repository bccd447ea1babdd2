import { jsonEquals } from '../shared/json.ts'
import type { JsonMap, KubeObject } from '../shared/objects.ts'
import { made, mapAt, mapsIn, type ObjectKind, type Route, type Side, type Split } from './router.ts'
import { parted, weightPercent } from './ways.ts'

const VERSION = 'traefik.io/v1alpha1'
export const SERVICE: ObjectKind = { apiVersion: VERSION, kind: 'TraefikService' }
export const INGRESS_ROUTE: ObjectKind = { apiVersion: VERSION, kind: 'IngressRoute' }

/** Lists of a TraefikService that have weights. */
const LISTS = ['weighted', 'highestRandomWeight'] as const

export function isIngressRoute({ kind }: KubeObject): boolean {
  return kind === INGRESS_ROUTE.kind
}

export function routesOf(object: KubeObject): JsonMap[] {
  return mapsIn(mapAt(object, 'spec')['routes'])
}

export function isService(entry: JsonMap, name: string, { metadata }: KubeObject): boolean {
  const here = entry['namespace'] === undefined || entry['namespace'] === metadata.namespace
  return here && (entry['kind'] ?? 'Service') === 'Service' && entry['name'] === name
}

export function sideOf(entries: readonly JsonMap[], split: Split, object: KubeObject): Side | undefined {
  return split.sides.find(({ stable }) => entries.some((entry) => isService(entry, stable, object)))
}

/** Lists of services with weights: of each route, or of a TraefikService. */
export function listsOf(object: KubeObject): JsonMap[][] {
  if (isIngressRoute(object)) return routesOf(object).map((rule) => mapsIn(rule['services']))
  const spec = mapAt(object, 'spec')
  return LISTS.flatMap((list) => (spec[list] === undefined ? [] : [mapsIn(mapAt(spec, list)['services'])]))
}

/** Where a TraefikService names a Service and has no weights: what is copied, or what stands in for another. */
export function unweighted(object: KubeObject): JsonMap[] {
  if (isIngressRoute(object)) return []
  const spec = mapAt(object, 'spec')
  const failover = mapAt(spec, 'failover')
  return [mapAt(spec, 'mirroring'), mapAt(failover, 'service'), mapAt(failover, 'fallback')]
}

/** The TraefikService with its lists changed. */
export function withLists(object: KubeObject, change: (list: JsonMap) => JsonMap): KubeObject {
  const spec = mapAt(object, 'spec')
  const lists = LISTS.flatMap((list) => (spec[list] === undefined ? [] : [[list, change(mapAt(spec, list))]]))
  return { ...object, spec: { ...spec, ...(Object.fromEntries(lists) as JsonMap) } }
}

export function weightOf({ weight }: JsonMap): number {
  return typeof weight === 'number' ? weight : 1
}

/** Both versions' entries; while requests are copied, something that copies them stands for the old one. */
export function partedEntries(entries: JsonMap[], { object }: Route, split: Split): JsonMap[] {
  const parts = parted(entries, {
    percent: weightPercent(split),
    weightOf,
    canary: (entry) => {
      const side = split.sides.find(({ stable }) => isService(entry, stable, object))
      return side === undefined ? undefined : { name: side.canary }
    },
  })
  if (split.mirror === 0) return parts
  return parts.map((entry) => {
    const side = split.sides.find(({ stable }) => isService(entry, stable, object))
    if (side === undefined) return entry
    return { ...madeEntry(nameFor('mirror', entries, object, side)), weight: entry['weight'] }
  })
}

export function madeEntry(name: string): JsonMap {
  return { name, kind: SERVICE.kind }
}

/** Routes that name a Service in different ways (ports, schemes) have an object each. */
export function nameFor(what: 'mirror' | 'sticky', entries: JsonMap[], object: KubeObject, { stable }: Side): string {
  const lists = listsOf(object).filter((list) => list.some((entry) => isService(entry, stable, object)))
  const different = lists.filter((list, at) => lists.findIndex((other) => jsonEquals(other, list)) === at)
  const at = different.findIndex((list) => jsonEquals(list, entries))
  return `${object.metadata.name ?? ''}-${stable}-${what}${at > 0 ? `-${at + 1}` : ''}`
}

/** A larger body is not copied: Traefik would hold all of it in memory. */
const LARGEST_COPY = 1024 * 1024

/** In the place of the old version: it answers, and copies go to the new one. */
export function mirrors(route: Route, split: Split): KubeObject[] {
  if (split.mirror === 0) return []
  return sidesOf(route, split).flatMap(({ side, entries }) => {
    const { weight: _weight, ...entry } = entries.find((each) => isService(each, side.stable, route.object)) ?? {}
    const copies = [{ ...entry, name: side.canary, percent: split.mirror }]
    const name = nameFor('mirror', entries, route.object, side)
    return [made(SERVICE, name, route, split, { mirroring: { ...entry, mirrors: copies, maxBodySize: LARGEST_COPY } })]
  })
}

/** The router's cookie stands in a TraefikService; an IngressRoute has no place for it. */
export function stickies(route: Route, split: Split): KubeObject[] {
  const { object } = route
  if (split.sticky?.by !== 'router' || !isIngressRoute(object)) return []
  const cookie = cookieOf(split.sticky.name, mapAt(object, 'spec')['tls'] !== undefined)
  return sidesOf(route, split).map(({ side, entries }) => {
    const weighted = { services: partedEntries(entries, route, split), sticky: cookie }
    return made(SERVICE, nameFor('sticky', entries, object, side), route, split, { weighted })
  })
}

export function cookieOf(name: string, secure: boolean): JsonMap {
  return { cookie: { name, httpOnly: true, ...(secure ? { secure } : {}), sameSite: 'lax', path: '/' } }
}

function sidesOf({ object }: Route, split: Split): { side: Side; entries: JsonMap[] }[] {
  const lists = listsOf(object)
  const different = lists.filter((list, at) => lists.findIndex((other) => jsonEquals(other, list)) === at)
  return different.flatMap((entries) => {
    const side = sideOf(entries, split, object)
    return side === undefined ? [] : [{ side, entries }]
  })
}
