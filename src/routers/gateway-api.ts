import type { Condition as StatusCondition, Json, JsonMap, KubeObject } from '../shared/objects.ts'
import { bucketRule, type HeaderRule, headerRule } from './patterns.ts'
import {
  type Condition,
  isMap,
  mapAt,
  mapsIn,
  type Match,
  type ObjectKind,
  type Pin,
  type Problem,
  type Route,
  type Router,
  type Side,
  type Split,
  type Verdict,
} from './router.ts'

const GROUP = 'gateway.networking.k8s.io'

/** Most rules, and matches in one rule. Source: the CRDs of the standard channel from bundle 1.2 on. */
const MOST_RULES = 16
const MOST_MATCHES = 64
const MOST_WEIGHT = 1_000_000

const KINDS: ObjectKind[] = ['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute'].flatMap((kind) =>
  // The older versions of those that became stable late; of one kind the first that is served is used.
  ['v1', ...(kind.startsWith('T') ? ['v1alpha3', 'v1alpha2'] : [])].map((version) => ({
    apiVersion: `${GROUP}/${version}`,
    kind,
  })),
)

/** Routes of the Gateway API, for whichever gateway or mesh reads them. */
export const gatewayApi: Router = {
  name: 'gateway-api',
  kinds: KINDS,
  related: [],
  settleMs: 3_000,
  leadsTo: ({ object }, service) => rulesOf(object).some((rule) => refOf(rule, service, object) !== undefined),
  problems,
  wanted: (route, split) => [
    { ...route.object, spec: { ...mapAt(route.object, 'spec'), rules: newRules(route, split) } },
  ],
  verify,
  withPins: (object, split) =>
    withRules(
      object,
      rulesOf(object).flatMap((rule) => {
        const side = sideOf(rule, split, object)
        return side === undefined ? [rule] : [...split.pins.flatMap((pin) => pinRules(rule, side, pin, object)), rule]
      }),
    ),
  withoutPins: (object, services) =>
    withRules(
      object,
      rulesOf(object).filter((rule) => !leadsOnlyTo(rule, services)),
    ),
}

function withRules(object: KubeObject, rules: JsonMap[]): KubeObject {
  return { ...object, spec: { ...mapAt(object, 'spec'), rules } }
}

function leadsOnlyTo(rule: JsonMap, services: readonly string[]): boolean {
  const refs = refsOf(rule)
  return refs.length > 0 && refs.every(({ name }) => typeof name === 'string' && services.includes(name))
}

function rulesOf(object: KubeObject): JsonMap[] {
  return mapsIn(mapAt(object, 'spec')['rules'])
}

function refsOf(rule: JsonMap): JsonMap[] {
  return mapsIn(rule['backendRefs'])
}

function isService(ref: JsonMap, name: string, { metadata }: KubeObject): boolean {
  const core = ref['group'] === undefined || ref['group'] === '' || ref['group'] === 'core'
  const here = ref['namespace'] === undefined || ref['namespace'] === metadata.namespace
  return core && here && (ref['kind'] ?? 'Service') === 'Service' && ref['name'] === name
}

function refOf(rule: JsonMap, service: string, object: KubeObject): JsonMap | undefined {
  return refsOf(rule).find((ref) => isService(ref, service, object))
}

function sideOf(rule: JsonMap, split: Split, object: KubeObject): Side | undefined {
  return split.sides.find(({ stable }) => refOf(rule, stable, object) !== undefined)
}

function newRules({ object }: Route, split: Split): JsonMap[] {
  return rulesOf(object).flatMap((rule) => {
    const side = sideOf(rule, split, object)
    if (side === undefined) return [rule]
    const pins = split.pins.flatMap((pin) => pinRules(rule, side, pin, object))
    const special = split.percent >= 100 ? [] : canaryRules(rule, side, split, object)
    return [...pins, ...special, mainRule(rule, side, split, object)]
  })
}

