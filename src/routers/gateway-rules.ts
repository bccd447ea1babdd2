import type { JsonMap, KubeObject } from '../shared/objects.ts'
import type { HeaderRule } from './patterns.ts'
import { mapAt, mapsIn, type Pin, type Route, type Side, type Split } from './router.ts'
import { canaryWays, parted, pinWays, twice, type Way, weightPercent } from './ways.ts'

export function withRules(object: KubeObject, rules: JsonMap[]): KubeObject {
  return { ...object, spec: { ...mapAt(object, 'spec'), rules } }
}

export function leadsOnlyTo(rule: JsonMap, services: readonly string[]): boolean {
  const refs = refsOf(rule)
  return refs.length > 0 && refs.every(({ name }) => typeof name === 'string' && services.includes(name))
}

export function rulesOf(object: KubeObject): JsonMap[] {
  return mapsIn(mapAt(object, 'spec')['rules'])
}

export function refsOf(rule: JsonMap): JsonMap[] {
  return mapsIn(rule['backendRefs'])
}

export function isService(ref: JsonMap, name: string, { metadata }: KubeObject): boolean {
  const core = ref['group'] === undefined || ref['group'] === '' || ref['group'] === 'core'
  const here = ref['namespace'] === undefined || ref['namespace'] === metadata.namespace
  return core && here && (ref['kind'] ?? 'Service') === 'Service' && ref['name'] === name
}

export function refOf(rule: JsonMap, service: string, object: KubeObject): JsonMap | undefined {
  return refsOf(rule).find((ref) => isService(ref, service, object))
}

export function sideOf(rule: JsonMap, split: Split, object: KubeObject): Side | undefined {
  return split.sides.find(({ stable }) => refOf(rule, stable, object) !== undefined)
}

export function newRules({ object }: Route, split: Split): JsonMap[] {
  return rulesOf(object).flatMap((rule) => {
    const side = sideOf(rule, split, object)
    if (side === undefined) return [rule]
    const ways = canaryWays(split)
    const pins = split.pins.flatMap((pin) => pinRules(rule, side, pin, object, ways))
    return [...pins, ...leadingTo(rule, ways, side, side.canary, object), mainRule(rule, side, split, object)]
  })
}

/** @param others ways of rules beside it, against which it has to win */
export function pinRules(rule: JsonMap, side: Side, pin: Pin, object: KubeObject, others: Way[] = []): JsonMap[] {
  const service = pin.services[side.stable]
  if (service === undefined) return []
  const ways = pinWays(pin).flatMap((way) => [way, ...others.flatMap((other) => above(way, other))])
  return leadingTo(rule, ways, side, service, object)
}

/**
 * The match that asks for more wins: headers count first, then queries, and of equals the earlier rule. Where another way
 * would win, one more match asks for both.
 */
function above(way: Way, other: Way): Way[] {
  const more = other.headers.length - way.headers.length || other.queries.length - way.queries.length
  if (more <= 0) return []
  const both = { ...way, headers: [...other.headers, ...way.headers], queries: [...other.queries, ...way.queries] }
  // Named twice, it cannot be said in one match.
  const names = twice(both.headers.map(({ name }) => name)) ?? twice(both.queries.map(({ name }) => name))
  return names === undefined ? [both] : []
}

/**
 * The rule for requests that come by one of these ways, with one backend: what stood beside it (filters, timeouts) stays.
 * It matches more than the rule itself, and wins by that.
 */
function leadingTo(rule: JsonMap, ways: Way[], side: Side, service: string, object: KubeObject): JsonMap[] {
  if (ways.length === 0) return []
  const { name: _name, backendRefs: _refs, ...rest } = rule
  const ref = { ...refOf(rule, side.stable, object), name: service, weight: 1 }
  return [{ ...rest, matches: ways.flatMap((way) => withWay(rule, way)), backendRefs: [ref] }]
}

function mainRule(rule: JsonMap, side: Side, split: Split, object: KubeObject): JsonMap {
  const backendRefs = parted(refsOf(rule), {
    percent: weightPercent(split),
    weightOf,
    canary: (ref) => (isService(ref, side.stable, object) ? { name: side.canary } : undefined),
  })
  const filters =
    split.mirror === 0 ? rule['filters'] : [...mapsIn(rule['filters']), mirrorFilter(rule, side, split, object)]
  return { ...rule, backendRefs, ...(filters === undefined ? {} : { filters }) }
}

export function weightOf(ref: JsonMap): number {
  return typeof ref['weight'] === 'number' ? ref['weight'] : 1
}

function mirrorFilter(rule: JsonMap, side: Side, { mirror }: Split, object: KubeObject): JsonMap {
  const { group = '', kind = 'Service', port } = refOf(rule, side.stable, object) ?? {}
  const backendRef = { group, kind, name: side.canary, ...(port === undefined ? {} : { port }) }
  // Without a percent all are copied, which older bundles know as well.
  return { type: 'RequestMirror', requestMirror: { backendRef, ...(mirror >= 100 ? {} : { percent: mirror }) } }
}

/** A rule without matches takes every path. */
export function matchesOf(rule: JsonMap): JsonMap[] {
  const matches = mapsIn(rule['matches'])
  return matches.length === 0 ? [{}] : matches
}

/** Each match of the rule, asking for more. */
function withWay(rule: JsonMap, { headers, queries }: Way): JsonMap[] {
  return matchesOf(rule).map((match) => ({
    ...match,
    ...(headers.length === 0 ? {} : { headers: [...mapsIn(match['headers']), ...headers.map(headerMatch)] }),
    ...(queries.length === 0 ? {} : { queryParams: [...mapsIn(match['queryParams']), ...queries.map(queryMatch)] }),
  }))
}

function headerMatch({ name, exact, pattern }: HeaderRule): JsonMap {
  return exact === undefined
    ? { type: 'RegularExpression', name, value: pattern ?? '' }
    : { type: 'Exact', name, value: exact }
}

function queryMatch({ name, value }: Way['queries'][number]): JsonMap {
  return { type: 'Exact', name, value }
}
