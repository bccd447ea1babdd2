import type { KubeObject } from '../shared/objects.ts'
import {
  annotationsOf,
  canaryIngressName,
  classOf,
  INGRESS,
  isCanary,
  LEGACY_CLASS,
  pathsTo,
  PREFIX,
  prefixOf,
  serviceOf,
} from './nginx-ingress.ts'
import { canaryProblems } from './nginx-problems.ts'
import { canaryRule, ruleAnnotations } from './nginx-rule.ts'
import { made, mapAt, mapsIn, type Route, type Router, type Split } from './router.ts'
import { weightPercent } from './ways.ts'

/** What a canary Ingress does not take from the first one: how pods of its Service are chosen. */
const BALANCING = [
  'load-balance',
  'upstream-hash-by',
  'upstream-hash-by-subset',
  'upstream-hash-by-subset-size',
  'service-upstream',
]

/**
 * Canary annotations of ingress-nginx, on a second Ingress of the same hosts and paths; Traefik from 3.7 on reads them too.
 * The first Ingress is not touched. Source: the annotations of ingress-nginx 1.15 and Traefik's provider for them.
 */
export const nginx: Router = {
  name: 'nginx',
  kinds: [INGRESS],
  related: [INGRESS],
  makes: [INGRESS],
  // The controller gathers changes for up to 3.3 s, and its proxy asks for them once a second.
  settleMs: 5_000,
  notice:
    'the ingress-nginx controller is retired and gets no more fixes since March 2026; Traefik 3.7 and later read the same annotations',
  mine: ({ object }) =>
    classOf(object).includes('nginx') || Object.keys(annotationsOf(object)).some((key) => key.startsWith(`${PREFIX}/`)),
  leadsTo: ({ object }, service) => !isCanary(object, PREFIX) && pathsTo(object, service).length > 0,
  problems: canaryProblems,
  wanted: (route, split) => [second(route, split)],
  // Nothing in an Ingress tells that a weight is in force.
  verify: () => ({ kind: 'unknown' }),
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
  const object = made(INGRESS, canaryIngressName(route.object), route, split, {
    ...(ingressClassName === undefined ? {} : { ingressClassName }),
    ...(tls === undefined ? {} : { tls }),
    rules,
  })
  return { ...object, metadata: { ...object.metadata, annotations: annotations(route.object, split) } }
}

/** Never all of the first one's: those of a certificate or DNS controller would act a second time. */
function annotations(object: KubeObject, split: Split): Record<string, string> {
  const prefix = prefixOf(split)
  const before = annotationsOf(object)
  const kept = [LEGACY_CLASS, ...BALANCING.map((name) => `${prefix}/${name}`)]
  const own = {
    canary: 'true',
    'canary-weight': String(weightPercent(split)),
    ...(split.percent >= 100 ? {} : ruleAnnotations(canaryRule(split))),
  }
  return {
    ...Object.fromEntries(kept.flatMap((key) => (before[key] === undefined ? [] : [[key, before[key]]]))),
    ...Object.fromEntries(Object.entries(own).map(([key, value]) => [`${prefix}/${key}`, value])),
  }
}
