import type { Condition as StatusCondition, JsonMap, KubeObject } from '../shared/objects.ts'
import { destinationsOf, hostOf, hostsOf, isHost, renamed, sideOf } from './istio-hosts.ts'
import { canaryDestination, policies } from './istio-policy.ts'
import { virtualServiceProblems } from './istio-problems.ts'
import {
  mapAt,
  mapsIn,
  type ObjectKind,
  type Pin,
  type Route,
  type Router,
  type Side,
  type Split,
  type Verdict,
} from './router.ts'
import { canaryWays, parted, pinWays, type Way, weightPercent } from './ways.ts'

const GROUP = 'networking.istio.io'
const kindsOf = (kind: string): ObjectKind[] =>
  ['v1', 'v1beta1', 'v1alpha3'].map((version) => ({ apiVersion: `${GROUP}/${version}`, kind }))

/** VirtualService by two hosts; a DestinationRule of the stable host is copied for the new one, so that its policy holds. */
export const istio: Router = {
  name: 'istio',
  kinds: kindsOf('VirtualService'),
  related: kindsOf('DestinationRule'),
  copiesRelated: true,
  makes: [{ apiVersion: `${GROUP}/v1`, kind: 'DestinationRule' }],
  settleMs: 3_000,
  leadsTo: ({ object }, service) => destinationsOf(object).some((host) => isHost(host, service, object)),
  problems: virtualServiceProblems,
  // The host's policy first: a subset that no proxy knows yet is answered with 503.
  wanted: (route, split) => [...policies(route, split), edited(route, split)],
  verify,
  withPins: (object, split) =>
    withHttp(object, (rule) => {
      const side = sideOf(rule, split, object)
      return side === undefined ? [rule] : [...split.pins.flatMap((pin) => pinRules(rule, side, pin, object)), rule]
    }),
  withoutPins: (object, services) =>
    withHttp(object, (rule) => {
      const hosts = hostsOf(rule)
      const only = hosts.length > 0 && hosts.every((host) => services.some((service) => isHost(host, service, object)))
      return only ? [] : [rule]
    }),
}

function withHttp(object: KubeObject, change: (rule: JsonMap) => JsonMap[]): KubeObject {
  const spec = mapAt(object, 'spec')
  return spec['http'] === undefined
    ? object
    : { ...object, spec: { ...spec, http: mapsIn(spec['http']).flatMap(change) } }
}

function edited(route: Route, split: Split): KubeObject {
  const first = withHttp(route.object, (rule) => httpRules(rule, route, split))
  const spec = mapAt(first, 'spec')
  const others = (['tcp', 'tls'] as const).flatMap((protocol) =>
    spec[protocol] === undefined
      ? []
      : [[protocol, mapsIn(spec[protocol]).map((rule) => weighted(rule, route, split))]],
  )
  return { ...first, spec: { ...spec, ...Object.fromEntries(others) } }
}

/** The first rule that matches wins, so what is special stands before. */
function httpRules(rule: JsonMap, route: Route, split: Split): JsonMap[] {
  const { object } = route
  const side = sideOf(rule, split, object)
  if (side === undefined) return [rule]
  const to = canaryDestination(stableOf(rule, side, object), route, side)
  const pins = split.pins.flatMap((pin) => pinRules(rule, side, pin, object))
  const special = leadingTo(rule, canaryWays(split), stableOf(rule, side, object), to)
  const main = weighted(rule, route, split)
  if (split.mirror === 0) return [...pins, ...special, main]
  const copy = { destination: to, percentage: { value: split.mirror } }
  return [...pins, ...special, { ...main, mirrors: [...mapsIn(rule['mirrors']), copy] }]
}

function stableOf(rule: JsonMap, { stable }: Side, object: KubeObject): JsonMap {
  return mapsIn(rule['route']).find((each) => isHost(hostOf(each), stable, object)) ?? {}
}

/** The rule for requests that come by one of these ways, with one destination; what stands beside it stays. */
function leadingTo(rule: JsonMap, ways: Way[], { weight: _weight, ...from }: JsonMap, destination: JsonMap): JsonMap[] {
  if (ways.length === 0) return []
  const { name: _name, ...rest } = rule
  return [{ ...rest, match: ways.flatMap((way) => withWay(rule, way)), route: [{ ...from, destination }] }]
}

/** Without a subset: no DestinationRule is kept for a version that is. */
function pinRules(rule: JsonMap, side: Side, pin: Pin, object: KubeObject): JsonMap[] {
  const service = pin.services[side.stable]
  if (service === undefined) return []
  const from = stableOf(rule, side, object)
  const { subset: _subset, ...destination } = mapAt(from, 'destination')
  return leadingTo(rule, pinWays(pin), from, { ...destination, host: renamed(destination['host'], service) })
}

function weighted(rule: JsonMap, route: Route, split: Split): JsonMap {
  const side = sideOf(rule, split, route.object)
  if (side === undefined) return rule
  const parts = parted(mapsIn(rule['route']), {
    percent: weightPercent(split),
    // Beside others a destination without a weight has none.
    weightOf: ({ weight }) => (typeof weight === 'number' ? weight : 0),
    canary: (each) =>
      isHost(hostOf(each), side.stable, route.object)
        ? { destination: canaryDestination(each, route, side) }
        : undefined,
  })
  return { ...rule, route: parts }
}

/** Each match of the rule, or the one of a rule without any, asking for more; names in lower case, as Envoy has them. */
function withWay(rule: JsonMap, { headers, queries, ports, labels }: Way): JsonMap[] {
  const matches = mapsIn(rule['match'])
  const added = headers.map(({ name, exact, pattern }): [string, JsonMap] => [
    name.toLowerCase(),
    exact === undefined ? { regex: pattern ?? '' } : { exact },
  ])
  const asked = queries.map(({ name, value }): [string, JsonMap] => [name, { exact: value }])
  return (matches.length === 0 ? [{}] : matches).map(({ name: _name, ...match }: JsonMap) => ({
    ...match,
    ...merged('headers', match, Object.fromEntries(added)),
    ...merged('queryParams', match, Object.fromEntries(asked)),
    ...merged('sourceLabels', match, labels),
    ...(ports[0] === undefined ? {} : { port: ports[0] }),
  }))
}

function merged(key: string, match: JsonMap, more: JsonMap): JsonMap {
  return Object.keys(more).length === 0 ? {} : { [key]: { ...mapAt(match, key), ...more } }
}

/** Istio writes a status only where it is told to, and an old one may be left behind. */
function verify(live: KubeObject): Verdict {
  const status = mapAt(live, 'status')
  const conditions = mapsIn(status['conditions']) as StatusCondition[]
  const reconciled = conditions.find(({ type }) => type === 'Reconciled')
  const seen = Number(reconciled?.['observedGeneration'] ?? status['observedGeneration'] ?? Number.NaN)
  if (reconciled === undefined || !(seen >= (live.metadata.generation ?? 0))) return { kind: 'unknown' }
  return reconciled.status === 'True'
    ? { kind: 'live' }
    : { kind: 'waiting', text: 'every proxy to take the VirtualService' }
}
