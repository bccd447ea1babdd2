import type { Condition, Match } from '../routers/router.ts'
import type { KeepVersions, Traffic } from '../rollout/settings.ts'
import { parseDuration } from '../shared/duration.ts'
import type { Place } from '../shared/errors.ts'
import type { ConfigValues } from './config-schema.ts'

type TrafficValues = NonNullable<ConfigValues['traffic']>
type MatchValues = Exclude<NonNullable<TrafficValues['match']>, unknown[]>

/** Without the key: the first route that leads to the Service, and nothing else asked of it. */
const DEFAULTS: Traffic = { router: 'auto', routes: [], match: [], pods: 'share', onDrift: 'stop', weights: [] }

const TOTAL = 100

/** What the config says of routers, with all defaults. */
export function trafficSettings(values: TrafficValues | undefined, place?: Place): Traffic {
  if (values === undefined) return DEFAULTS
  const { router, routes, sticky, pods, settle, weights, 'keep-versions': keep, 'annotations-prefix': prefix } = values
  const settleMs = settle === undefined ? undefined : parseDuration(settle)
  return {
    router: router ?? 'auto',
    routes: routes ?? [],
    match: matchesOf(values.match),
    ...(sticky === undefined ? {} : { sticky: stickyOf(sticky) }),
    pods: pods ?? 'share',
    onDrift: values['on-drift'] ?? 'stop',
    ...(settleMs === undefined ? {} : { settleMs }),
    ...(prefix === undefined ? {} : { prefix }),
    weights: (weights ?? []).map((each) => ({ ...each, total: each.total ?? TOTAL })),
    ...(keep === undefined ? {} : { keep: keepOf(keep) }),
    ...(place === undefined ? {} : { place }),
  }
}

function matchesOf(match: TrafficValues['match']): Match[] {
  if (match === undefined) return []
  return (Array.isArray(match) ? match : [match]).map((each) => conditionsOf(each))
}

function conditionsOf({ header, cookie, query, language, port, source }: MatchValues): Match {
  const named = (kind: 'header' | 'cookie' | 'query', values: Record<string, string | string[]> = {}): Condition[] =>
    Object.entries(values).map(([name, value]) => ({ kind, name, values: listOf(value) }))
  return [
    ...named('header', header),
    ...named('cookie', cookie),
    ...named('query', query),
    ...(language === undefined ? [] : [{ kind: 'language' as const, values: listOf(language) }]),
    ...(port === undefined ? [] : [{ kind: 'port' as const, port }]),
    ...(source === undefined ? [] : [{ kind: 'source' as const, labels: source }]),
  ]
}

function listOf(value: string | string[]): string[] {
  return typeof value === 'string' ? [value] : value
}

function stickyOf({ cookie, header, router }: NonNullable<TrafficValues['sticky']>): NonNullable<Traffic['sticky']> {
  if (router !== undefined) return { by: 'router', name: router }
  return cookie === undefined
    ? { by: 'bucket', source: 'header', name: header ?? '' }
    : { by: 'bucket', source: 'cookie', name: cookie }
}

function keepOf(keep: NonNullable<TrafficValues['keep-versions']>): KeepVersions {
  const { count, replicas, header, query, cookie, env } = keep
  return {
    count: count ?? 1,
    forMs: parseDuration(keep.for) ?? 0,
    replicas: replicas ?? 1,
    ...(header === undefined ? {} : { header }),
    ...(query === undefined ? {} : { query }),
    ...(cookie === undefined ? {} : { cookie }),
    ...(env === undefined ? {} : { env }),
  }
}

/** What contradicts itself under `traffic`: the path below it, and why. */
export interface TrafficProblem {
  path: (string | number)[]
  message: string
}

export function trafficProblems(values: TrafficValues): TrafficProblem[] {
  return [...routerProblems(values), ...stickyProblems(values), ...keepProblems(values), ...matchProblems(values)]
}

const LONGEST_SETTLE_MS = 600_000

/** Keys that say something to a router only. */
const OF_ROUTER = ['routes', 'match', 'sticky', 'pods', 'on-drift', 'settle', 'keep-versions'] as const

function routerProblems(values: TrafficValues): TrafficProblem[] {
  const { router = 'auto', weights, match, settle, 'annotations-prefix': prefix } = values
  const found: TrafficProblem[] = []
  if (Array.isArray(match) && match.length === 0)
    found.push({ path: ['match'], message: 'names nobody; leave it out, or say who sees the new version' })
  if (settle !== undefined && (parseDuration(settle) ?? 0) > LONGEST_SETTLE_MS)
    found.push({ path: ['settle'], message: `${settle} is waited after each change of the route; at most 10m` })
  if (prefix !== undefined && router !== 'nginx' && router !== 'auto')
    found.push({ path: ['annotations-prefix'], message: `has no meaning with router: ${router}` })
  if (weights !== undefined && router !== 'generic')
    found.push({ path: ['weights'], message: 'is read with router: generic only' })
  if (router === 'generic') found.push(...weightProblems(weights ?? []))
  if (router !== 'none') return found
  const beside = OF_ROUTER.filter((key) => values[key] !== undefined)
  return [...found, ...beside.map((key) => ({ path: [key], message: 'needs a router, and router is none' }))]
}

function weightProblems(weights: NonNullable<TrafficValues['weights']>): TrafficProblem[] {
  if (weights.length === 0)
    return [
      { path: ['router'], message: 'the generic router needs weights: the paths of the two numbers in its routes' },
    ]
  const same = weights.flatMap(({ stable, canary }, index) =>
    stable === canary
      ? [{ path: ['weights', index, 'canary'], message: 'is the path of stable; each version has a weight of its own' }]
      : [],
  )
  const [first, ...others] = weights.map(({ stable, canary, total = TOTAL }) => `${stable} ${canary} ${total}`)
  if (others.every((other) => other === first)) return same
  const message = 'all routes must have their weights at the same paths, with the same total'
  return [...same, { path: ['weights'], message }]
}

function stickyProblems({ sticky }: TrafficValues): TrafficProblem[] {
  if (sticky === undefined || Object.keys(sticky).length === 1) return []
  return [{ path: ['sticky'], message: 'has exactly one of cookie, header and router' }]
}

function keepProblems({ 'keep-versions': keep }: TrafficValues): TrafficProblem[] {
  if (keep === undefined) return []
  const found: TrafficProblem[] = []
  if (keep.header === undefined && keep.query === undefined && keep.cookie === undefined)
    found.push({ path: ['keep-versions'], message: 'needs header, query or cookie: how a request names its version' })
  if (parseDuration(keep.for) === 0) found.push({ path: ['keep-versions', 'for'], message: 'must be above 0' })
  return found
}

function matchProblems({ match }: TrafficValues): TrafficProblem[] {
  if (match === undefined) return []
  const each = Array.isArray(match)
    ? match.map((values, index) => ({ values, path: ['match', index] }))
    : [{ values: match, path: ['match'] }]
  return each.flatMap(({ values, path }) => {
    if (Object.keys(values).length === 0) return [{ path, message: 'is empty: every request would match' }]
    return doubled(Object.keys(values.header ?? {})).map((name) => ({
      path: [...path, 'header', name],
      message: 'stands twice: upper and lower case are one name',
    }))
  })
}

/** Names that stand before already, in whatever case. */
function doubled(names: readonly string[]): string[] {
  const lower = names.map((name) => name.toLowerCase())
  return names.filter((_, index) => lower.indexOf(lower[index] ?? '') < index)
}
