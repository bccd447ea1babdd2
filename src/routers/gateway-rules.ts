import type { JsonMap, KubeObject } from '../shared/objects.ts'
import { bucketRule, type HeaderRule, headerRule } from './patterns.ts'
import {
  type Condition,
  mapAt,
  mapsIn,
  type Match,
  type Pin,
  pinMatches,
  type Route,
  type Side,
  type Split,
} from './router.ts'

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
    const pins = split.pins.flatMap((pin) => pinRules(rule, side, pin, object))
    const special = split.percent >= 100 ? [] : canaryRules(rule, side, split, object)
    return [...pins, ...special, mainRule(rule, side, split, object)]
  })
}

/** Rules for requests that the new version answers whatever the weight: they match more, and therefore win. */
function canaryRules(rule: JsonMap, side: Side, split: Split, object: KubeObject): JsonMap[] {
  const cohort = split.match.flatMap((match) => withMatch(rule, match))
  const sticky = split.sticky?.by === 'bucket' ? bucketRule(split.sticky, split.percent) : undefined
  const bucket = sticky === undefined ? [] : withHeaders(rule, [sticky])
  const matches = [...cohort, ...bucket]
  return matches.length === 0 ? [] : [leadingTo(rule, matches, side, side.canary, object)]
}

export function pinRules(rule: JsonMap, side: Side, pin: Pin, object: KubeObject): JsonMap[] {
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

/** Each match of the rule with the conditions put in; values of a query become matches of their own. */
function withMatch(rule: JsonMap, match: Match): JsonMap[] {
  const headers = match.flatMap((condition) => headerRule(condition) ?? [])
  const queries = match.filter((condition): condition is Condition & { kind: 'query' } => condition.kind === 'query')
  const choices = queries.reduce<JsonMap[][]>(
    (all, { name, values }) => all.flatMap((some) => values.map((value) => [...some, { type: 'Exact', name, value }])),
    [[]],
  )
  return choices.flatMap((choice) =>
    withHeaders(rule, headers).map((each) =>
      choice.length === 0 ? each : { ...each, queryParams: [...mapsIn(each['queryParams']), ...choice] },
    ),
  )
}

function withHeaders(rule: JsonMap, headers: HeaderRule[]): JsonMap[] {
  return matchesOf(rule).map((match) =>
    headers.length === 0 ? match : { ...match, headers: [...mapsIn(match['headers']), ...headers.map(headerMatch)] },
  )
}

function headerMatch({ name, exact, pattern }: HeaderRule): JsonMap {
  return exact === undefined
    ? { type: 'RegularExpression', name, value: pattern ?? '' }
    : { type: 'Exact', name, value: exact }
}
