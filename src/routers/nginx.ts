import type { JsonMap, KubeObject } from '../shared/objects.ts'
import { anyOf, bucketRule, type HeaderRule, headerRule, wholePattern } from './patterns.ts'
import {
  made,
  mapAt,
  mapsIn,
  type Match,
  type ObjectKind,
  type Problem,
  type Route,
  type Router,
  type Split,
  textOf,
} from './router.ts'

const INGRESS: ObjectKind = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress' }
const PREFIX = 'nginx.ingress.kubernetes.io'
const LEGACY_CLASS = 'kubernetes.io/ingress.class'

/** What its annotation check lets through where no pattern is meant. Source: BasicCharsRegex of ingress-nginx. */
const PLAIN = /^[A-Za-z0-9\-._~/:]+$/

/**
 * Canary annotations of ingress-nginx, on a second Ingress of the same hosts and paths; Traefik from 3.7 on reads them too.
 * The first Ingress is not touched. Source: the annotations of ingress-nginx 1.15 and Traefik's provider for them.
 */
export const nginx: Router = {
  name: 'nginx',
  kinds: [INGRESS],
  related: [INGRESS],
  makes: [INGRESS],
  settleMs: 3_000,
  notice:
    'the ingress-nginx controller is retired and gets no more fixes since March 2026; Traefik 3.7 and later read the same annotations',
  mine: ({ object }) =>
    classOf(object).includes('nginx') || annotationKeys(object).some((key) => key.startsWith(`${PREFIX}/`)),
  leadsTo: ({ object }, service) => !isCanary(object, PREFIX) && pathsTo(object, service).length > 0,
  problems,
  wanted: (route, split) => [second(route, split)],
  // Nothing in an Ingress tells that a weight is in force.
  verify: () => ({ kind: 'unknown' }),
}

function annotationsOf({ metadata }: KubeObject): Record<string, string> {
  return metadata.annotations ?? {}
}

function annotationKeys(object: KubeObject): string[] {
  return Object.keys(annotationsOf(object))
}

function classOf(object: KubeObject): string {
  const named = mapAt(object, 'spec')['ingressClassName']
  return typeof named === 'string' ? named : (annotationsOf(object)[LEGACY_CLASS] ?? '')
}

function isCanary(object: KubeObject, prefix: string): boolean {
  return annotationsOf(object)[`${prefix}/canary`] === 'true'
}

function serviceOf(path: JsonMap): unknown {
  return mapAt(path, 'backend', 'service')['name']
}

/** `host path` of every path that leads to a Service. */
function pathsTo(object: KubeObject, service: string): string[] {
  return placesOf(object).flatMap(({ host, path }) =>
    serviceOf(path) === service ? [`${host} ${textOf(path['path'], '/')}`] : [],
  )
}

function placesOf(object: KubeObject): { host: string; path: JsonMap }[] {
  return mapsIn(mapAt(object, 'spec')['rules']).flatMap((rule) =>
    mapsIn(mapAt(rule, 'http')['paths']).map((path) => ({ host: textOf(rule['host']), path })),
  )
}

/** Hosts, paths and path types exactly as in the first one: others are dropped without a word. */
function second(route: Route, split: Split): KubeObject {
  const spec = mapAt(route.object, 'spec')
  const rules = mapsIn(spec['rules']).flatMap((rule) => {
    const paths = mapsIn(mapAt(rule, 'http')['paths']).flatMap((path) => {
      const side = split.sides.find(({ stable }) => stable === serviceOf(path))
      if (side === undefined) return []
      const backend = mapAt(path, 'backend')
      return [{ ...path, backend: { ...backend, service: { ...mapAt(backend, 'service'), name: side.canary } } }]
    })
    return paths.length === 0 ? [] : [{ ...rule, http: { ...mapAt(rule, 'http'), paths } }]
  })
  const { ingressClassName, tls } = spec
  const object = made(INGRESS, `${route.object.metadata.name ?? ''}-canary`, route, split, {
    ...(ingressClassName === undefined ? {} : { ingressClassName }),
    ...(tls === undefined ? {} : { tls }),
    rules,
  })
  return { ...object, metadata: { ...object.metadata, annotations: annotations(route, split) } }
}

function annotations(route: Route, split: Split): Record<string, string> {
  const prefix = split.prefix ?? PREFIX
  const legacy = annotationsOf(route.object)[LEGACY_CLASS]
  // Sticky users come by their pattern; who has no id is on the old version until all are on the new one.
  const weight = split.sticky === undefined || split.percent >= 100 ? split.percent : 0
  const rule = split.percent >= 100 ? undefined : ruleOf(split)
  return {
    ...(legacy === undefined ? {} : { [LEGACY_CLASS]: legacy }),
    [`${prefix}/canary`]: 'true',
    [`${prefix}/canary-weight`]: String(weight),
    ...Object.fromEntries(Object.entries(rule ?? {}).map(([key, value]) => [`${prefix}/${key}`, value])),
  }
}

