import type { JsonMap, KubeObject } from '../shared/objects.ts'
import { bucketRule, type HeaderRule, headerRule } from './patterns.ts'
import { alreadyThere, cannotMatch } from './problems.ts'
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
  textOf,
} from './router.ts'

const VERSION = 'traefik.io/v1alpha1'
const SERVICE: ObjectKind = { apiVersion: VERSION, kind: 'TraefikService' }

/** Traefik's own kinds: weights in a TraefikService, or among the services of an IngressRoute. */
export const traefik: Router = {
  name: 'traefik',
  kinds: [SERVICE, { apiVersion: VERSION, kind: 'IngressRoute' }],
  related: [],
  makes: [SERVICE],
  settleMs: 3_000,
  leadsTo: ({ object }, service) => entriesOf(object).some((entry) => isService(entry, service, object)),
  problems,
  wanted: (route, split) => [...mirrors(route, split), ...stickies(route, split), edited(route, split)],
  // Neither kind has a status.
  verify: () => ({ kind: 'unknown' }),
  withPins: (object, split) =>
    withRoutes(object, (rule) => {
      const side = sideOf(mapsIn(rule['services']), split, object)
      return side === undefined ? [rule] : [...split.pins.flatMap((pin) => pinRule(rule, side, pin, object)), rule]
    }),
  withoutPins: (object, services) => withRoutes(object, (rule) => (leadsOnlyTo(rule, services) ? [] : [rule])),
}

function isIngressRoute({ kind }: KubeObject): boolean {
  return kind === 'IngressRoute'
}

function entriesOf(object: KubeObject): JsonMap[] {
  const spec = mapAt(object, 'spec')
  return isIngressRoute(object)
    ? mapsIn(spec['routes']).flatMap((rule) => mapsIn(rule['services']))
    : mapsIn(mapAt(spec, 'weighted')['services'])
}

function isService(entry: JsonMap, name: string, { metadata }: KubeObject): boolean {
  const here = entry['namespace'] === undefined || entry['namespace'] === metadata.namespace
  return here && (entry['kind'] ?? 'Service') === 'Service' && entry['name'] === name
}

function sideOf(entries: JsonMap[], split: Split, object: KubeObject): Side | undefined {
  return split.sides.find(({ stable }) => entries.some((entry) => isService(entry, stable, object)))
}

function withRoutes(object: KubeObject, change: (rule: JsonMap) => JsonMap[]): KubeObject {
  if (!isIngressRoute(object)) return object
  const spec = mapAt(object, 'spec')
  return { ...object, spec: { ...spec, routes: mapsIn(spec['routes']).flatMap(change) } }
}

function leadsOnlyTo(rule: JsonMap, services: readonly string[]): boolean {
  const entries = mapsIn(rule['services'])
  return entries.length > 0 && entries.every(({ name }) => typeof name === 'string' && services.includes(name))
}

function edited({ object }: Route, split: Split): KubeObject {
  if (isIngressRoute(object)) return withRoutes(object, (rule) => newRoutes(rule, object, split))
  const spec = mapAt(object, 'spec')
  const weighted = mapAt(spec, 'weighted')
  const services = parted(mapsIn(weighted['services']), object, split)
  const sticky = split.sticky?.by === 'router' ? { sticky: cookieOf(split.sticky.name) } : {}
  return { ...object, spec: { ...spec, weighted: { ...weighted, services, ...sticky } } }
}

function cookieOf(name: string): JsonMap {
  return { cookie: { name, httpOnly: true, secure: true, sameSite: 'lax', path: '/' } }
}

/** Both versions' entries, stable first, with a sum that never changes. */
function parted(entries: JsonMap[], object: KubeObject, split: Split): JsonMap[] {
  const bucket = split.sticky?.by === 'bucket' && split.percent < 100
  const percent = bucket ? 0 : split.percent
  return entries.flatMap((entry): JsonMap[] => {
    const weight = entries.length === 1 ? 1 : typeof entry['weight'] === 'number' ? entry['weight'] : 1
    const side = split.sides.find(({ stable }) => isService(entry, stable, object))
    if (side === undefined) return [{ ...entry, weight: weight * 100 }]
    const { port: _port, ...unported } = entry
    const stable = split.mirror > 0 ? { ...unported, name: mirrorName(side), kind: 'TraefikService' } : entry
    return [
      { ...stable, weight: weight * (100 - percent) },
      { ...entry, name: side.canary, weight: weight * percent },
    ]
  })
}

function newRoutes(rule: JsonMap, object: KubeObject, split: Split): JsonMap[] {
  const entries = mapsIn(rule['services'])
  const side = sideOf(entries, split, object)
  if (side === undefined) return [rule]
  const rules =
    split.percent >= 100
      ? []
      : matchRules(split).map((match) => specialRoute(rule, side, match, 1, side.canary, object))
  const pins = split.pins.flatMap((pin) => pinRule(rule, side, pin, object))
  const services =
    split.sticky?.by === 'router'
      ? [{ name: stickyName(side), kind: 'TraefikService' }]
      : parted(entries, object, split)
  return [...pins, ...rules, { ...rule, services }]
}

