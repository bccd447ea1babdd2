import type { JsonMap, KubeObject } from '../shared/objects.ts'
import { destinationsOf, hostOf, hostsOf, isHost, PROTOCOLS, rulesOf, sideOf } from './istio-hosts.ts'
import { policyProblems } from './istio-policy.ts'
import { alreadyThere, notWhole } from './problems.ts'
import { mapAt, mapsIn, type Problem, type Route, type Split } from './router.ts'
import { allWays, twice, type Way } from './ways.ts'

/** Longest pattern that Istio's own check lets through. */
const MOST_PATTERN = 1_024

/** What keeps a VirtualService from a split. */
export function virtualServiceProblems(route: Route, split: Split): Problem[] {
  const { object } = route
  const leads = (rule: JsonMap): boolean => sideOf(rule, split, object) !== undefined
  const http = rulesOf(object, 'http').filter(leads)
  const found: Problem[] = [...notWhole(split), ...policyProblems(route, split)]
  if (destinationsOf(object).some((host) => split.sides.some(({ canary }) => isHost(host, canary, object))))
    found.push(alreadyThere(split))
  for (const rule of PROTOCOLS.flatMap((protocol) => rulesOf(object, protocol)).filter(leads))
    found.push(...weightProblems(rule, split, object))
  found.push(
    ...requestProblems(
      split,
      http.length,
      PROTOCOLS.slice(1)
        .flatMap((each) => rulesOf(object, each))
        .some(leads),
    ),
  )
  if (split.mirror > 0 && http.some((rule) => rule['mirror'] !== undefined))
    found.push({ reason: 'a rule has a mirror already', mend: 'write it as mirrors, a list' })
  const ways = allWays(split)
  const [clash] = http.flatMap((rule) => ways.flatMap((way) => wayProblems(rule, way)))
  if (clash !== undefined) found.push(clash)
  return [...found, ...meshProblems(object, ways)]
}

function weightProblems(rule: JsonMap, split: Split, object: KubeObject): Problem[] {
  const routes = mapsIn(rule['route'])
  const own = routes.filter((each) => split.sides.some(({ stable }) => isHost(hostOf(each), stable, object)))
  const sides = new Set(
    hostsOf(rule).flatMap((host) => split.sides.filter(({ stable }) => isHost(host, stable, object))),
  )
  if (sides.size > 1)
    return [
      { reason: 'one rule leads to several Services that this rollout moves', mend: 'give each a rule of its own' },
    ]
  // Beside others a destination without a weight has none.
  if (routes.length > 1 && own.every(({ weight }) => (weight ?? 0) === 0))
    return [
      { reason: 'the Service has no weight in a rule, so that it gets no requests to share', mend: 'give it a weight' },
    ]
  return []
}

function requestProblems({ match, sticky, pins, mirror }: Split, http: number, lower: boolean): Problem[] {
  if (sticky?.by === 'router')
    return [
      {
        reason:
          'consistentHash picks a pod inside of one version, so Istio cannot keep a user on a version by its own cookie',
        mend: 'use sticky: {cookie: NAME} with an id that the app sets',
      },
    ]
  const special = match.length > 0 || pins.length > 0 || mirror > 0
  if (http === 0 && (special || sticky !== undefined))
    return [
      {
        reason: 'only its tcp and tls routes lead to the Service, and they see no requests',
        mend: 'use an http route, or leave match, sticky, mirror and keep-versions out',
      },
    ]
  if (sticky === undefined || !lower) return []
  return [
    {
      reason: 'a tcp or tls route leads to the Service as well, and sees no user to keep on a version',
      mend: 'write that route as a VirtualService of its own, or leave sticky out',
    },
  ]
}

/** A match is a mapping by name, so that a second condition would take the place of the first. */
function wayProblems(rule: JsonMap, { headers, queries, ports, labels }: Way): Problem[] {
  const matches = mapsIn(rule['match'])
  return (matches.length === 0 ? [{}] : matches).flatMap((match: JsonMap): Problem[] => {
    const header = twice([...Object.keys(mapAt(match, 'headers')), ...headers.map(({ name }) => name)])
    const query = twice([...Object.keys(mapAt(match, 'queryParams')), ...queries.map(({ name }) => name)])
    const there = mapAt(match, 'sourceLabels')
    const label = Object.keys(labels).find((key) => there[key] !== undefined && there[key] !== labels[key])
    const port = new Set([...ports, ...(match['port'] === undefined ? [] : [match['port']])]).size > 1
    const long = headers.some(({ pattern = '' }) => pattern.length > MOST_PATTERN)
    const what =
      (header === undefined
        ? undefined
        : `the header ${header}${header === 'cookie' ? ' (and cookies are one header)' : ''}`) ??
      (query === undefined ? undefined : `the query ${query}`) ??
      (label === undefined ? undefined : `the label ${label}`) ??
      (port ? 'the port' : undefined)
    if (what !== undefined)
      return [
        { reason: `a match of Istio can name ${what} only once`, mend: 'ask for one of them, or for something else' },
      ]
    if (!long) return []
    return [{ reason: `a pattern would be longer than ${MOST_PATTERN} characters`, mend: 'match fewer values' }]
  })
}

/** Istio reads labels of who asks only for clients within the mesh. */
function meshProblems(object: KubeObject, ways: Way[]): Problem[] {
  const { gateways } = mapAt(object, 'spec')
  const asked = ways.some(({ labels }) => Object.keys(labels).length > 0)
  if (!asked || !Array.isArray(gateways) || gateways.includes('mesh')) return []
  return [
    {
      reason: 'it is bound to gateways alone, and labels of who asks are known within the mesh only',
      mend: 'add mesh to its gateways, or leave source out',
    },
  ]
}