/** There is room for one header and one cookie, and the header decides first. */
function ruleOf({ match, sticky, percent }: Split): Record<string, string> | undefined {
  if (sticky?.by === 'bucket') return byHeader(bucketRule(sticky, percent))
  const [first] = match
  if (first === undefined) return undefined
  const [condition] = first
  // The annotation for cookies knows the values always and never alone.
  if (condition?.kind === 'cookie' && condition.values.join() === 'always' && PLAIN.test(condition.name))
    return { 'canary-by-cookie': condition.name }
  return byHeader(condition === undefined ? undefined : headerRule(condition))
}

function byHeader(rule: HeaderRule | undefined): Record<string, string> | undefined {
  if (rule === undefined) return undefined
  const name = { 'canary-by-header': rule.name }
  return rule.exact === undefined
    ? { ...name, 'canary-by-header-pattern': rule.pattern ?? '' }
    : PLAIN.test(rule.exact)
      ? { ...name, 'canary-by-header-value': rule.exact }
      : { ...name, 'canary-by-header-pattern': wholePattern(anyOf([rule.exact])) }
}

function problems(route: Route, split: Split): Problem[] {
  const { match, sticky, mirror, pins } = split
  const found: Problem[] = [...otherCanary(route, split), ...affinity(route, split)]
  if (mirror > 0)
    found.push({ reason: 'canary annotations cannot copy requests', mend: 'use an HTTPRoute, or leave mirror out' })
  if (pins.length > 0)
    found.push({
      reason: 'there is one canary Ingress for a path, so that older versions cannot be kept',
      mend: 'use an HTTPRoute, or leave keep-versions out',
    })
  if (sticky?.by === 'router')
    found.push({
      reason: 'its cookie outranks the weight, also on the way back',
      mend: 'use sticky: {cookie: NAME} with an id that the app sets',
    })
  if (sticky !== undefined && match.length > 0)
    found.push({
      reason: 'canary annotations have room for one header: match and sticky need two',
      mend: 'leave one of them out',
    })
  return [...found, ...matchProblems(match), ...nameProblems(split)]
}

function nameProblems({ match, sticky }: Split): Problem[] {
  const asked = match.flat().flatMap((condition) => (condition.kind === 'header' ? [condition.name] : []))
  return [...asked, ...(sticky?.by === 'bucket' && sticky.source === 'header' ? [sticky.name] : [])]
    .filter((name) => !PLAIN.test(name))
    .map((name) => ({
      reason: `ingress-nginx refuses the header ${name} in an annotation`,
      mend: 'use another header',
    }))
}

function matchProblems(match: Match[]): Problem[] {
  if (match.length > 1 || match.some((each) => each.length > 1))
    return [{ reason: 'canary annotations have room for one condition', mend: 'match one header, cookie or language' }]
  return match
    .flat()
    .flatMap(({ kind }): Problem[] =>
      ['header', 'cookie', 'language'].includes(kind)
        ? []
        : [{ reason: `canary annotations cannot match a ${kind}`, mend: 'match one header, cookie or language' }],
    )
}

/** A second canary of one path is refused by the webhook, or never asked. */
function otherCanary({ object, related }: Route, split: Split): Problem[] {
  const own = new Set(split.sides.flatMap(({ stable }) => pathsTo(object, stable)))
  const name = `${object.metadata.name ?? ''}-canary`
  const [label = ''] = Object.keys(split.labels)
  return related
    .filter((other) => isCanary(other, split.prefix ?? PREFIX))
    .filter(({ metadata }) => metadata.name !== name || metadata.labels?.[label] !== split.labels[label])
    .filter((other) => placesOf(other).some(({ host, path }) => own.has(`${host} ${textOf(path['path'], '/')}`)))
    .map(({ metadata }) => ({
      reason: `Ingress/${metadata.name ?? ''} is a canary for the same path already, and there can be one`,
      mend: 'end that canary and delete its Ingress',
    }))
}

/** A browser that holds the affinity cookie stays where it is, whatever header it sends. */
function affinity({ object }: Route, split: Split): Problem[] {
  const bound = annotationsOf(object)[`${split.prefix ?? PREFIX}/affinity`] === 'cookie'
  if (!bound || (split.match.length === 0 && split.sticky === undefined)) return []
  return [
    {
      reason: 'its annotation affinity: cookie outranks headers and cookies of a canary on ingress-nginx',
      mend: 'take the annotation off, or leave match and sticky out',
    },
  ]
}