/** The route of a rule with one more condition; it wins against that rule alone, whatever other routes there are. */
function specialRoute(
  rule: JsonMap,
  side: Side,
  match: string,
  above: number,
  service: string,
  object: KubeObject,
): JsonMap {
  const text = textOf(rule['match'])
  const priority =
    (typeof rule['priority'] === 'number' && rule['priority'] > 0 ? rule['priority'] : text.length) + above
  const entry = mapsIn(rule['services']).find((each) => isService(each, side.stable, object)) ?? {}
  const { weight: _weight, ...bare } = entry
  return { ...rule, match: `(${text}) && ${match}`, priority, services: [{ ...bare, name: service }] }
}

function pinRule(rule: JsonMap, side: Side, pin: Pin, object: KubeObject): JsonMap[] {
  const service = pin.services[side.stable]
  if (service === undefined) return []
  return [specialRoute(rule, side, anyOf(pinMatches(pin).map(matchText)), 2, service, object)]
}

function anyOf(texts: string[]): string {
  return texts.length === 1 ? (texts[0] ?? '') : `(${texts.join(' || ')})`
}

function matchRules(split: Split): string[] {
  const bucket = split.sticky?.by === 'bucket' ? bucketRule(split.sticky, split.percent) : undefined
  return [...split.match.map(matchText), ...(bucket === undefined ? [] : [headerText(bucket)])]
}

function matchText(match: Match): string {
  const texts = match.map((condition) => {
    if (condition.kind === 'query')
      return anyOf(condition.values.map((value) => `Query(\`${condition.name}\`, \`${value}\`)`))
    const rule = headerRule(condition)
    return rule === undefined ? '' : headerText(rule)
  })
  return texts.filter((text) => text !== '').join(' && ')
}

function headerText({ name, exact, pattern }: HeaderRule): string {
  return exact === undefined ? `HeaderRegexp(\`${name}\`, \`${pattern ?? ''}\`)` : `Header(\`${name}\`, \`${exact}\`)`
}

function mirrorName({ stable }: Side): string {
  return `${stable}-mirror`
}

function stickyName({ stable }: Side): string {
  return `${stable}-sticky`
}

/** In the place of the stable Service: it answers, and copies go to the new version. */
function mirrors(route: Route, split: Split): KubeObject[] {
  if (split.mirror === 0) return []
  return sidesOf(route, split).map(({ side, entry }) => {
    const { port } = entry
    const target = { kind: 'Service', ...(port === undefined ? {} : { port }) }
    const mirroring = {
      ...target,
      name: side.stable,
      mirrors: [{ ...target, name: side.canary, percent: split.mirror }],
    }
    return made(SERVICE, mirrorName(side), route, split, { mirroring })
  })
}

/** The router's cookie stands in a TraefikService; an IngressRoute has no place for it. */
function stickies(route: Route, split: Split): KubeObject[] {
  const { sticky } = split
  if (sticky?.by !== 'router' || !isIngressRoute(route.object)) return []
  return sidesOf(route, split).map(({ side, entries }) => {
    const services = parted(entries, route.object, split)
    return made(SERVICE, stickyName(side), route, split, { weighted: { services, sticky: cookieOf(sticky.name) } })
  })
}

function sidesOf({ object }: Route, split: Split): { side: Side; entry: JsonMap; entries: JsonMap[] }[] {
  const lists = isIngressRoute(object)
    ? mapsIn(mapAt(object, 'spec')['routes']).map((rule) => mapsIn(rule['services']))
    : [entriesOf(object)]
  return split.sides.flatMap((side) => {
    const entries = lists.find((list) => list.some((each) => isService(each, side.stable, object))) ?? []
    const entry = entries.find((each) => isService(each, side.stable, object))
    return entry === undefined ? [] : [{ side, entry, entries }]
  })
}

function problems({ object }: Route, split: Split): Problem[] {
  const found: Problem[] = []
  const { match, sticky, pins } = split
  if (!isIngressRoute(object) && (match.length > 0 || sticky?.by === 'bucket' || pins.length > 0))
    found.push({
      reason: 'a TraefikService sees no request, so that it can neither match nor tell users apart',
      mend: 'let an IngressRoute lead to the Service itself, or leave match, sticky and keep-versions out',
    })
  if (entriesOf(object).some(({ name }) => split.sides.some(({ canary }) => canary === name)))
    found.push(alreadyThere(split))
  for (const condition of match.flat()) {
    if (condition.kind === 'port' || condition.kind === 'source') found.push(cannotMatch('Traefik', condition))
    if ('values' in condition && condition.values.some((value) => value.includes('`')))
      found.push({ reason: 'a value with a backtick cannot stand in a rule of Traefik', mend: 'match another value' })
  }
  return found
}