/** Rules for requests that the new version answers whatever the weight: they match more, and therefore win. */
function canaryRules(rule: JsonMap, side: Side, split: Split, object: KubeObject): JsonMap[] {
  const cohort = split.match.flatMap((match) => withMatch(rule, match))
  const sticky = split.sticky?.by === 'bucket' ? bucketRule(split.sticky, split.percent) : undefined
  const bucket = sticky === undefined ? [] : withHeaders(rule, [[sticky]])
  const matches = [...cohort, ...bucket]
  return matches.length === 0 ? [] : [leadingTo(rule, matches, side, side.canary, object)]
}

function pinRules(
  rule: JsonMap,
  side: Side,
  { id, services, header, query, cookie }: Pin,
  object: KubeObject,
): JsonMap[] {
  const service = services[side.stable]
  if (service === undefined) return []
  const ways: Match[] = [
    ...(header === undefined ? [] : [[{ kind: 'header' as const, name: header, values: [id] }]]),
    ...(query === undefined ? [] : [[{ kind: 'query' as const, name: query, values: [id] }]]),
    ...(cookie === undefined ? [] : [[{ kind: 'cookie' as const, name: cookie, values: [id] }]]),
  ]
  return [
    leadingTo(
      rule,
      ways.flatMap((way) => withMatch(rule, way)),
      side,
      service,
      object,
    ),
  ]
}

/** The rule with other matches and one backend: what stood beside it (filters, timeouts) stays. */
function leadingTo(rule: JsonMap, matches: JsonMap[], side: Side, service: string, object: KubeObject): JsonMap {
  const { name: _name, backendRefs: _refs, ...rest } = rule
  const ref = { ...refOf(rule, side.stable, object), name: service, weight: 1 }
  return { ...rest, matches, backendRefs: [ref] }
}

/** Both refs always, stable first, with a sum that never changes: what hashes over the list stays where it is. */
function mainRule(rule: JsonMap, side: Side, split: Split, object: KubeObject): JsonMap {
  // Sticky users come by their own rule; who has no id is on the old version until all are on the new one.
  const percent = split.sticky === undefined || split.percent >= 100 ? split.percent : 0
  const several = refsOf(rule).length > 1
  const backendRefs = refsOf(rule).flatMap((ref): JsonMap[] => {
    const weight = several ? weightOf(ref) : 1
    if (!isService(ref, side.stable, object)) return [{ ...ref, weight: weight * 100 }]
    const { name: _name, ...rest } = ref
    return [
      { ...ref, weight: weight * (100 - percent) },
      { ...rest, name: side.canary, weight: weight * percent },
    ]
  })
  const filters =
    split.mirror === 0 ? rule['filters'] : [...mapsIn(rule['filters']), mirrorFilter(rule, side, split, object)]
  return { ...rule, backendRefs, ...(filters === undefined ? {} : { filters }) }
}

function weightOf(ref: JsonMap): number {
  return typeof ref['weight'] === 'number' ? ref['weight'] : 1
}

function mirrorFilter(rule: JsonMap, side: Side, { mirror }: Split, object: KubeObject): JsonMap {
  const { group = '', kind = 'Service', port } = refOf(rule, side.stable, object) ?? {}
  const backendRef = { group, kind, name: side.canary, ...(port === undefined ? {} : { port }) }
  // Without a percent all are copied, which older bundles know as well.
  return { type: 'RequestMirror', requestMirror: { backendRef, ...(mirror >= 100 ? {} : { percent: mirror }) } }
}

/** A rule without matches takes every path. */
function matchesOf(rule: JsonMap): JsonMap[] {
  const matches = mapsIn(rule['matches'])
  return matches.length === 0 ? [{}] : matches
}

