import type { Condition as StatusCondition, JsonMap, KubeObject } from '../shared/objects.ts'
import { bucketRule, type HeaderRule, headerRule } from './patterns.ts'
import { isHost, renamed } from './istio-hosts.ts'
import { alreadyThere } from './problems.ts'
import {
  made,
  mapAt,
  mapsIn,
  type Match,
  type ObjectKind,
  type Pin,
  pinMatches,
  type Problem,
  type Route,
  type Router,
  type Side,
  type Split,
  type Verdict,
} from './router.ts'

const GROUP = 'networking.istio.io'
const kindsOf = (kind: string): ObjectKind[] =>
  ['v1', 'v1beta1', 'v1alpha3'].map((version) => ({ apiVersion: `${GROUP}/${version}`, kind }))

const PROTOCOLS = ['http', 'tcp', 'tls'] as const

/** VirtualService by two hosts; a DestinationRule of the stable host is copied for the new one, so that its policy holds. */
export const istio: Router = {
  name: 'istio',
  kinds: kindsOf('VirtualService'),
  related: kindsOf('DestinationRule'),
  makes: [{ apiVersion: `${GROUP}/v1`, kind: 'DestinationRule' }],
  settleMs: 3_000,
  leadsTo: ({ object }, service) => destinationsOf(object).some((host) => isHost(host, service, object)),
  problems,
  // The destination's rule first: until it is known, its policy would not hold.
  wanted: (route, split) => [...destinationRules(route, split), edited(route, split)],
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

function hostOf(destination: JsonMap): string {
  return String(mapAt(destination, 'destination')['host'] ?? '')
}

function hostsOf(rule: JsonMap): string[] {
  return mapsIn(rule['route']).map(hostOf)
}

function rulesOf(object: KubeObject, protocol: (typeof PROTOCOLS)[number]): JsonMap[] {
  return mapsIn(mapAt(object, 'spec')[protocol])
}

function destinationsOf(object: KubeObject): string[] {
  return PROTOCOLS.flatMap((protocol) => rulesOf(object, protocol).flatMap(hostsOf))
}

function sideOf(rule: JsonMap, split: Split, object: KubeObject): Side | undefined {
  return split.sides.find(({ stable }) => hostsOf(rule).some((host) => isHost(host, stable, object)))
}

function withHttp(object: KubeObject, change: (rule: JsonMap) => JsonMap[]): KubeObject {
  const spec = mapAt(object, 'spec')
  return spec['http'] === undefined
    ? object
    : { ...object, spec: { ...spec, http: mapsIn(spec['http']).flatMap(change) } }
}

function edited({ object }: Route, split: Split): KubeObject {
  const first = withHttp(object, (rule) => httpRules(rule, split, object))
  const spec = mapAt(first, 'spec')
  const others = (['tcp', 'tls'] as const).flatMap((protocol) =>
    spec[protocol] === undefined
      ? []
      : [[protocol, mapsIn(spec[protocol]).map((rule) => weighted(rule, split, object))]],
  )
  return { ...first, spec: { ...spec, ...Object.fromEntries(others) } }
}

/** The first rule that matches wins, so what is special stands before. */
function httpRules(rule: JsonMap, split: Split, object: KubeObject): JsonMap[] {
  const side = sideOf(rule, split, object)
  if (side === undefined) return [rule]
  const pins = split.pins.flatMap((pin) => pinRules(rule, side, pin, object))
  const bucket = split.sticky?.by === 'bucket' ? bucketRule(split.sticky, split.percent) : undefined
  const matches =
    split.percent >= 100
      ? []
      : [
          ...split.match.flatMap((match) => withMatch(rule, match)),
          ...(bucket === undefined ? [] : withHeaders(rule, [bucket])),
        ]
  const special = matches.length === 0 ? [] : [leadingTo(rule, matches, side, side.canary, object)]
  const main = weighted(rule, split, object)
  if (split.mirror === 0) return [...pins, ...special, main]
  const copy = {
    destination: canaryDestination(stableOf(rule, side, object), side.canary),
    percentage: { value: split.mirror },
  }
  return [...pins, ...special, { ...main, mirrors: [...mapsIn(rule['mirrors']), copy] }]
}

function stableOf(rule: JsonMap, { stable }: Side, object: KubeObject): JsonMap {
  return mapsIn(rule['route']).find((each) => isHost(hostOf(each), stable, object)) ?? {}
}

/** Without a subset: its labels are those of pods that there may be none of in the new version. */
function canaryDestination(from: JsonMap, service: string): JsonMap {
  const { subset: _subset, ...destination } = mapAt(from, 'destination')
  return { ...destination, host: renamed(destination['host'], service) }
}

function leadingTo(rule: JsonMap, match: JsonMap[], side: Side, service: string, object: KubeObject): JsonMap {
  const { name: _name, ...rest } = rule
  const from = stableOf(rule, side, object)
  const { weight: _weight, ...bare } = from
  return { ...rest, match, route: [{ ...bare, destination: canaryDestination(from, service) }] }
}

function pinRules(rule: JsonMap, side: Side, pin: Pin, object: KubeObject): JsonMap[] {
  const service = pin.services[side.stable]
  if (service === undefined) return []
  return [
    leadingTo(
      rule,
      pinMatches(pin).flatMap((way) => withMatch(rule, way)),
      side,
      service,
      object,
    ),
  ]
}

/** Both destinations always, stable first, with a sum that never changes. */
function weighted(rule: JsonMap, split: Split, object: KubeObject): JsonMap {
  const side = sideOf(rule, split, object)
  if (side === undefined) return rule
  const percent = split.sticky === undefined || split.percent >= 100 ? split.percent : 0
  const routes = mapsIn(rule['route'])
  const route = routes.flatMap((each): JsonMap[] => {
    const weight = routes.length === 1 ? 1 : typeof each['weight'] === 'number' ? each['weight'] : 0
    if (!isHost(hostOf(each), side.stable, object)) return [{ ...each, weight: weight * 100 }]
    return [
      { ...each, weight: weight * (100 - percent) },
      { ...each, destination: canaryDestination(each, side.canary), weight: weight * percent },
    ]
  })
  return { ...rule, route }
}

function withMatch(rule: JsonMap, match: Match): JsonMap[] {
  const ports = match.flatMap((condition) => (condition.kind === 'port' ? [{ port: condition.port }] : []))
  const sources = match.flatMap((condition) =>
    condition.kind === 'source' ? [{ sourceLabels: condition.labels }] : [],
  )
  const queries = match.flatMap((condition) =>
    condition.kind === 'query'
      ? [
          [
            condition.name,
            condition.values.length === 1
              ? { exact: condition.values[0] ?? '' }
              : { regex: headerRule({ ...condition, kind: 'header' })?.pattern ?? '' },
          ],
        ]
      : [],
  )
  const headers = match.flatMap((condition) => headerRule(condition) ?? [])
  return withHeaders(rule, headers).map((each) => ({
    ...each,
    ...Object.assign({}, ...ports, ...sources),
    ...(queries.length === 0 ? {} : { queryParams: { ...mapAt(each, 'queryParams'), ...Object.fromEntries(queries) } }),
  }))
}

/** Each match of the rule, or the one of a rule without any, with more headers; names in lower case, as Envoy has them. */
function withHeaders(rule: JsonMap, headers: HeaderRule[]): JsonMap[] {
  const matches = mapsIn(rule['match'])
  const added = Object.fromEntries(
    headers.map(({ name, exact, pattern }) => [
      name.toLowerCase(),
      exact === undefined ? { regex: pattern ?? '' } : { exact },
    ]),
  )
  return (matches.length === 0 ? [{}] : matches).map(({ name: _name, ...match }: JsonMap) =>
    headers.length === 0 ? match : { ...match, headers: { ...mapAt(match, 'headers'), ...added } },
  )
}

function destinationRules(route: Route, split: Split): KubeObject[] {
  return route.related.flatMap((rule) => {
    const spec = mapAt(rule, 'spec')
    const side = split.sides.find(({ stable }) => isHost(String(spec['host'] ?? ''), stable, route.object))
    if (side === undefined) return []
    const { subsets: _subsets, ...kept } = spec
    const kind = { apiVersion: rule.apiVersion, kind: rule.kind }
    return [
      made(kind, `${rule.metadata.name ?? ''}-canary`, route, split, {
        ...kept,
        host: renamed(spec['host'], side.canary),
      }),
    ]
  })
}

function problems({ object }: Route, split: Split): Problem[] {
  const found: Problem[] = []
  const special = split.match.length > 0 || split.sticky?.by === 'bucket' || split.pins.length > 0 || split.mirror > 0
  const http = rulesOf(object, 'http').some((rule) => sideOf(rule, split, object) !== undefined)
  if (special && !http)
    found.push({
      reason: 'only its tcp and tls routes lead to the Service, and they see no requests',
      mend: 'use an http route',
    })
  if (split.sticky?.by === 'router')
    found.push({
      reason:
        'consistentHash picks a pod inside of one version, so Istio cannot keep a user on a version by its own cookie',
      mend: 'use sticky: {cookie: NAME} with an id that the app sets',
    })
  if (
    split.mirror > 0 &&
    rulesOf(object, 'http').some((rule) => rule['mirror'] !== undefined && sideOf(rule, split, object) !== undefined)
  )
    found.push({ reason: 'a rule has a mirror already', mend: 'write it as mirrors, a list' })
  if (destinationsOf(object).some((host) => split.sides.some(({ canary }) => isHost(host, canary, object))))
    found.push(alreadyThere(split))
  return found
}

/** Istio writes a status only where it is told to. */
function verify(live: KubeObject): Verdict {
  const conditions = mapsIn(mapAt(live, 'status')['conditions']) as StatusCondition[]
  const reconciled = conditions.find(({ type }) => type === 'Reconciled')
  const seen = mapAt(live, 'status')['observedGeneration']
  if (reconciled === undefined || Number(seen) < (live.metadata.generation ?? 0)) return { kind: 'unknown' }
  return reconciled.status === 'True'
    ? { kind: 'live' }
    : { kind: 'waiting', text: 'every proxy to take the VirtualService' }
}
