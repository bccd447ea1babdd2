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

/** What contradicts itself under `traffic`: the key below it, and why. */
export function trafficProblems(values: TrafficValues): { key: string; message: string }[] {
  return [...routerProblems(values), ...stickyProblems(values), ...keepProblems(values), ...matchProblems(values)]
}

function routerProblems(values: TrafficValues): { key: string; message: string }[] {
  const { router = 'auto', weights = [], 'annotations-prefix': prefix } = values
  const found: { key: string; message: string }[] = []
  if (router === 'generic' && weights.length === 0)
    found.push({
      key: 'router',
      message: 'the generic router needs weights: the paths of the two numbers in its routes',
    })
  if (router !== 'generic' && weights.length > 0)
    found.push({ key: 'weights', message: 'is read with router: generic only' })
  const [first, ...others] = weights.map(({ stable, canary, total = TOTAL }) => `${stable} ${canary} ${total}`)
  if (others.some((other) => other !== first))
    found.push({ key: 'weights', message: 'all routes must have their weights at the same paths, with the same total' })
  if (prefix !== undefined && router !== 'nginx' && router !== 'auto')
    found.push({ key: 'annotations-prefix', message: `has no meaning with router: ${router}` })
  if (router !== 'none') return found
  const beside = (['routes', 'match', 'sticky', 'keep-versions'] as const).filter((key) => values[key] !== undefined)
  return [...found, ...beside.map((key) => ({ key, message: 'needs a router, and router is none' }))]
}

function stickyProblems({ sticky }: TrafficValues): { key: string; message: string }[] {
  if (sticky === undefined || Object.keys(sticky).length === 1) return []
  return [{ key: 'sticky', message: 'has exactly one of cookie, header and router' }]
}

function keepProblems({ 'keep-versions': keep }: TrafficValues): { key: string; message: string }[] {
  if (keep === undefined) return []
  const found: { key: string; message: string }[] = []
  if (keep.header === undefined && keep.query === undefined && keep.cookie === undefined)
    found.push({ key: 'keep-versions', message: 'needs header, query or cookie: how a request names its version' })
  if (parseDuration(keep.for) === 0) found.push({ key: 'keep-versions.for', message: 'must be above 0' })
  return found
}

function matchProblems({ match }: TrafficValues): { key: string; message: string }[] {
  if (match === undefined) return []
  const empty = (Array.isArray(match) ? match : [match]).some((each) => conditionsOf(each).length === 0)
  return empty ? [{ key: 'match', message: 'is empty: every request would match' }] : []
}