/** Each match of the rule with the conditions put in; values of a query become matches of their own. */
function withMatch(rule: JsonMap, match: Match): JsonMap[] {
  const headers = match.flatMap((condition) => headerRule(condition) ?? [])
  const queries = match.filter((condition): condition is Condition & { kind: 'query' } => condition.kind === 'query')
  const choices = queries.reduce<JsonMap[][]>(
    (all, { name, values }) => all.flatMap((some) => values.map((value) => [...some, { type: 'Exact', name, value }])),
    [[]],
  )
  return choices.flatMap((choice) =>
    withHeaders(rule, [headers]).map((each) =>
      choice.length === 0 ? each : { ...each, queryParams: [...mapsIn(each['queryParams']), ...choice] },
    ),
  )
}

function withHeaders(rule: JsonMap, ways: HeaderRule[][]): JsonMap[] {
  return ways.flatMap((headers) =>
    matchesOf(rule).map((match) =>
      headers.length === 0 ? match : { ...match, headers: [...mapsIn(match['headers']), ...headers.map(headerMatch)] },
    ),
  )
}

function headerMatch({ name, exact, pattern }: HeaderRule): JsonMap {
  return exact === undefined
    ? { type: 'RegularExpression', name, value: pattern ?? '' }
    : { type: 'Exact', name, value: exact }
}

function problems(route: Route, split: Split): Problem[] {
  const { object } = route
  const rules = rulesOf(object).filter((rule) => sideOf(rule, split, object) !== undefined)
  return [
    ...rules.flatMap((rule) => weightProblems(rule, split, object)),
    ...matchProblems(object, rules, split),
    ...sizeProblems(route, split),
    ...rules.flatMap((rule) => (rule['sessionPersistence'] === undefined ? [] : [SESSION])),
  ]
}

const SESSION: Problem = {
  reason: 'a rule has sessionPersistence, which binds a client to a pod and outranks every weight, also a weight of 0',
  mend: 'take sessionPersistence out of the rule; traffic: sticky keeps a user on a version',
}

function weightProblems(rule: JsonMap, split: Split, object: KubeObject): Problem[] {
  const refs = refsOf(rule)
  const own = refs.filter((ref) => split.sides.some(({ stable }) => isService(ref, stable, object)))
  const found: Problem[] = []
  if (own.length > 1)
    found.push({
      reason: 'one rule leads to several Services that this rollout moves',
      mend: 'give each Service a rule of its own',
    })
  if (refs.some((ref) => split.sides.some(({ canary }) => isService(ref, canary, object))))
    found.push({
      reason: `a rule leads to ${split.sides.map(({ canary }) => canary).join(', ')} already, which somebody else has put there`,
      mend: 'take that backend out of the route',
    })
  if (refs.length > 1 && own.some((ref) => weightOf(ref) === 0))
    found.push({
      reason: 'the Service has the weight 0 in a rule, so that it gets no requests to share',
      mend: 'give it a weight',
    })
  if (refs.length > 1 && refs.some((ref) => weightOf(ref) * 100 > MOST_WEIGHT))
    found.push({ reason: 'a weight above 10000 cannot be parted by the percent', mend: 'use smaller weights' })
  return found
}

function matchProblems({ kind }: KubeObject, rules: JsonMap[], split: Split): Problem[] {
  const found: Problem[] = []
  const special = split.match.length > 0 || split.sticky !== undefined || split.pins.length > 0
  const layer4 = kind === 'TLSRoute' || kind === 'TCPRoute'
  if (layer4 && (special || split.mirror > 0))
    found.push({
      reason: `a ${kind} sees no requests, so that it can neither match nor copy them`,
      mend: 'use an HTTPRoute',
    })
  if (split.sticky?.by === 'router')
    found.push({
      reason: 'the Gateway API has no stable way to keep a user on a version by a cookie of the gateway',
      mend: 'use sticky: {cookie: NAME} with an id that the app sets',
    })
  for (const match of split.match) found.push(...conditionProblems(match, kind, rules))
  if (kind === 'GRPCRoute' && split.pins.some(({ query }) => query !== undefined))
    found.push({ reason: 'a GRPCRoute has no query to match', mend: 'pin versions by header' })
  return found
}

