import type { JsonMap, KubeObject } from '../shared/objects.ts'
import type { HeaderRule } from './patterns.ts'
import { isService, routesOf } from './traefik-entries.ts'
import { mapsIn, type Pin, type Side } from './router.ts'
import { pinWays, type Way } from './ways.ts'

/** How far special routes stand above their own: cohort and sticky users, then kept versions. */
export const CANARY_ABOVE = 1
export const PIN_ABOVE = 2

export function matchOf(rule: JsonMap): string {
  return typeof rule['match'] === 'string' ? rule['match'] : ''
}

/** The priority that a route has: its own, or as many as its rule has bytes. */
export function priorityOf(rule: JsonMap): number {
  const own = Number(rule['priority'] ?? 0)
  return own === 0 ? new TextEncoder().encode(matchOf(rule)).length : own
}

/** A priority so far above that of a rule. 0 is left out: it stands for the length. */
function raised(rule: JsonMap, above: number): number {
  const own = priorityOf(rule)
  return own < 0 && own + above >= 0 ? own + above + 1 : own + above
}

/** Both rules may hold for one request, as far as their hosts tell. */
export function mayMeet(one: JsonMap, other: JsonMap): boolean {
  const [hosts, others] = [hostsOf(one), hostsOf(other)]
  return hosts.length === 0 || others.length === 0 || hosts.some((host) => others.includes(host))
}

function hostsOf(rule: JsonMap): string[] {
  return [...matchOf(rule).matchAll(/(?<![!\w])Host\(([`"])([^`"]*)\1\)/g)].map(([, , host = '']) => host.toLowerCase())
}

/** Another route that the special one would tie with, or win against, though it wins against its own. */
export function isBetween(other: JsonMap, rule: JsonMap, above: number): boolean {
  const [own, theirs] = [priorityOf(rule), priorityOf(other)]
  return theirs > own && theirs <= raised(rule, above) && mayMeet(rule, other)
}

/**
 * The route for requests that come by one of these ways, just above its own: a longer rule alone would win against more
 * special routes as well. Those that there is no room for between both are left out by their own rule.
 */
export function specialRoute(
  rule: JsonMap,
  ways: Way[],
  above: number,
  side: Side,
  service: string,
  object: KubeObject,
): JsonMap[] {
  if (ways.length === 0) return []
  const between = routesOf(object).filter((other) => other !== rule && isBetween(other, rule, above))
  const texts = [`(${matchOf(rule)})`, anyOf(ways.map(wayText)), ...between.map((other) => `!(${matchOf(other)})`)]
  const entry = mapsIn(rule['services']).find((each) => isService(each, side.stable, object)) ?? {}
  const { weight: _weight, ...bare } = entry
  const services = [{ ...bare, name: service }]
  return [{ ...rule, match: texts.join(' && '), priority: raised(rule, above), services }]
}

export function pinRoute(rule: JsonMap, side: Side, pin: Pin, object: KubeObject): JsonMap[] {
  const service = pin.services[side.stable]
  return service === undefined ? [] : specialRoute(rule, pinWays(pin), PIN_ABOVE, side, service, object)
}

function anyOf(texts: string[]): string {
  return texts.length === 1 ? (texts[0] ?? '') : `(${texts.join(' || ')})`
}

function wayText({ headers, queries }: Way): string {
  const texts = [...headers.map(headerText), ...queries.map(({ name, value }) => call('Query', name, value))]
  return texts.length === 1 ? (texts[0] ?? '') : `(${texts.join(' && ')})`
}

function headerText({ name, exact, pattern }: HeaderRule): string {
  return exact === undefined ? call('HeaderRegexp', name, pattern ?? '') : call('Header', name, exact)
}

/** Rules are Go expressions: raw text between backticks, or text with escapes between quotes. */
function call(matcher: string, ...values: string[]): string {
  const texts = values.map((value) => (value.includes('`') ? JSON.stringify(value) : `\`${value}\``))
  return `${matcher}(${texts.join(', ')})`
}
