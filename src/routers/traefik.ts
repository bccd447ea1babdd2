import type { JsonMap, KubeObject } from '../shared/objects.ts'
import { mapAt, mapsIn, type Route, type Router, type Split } from './router.ts'
import {
  cookieOf,
  INGRESS_ROUTE,
  isIngressRoute,
  isService,
  listsOf,
  madeEntry,
  mirrors,
  nameFor,
  partedEntries,
  routesOf,
  SERVICE,
  sideOf,
  stickies,
  unweighted,
  withLists,
} from './traefik-entries.ts'
import { traefikProblems } from './traefik-problems.ts'
import { CANARY_ABOVE, pinRoute, specialRoute } from './traefik-rules.ts'
import { canaryWays } from './ways.ts'

/** Traefik's own kinds: weights in a TraefikService, or among the services of an IngressRoute. */
export const traefik: Router = {
  name: 'traefik',
  kinds: [SERVICE, INGRESS_ROUTE],
  related: [INGRESS_ROUTE],
  makes: [SERVICE],
  settleMs: 3_000,
  leadsTo: ({ object }, service) =>
    [...listsOf(object).flat(), ...unweighted(object)].some((entry) => isService(entry, service, object)),
  problems: traefikProblems,
  wanted: (route, split) => [...mirrors(route, split), ...stickies(route, split), edited(route, split)],
  // Neither kind has a status.
  verify: () => ({ kind: 'unknown' }),
  withPins: (object, split) =>
    withRoutes(object, (rule) => {
      const side = sideOf(mapsIn(rule['services']), split, object)
      return side === undefined ? [rule] : [...split.pins.flatMap((pin) => pinRoute(rule, side, pin, object)), rule]
    }),
  withoutPins: (object, services) => withRoutes(object, (rule) => (leadsOnlyTo(rule, services) ? [] : [rule])),
}

function withRoutes(object: KubeObject, change: (rule: JsonMap) => JsonMap[]): KubeObject {
  if (!isIngressRoute(object)) return object
  return { ...object, spec: { ...mapAt(object, 'spec'), routes: routesOf(object).flatMap(change) } }
}

function leadsOnlyTo(rule: JsonMap, services: readonly string[]): boolean {
  const entries = mapsIn(rule['services'])
  return entries.length > 0 && entries.every(({ name }) => typeof name === 'string' && services.includes(name))
}

function edited(route: Route, split: Split): KubeObject {
  const { object } = route
  if (isIngressRoute(object)) return withRoutes(object, (rule) => newRoutes(rule, route, split))
  // A cookie that is there already does the same, and users hold it.
  const sticky = split.sticky?.by === 'router' ? { sticky: cookieOf(split.sticky.name, false) } : {}
  return withLists(object, (list) => {
    const entries = mapsIn(list['services'])
    if (sideOf(entries, split, object) === undefined) return list
    return { ...sticky, ...list, services: partedEntries(entries, route, split) }
  })
}

function newRoutes(rule: JsonMap, route: Route, split: Split): JsonMap[] {
  const { object } = route
  const entries = mapsIn(rule['services'])
  const side = sideOf(entries, split, object)
  if (side === undefined) return [rule]
  const pins = split.pins.flatMap((pin) => pinRoute(rule, side, pin, object))
  const special = specialRoute(rule, canaryWays(split), CANARY_ABOVE, side, side.canary, object)
  const services =
    split.sticky?.by === 'router'
      ? [madeEntry(nameFor('sticky', entries, object, side))]
      : partedEntries(entries, route, split)
  return [...pins, ...special, { ...rule, services }]
}
