import { stringifyJson } from '../shared/json.ts'
import type { Json, JsonMap, KubeObject } from '../shared/objects.ts'
import { isService, matchesOf, newRules, refsOf, rulesOf, sideOf, weightOf } from './gateway-rules.ts'
import { alreadyThere, cannotMatch, notWhole } from './problems.ts'
import { type Condition, mapAt, mapsIn, type Problem, type Route, type Split, textOf } from './router.ts'
import { allWays, twice, type Way } from './ways.ts'

/** Most rules, and matches in one rule and in all. Source: the CRDs of the standard channel from bundle 1.2 on. */
const MOST_RULES = 16
const MOST_MATCHES = 64
const MOST_IN_ALL = 128
const MOST_WEIGHT = 1_000_000

/** What keeps a route of the Gateway API from a split. */
export function routeProblems(route: Route, split: Split): Problem[] {
  const { object } = route
  const rules = rulesOf(object).filter((rule) => sideOf(rule, split, object) !== undefined)
  return [
    ...notWhole(split),
    ...rules.flatMap((rule) => weightProblems(rule, split, object)),
    ...matchProblems(object, rules, split),
    ...sizeProblems(route, split),
    ...narrowerProblems(object, split),
    ...(split.mirror > 0 ? mirrorProblems(object) : []),
    ...rules.flatMap((rule) => (rule['sessionPersistence'] === undefined ? [] : [SESSION])),
  ]
}

const SESSION: Problem = {
  reason: 'a rule has sessionPersistence, which binds a client to a pod and outranks every weight, also a weight of 0',
  mend: 'take sessionPersistence out of the rule; traffic: sticky keeps a user on a version',
}

/**
 * Gateways that answer every request of a rule with an error when it has a RequestMirror, though its status says that all
 * is well: seen on Traefik 3.7; the others do not claim it in their documentation or conformance reports.
 */
const WITHOUT_MIRROR = ['traefik.io/gateway-controller', 'gateway.k8s.aws/alb', 'konghq.com/gateway-operator']

function mirrorProblems({ ['status']: status }: KubeObject): Problem[] {
  return mapsIn(mapAt(status)['parents'])
    .filter(({ controllerName }) => typeof controllerName === 'string' && WITHOUT_MIRROR.includes(controllerName))
    .map(({ controllerName }) => ({
      reason: `its gateway (${textOf(controllerName)}) cannot copy requests by an HTTPRoute: the rule would answer with errors`,
      mend: 'leave mirror out; on Traefik, let the route lead to a TraefikService instead',
    }))
}

function weightProblems(rule: JsonMap, split: Split, object: KubeObject): Problem[] {
  const refs = refsOf(rule)
  const own = refs.filter((ref) => split.sides.some(({ stable }) => isService(ref, stable, object)))
  const found: Problem[] = []
  if (own.length > 1)
    found.push({
      reason: 'one rule leads more than once to Services that this rollout moves',
      mend: 'give each Service a rule of its own',
    })
  if (refs.some((ref) => split.sides.some(({ canary }) => isService(ref, canary, object))))
    found.push(alreadyThere(split))
  if (own.some((ref) => weightOf(ref) === 0))
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
  for (const condition of split.match.flat()) found.push(...conditionProblems(condition, kind))
  if (kind === 'GRPCRoute' && split.pins.some(({ query }) => query !== undefined))
    found.push({ reason: 'a GRPCRoute has no query to match', mend: 'pin versions by header' })
  const ways = allWays(split)
  const asked = rules
    .flatMap((rule) => matchesOf(rule))
    .flatMap((match) => ways.flatMap((way) => askedTwice(match, way)))
  return asked[0] === undefined ? found : [...found, asked[0]]
}

function conditionProblems(condition: Condition, kind: string): Problem[] {
  if (condition.kind === 'port' || condition.kind === 'source') return [cannotMatch('the Gateway API', condition)]
  if (condition.kind !== 'query' || kind !== 'GRPCRoute') return []
  return [{ reason: 'a GRPCRoute has no query to match', mend: 'match a header' }]
}

/** Lists of a match are mappings by name. */
function askedTwice(match: JsonMap, { headers, queries }: Way): Problem[] {
  const namesIn = (list: Json | undefined): string[] => mapsIn(list).map(({ name }) => textOf(name))
  const header = twice([...namesIn(match['headers']), ...headers.map(({ name }) => name)])
  const query = twice([...namesIn(match['queryParams']), ...queries.map(({ name }) => name)])
  const found = header === undefined ? (query === undefined ? undefined : `query ${query}`) : `header ${header}`
  if (found === undefined) return []
  return [
    {
      reason: `a match of the Gateway API can name the ${found} only once${header === 'cookie' ? ', and cookies are one header' : ''}`,
      mend: 'ask for one of them, or for another header',
    },
  ]
}

/**
 * Of two rules for one path and method the one with more headers wins, then the one with more queries. A rule with one
 * more condition for cohort, sticky users or kept versions could so take requests that a narrower rule to another Service
 * has, or tie with it.
 */
function narrowerProblems(object: KubeObject, split: Split): Problem[] {
  if (allWays(split).length === 0) return []
  const place = ({ path, method }: JsonMap): string => stringifyJson({ path: path ?? null, method: method ?? null })
  const own = rulesOf(object).filter((rule) => sideOf(rule, split, object) !== undefined)
  const places = new Set(own.flatMap((rule) => matchesOf(rule).map(place)))
  const narrower = rulesOf(object)
    .filter((rule) => !own.includes(rule))
    .flatMap((rule) => matchesOf(rule))
    .find(
      (match) =>
        places.has(place(match)) && [match['headers'], match['queryParams']].some((list) => mapsIn(list).length > 0),
    )
  if (narrower === undefined) return []
  return [
    {
      reason:
        'another rule for the same path matches headers or a query, and requests of match, sticky and kept versions could no longer reach its Service',
      mend: 'put that rule into a route of its own with a path or host of its own, or leave match, sticky and keep-versions out',
    },
  ]
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
  const all = rules.reduce((sum, rule) => sum + Math.max(1, mapsIn(rule['matches']).length), 0)
  if (long === undefined && all <= MOST_IN_ALL) return []
  const most =
    long === undefined
      ? `the route would need ${all} matches, and ${MOST_IN_ALL} is the most`
      : `a rule would need more than ${MOST_MATCHES} matches`
  return [{ reason: most, mend: 'match fewer values' }]
}