function conditionProblems(match: Match, kind: string, rules: JsonMap[]): Problem[] {
  const names = match.flatMap((condition) => headerRule(condition)?.name.toLowerCase() ?? [])
  const there = rules.flatMap((rule) =>
    matchesOf(rule).flatMap(({ headers }) => mapsIn(headers).map(({ name }) => String(name).toLowerCase())),
  )
  const twice = [...names, ...new Set(there)].find((name, at, all) => all.indexOf(name) !== at)
  const found: Problem[] = []
  if (twice !== undefined)
    found.push({
      reason: `a match of the Gateway API can name the header ${twice} only once${twice === 'cookie' ? ', and cookies are one header' : ''}`,
      mend: 'ask for one of them, or for another header',
    })
  for (const condition of match) {
    if (condition.kind === 'port' || condition.kind === 'source')
      found.push({
        reason: `the Gateway API cannot match ${condition.kind === 'port' ? 'a port' : 'who asks'}`,
        mend: 'match a header, a cookie, a query or a language',
      })
    if (condition.kind === 'query' && kind === 'GRPCRoute')
      found.push({ reason: 'a GRPCRoute has no query to match', mend: 'match a header' })
  }
  return found
}

function sizeProblems(route: Route, split: Split): Problem[] {
  const rules = newRules(route, { ...split, percent: Math.min(split.percent, 99) })
  if (rules.length > MOST_RULES)
    return [
      {
        reason: `the route would need ${rules.length} rules, and ${MOST_RULES} is the most`,
        mend: 'split the route, or keep fewer versions',
      },
    ]
  const long = rules.find((rule) => mapsIn(rule['matches']).length > MOST_MATCHES)
  if (long === undefined) return []
  return [{ reason: `a rule would need more than ${MOST_MATCHES} matches`, mend: 'match fewer values' }]
}

/** The status of every parent at the generation that was written; a parent that is gone leaves an old one behind. */
function verify(live: KubeObject): Verdict {
  const parents = mapsIn(mapAt(live, 'spec')['parentRefs'])
  const statuses = mapsIn(mapAt(live, 'status')['parents'])
  for (const parent of parents) {
    const own = statuses.filter(({ parentRef }) => isSame(parent, isMap(parentRef) ? parentRef : {}))
    if (own.length === 0) return { kind: 'waiting', text: `${parentName(parent)} to take the route` }
    for (const status of own) {
      const verdict = accepted(status, parent, live.metadata.generation ?? 0)
      if (verdict.kind !== 'live') return verdict
    }
  }
  return { kind: 'live' }
}

function isSame(parent: JsonMap, other: JsonMap): boolean {
  return ['kind', 'name', 'namespace', 'sectionName', 'port'].every((key) => {
    const [a, b] = [parent[key], other[key]]
    if (key === 'kind') return (a ?? 'Gateway') === (b ?? 'Gateway')
    return key === 'namespace' ? a === undefined || b === undefined || a === b : a === b
  })
}

function parentName(parent: JsonMap): string {
  return `${String(parent['kind'] ?? 'Gateway')}/${String(parent['name'])}`
}

function accepted(status: JsonMap, parent: JsonMap, generation: number): Verdict {
  const conditions = mapsIn(status['conditions']) as StatusCondition[]
  for (const [type, good] of [
    ['Accepted', 'True'],
    ['ResolvedRefs', 'True'],
    ['PartiallyInvalid', 'False'],
  ] as const) {
    const condition = conditions.find((each) => each.type === type)
    if (condition === undefined && good === 'False') continue
    const seen: Json | undefined = condition?.['observedGeneration']
    if (condition === undefined || typeof seen !== 'number' || seen < generation)
      return { kind: 'waiting', text: `${parentName(parent)} to take the route` }
    if (condition.status !== good)
      return {
        kind: 'refused',
        text: `${parentName(parent)} says ${type} ${condition.status}: ${condition.reason ?? ''} ${condition.message ?? ''}`.trim(),
      }
  }
  return { kind: 'live' }
}
