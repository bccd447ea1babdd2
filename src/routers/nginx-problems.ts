import type { KubeObject } from '../shared/objects.ts'
import {
  annotationsOf,
  canaryIngressName,
  isCanary,
  pathsTo,
  PLAIN,
  placesOf,
  prefixOf,
  serviceOf,
} from './nginx-ingress.ts'
import { canaryRule, headerNames } from './nginx-rule.ts'
import { alreadyThere, notWhole } from './problems.ts'
import { mapAt, type Match, type Problem, type Route, type Split } from './router.ts'

/** What keeps an Ingress from a split by canary annotations. */
export function canaryProblems(route: Route, split: Split): Problem[] {
  const { match, sticky, mirror, pins } = split
  const found: Problem[] = [...notWhole(split), ...otherProblems(route, split), ...ingressProblems(route, split)]
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
  return [...found, ...matchProblems(match), ...headerProblems(split)]
}

function matchProblems(match: Match[]): Problem[] {
  if (match.some((each) => each.length > 1))
    return [
      {
        reason: 'canary annotations cannot ask for two things at once',
        mend: 'match one header, cookie or language, or a list of them',
      },
    ]
  return match
    .flat()
    .flatMap(({ kind }): Problem[] =>
      ['header', 'cookie', 'language'].includes(kind)
        ? []
        : [{ reason: `canary annotations cannot match a ${kind}`, mend: 'match one header, cookie or language' }],
    )
}

/** Cookies are one header, and several values of one header are one pattern. */
function headerProblems(split: Split): Problem[] {
  const names = headerNames(canaryRule({ ...split, percent: 50 }))
  const refused = names.filter((name) => !PLAIN.test(name))
  const found: Problem[] = refused.map((name) => ({
    reason: `ingress-nginx refuses the header ${name} in an annotation`,
    mend: 'use another header',
  }))
  if (names.length > 1)
    found.push({
      reason: `canary annotations have room for one header beside a cookie whose value is always: ${names.join(', ')} are ${names.length}`,
      mend: 'ask for one of them, or all by cookies',
    })
  return found
}

/** Others that stand in the way: a second canary of one path is refused by the webhook, or never asked. */
function otherProblems({ object, related }: Route, split: Split): Problem[] {
  const own = new Set(split.sides.flatMap(({ stable }) => pathsTo(object, stable)))
  const name = canaryIngressName(object)
  const [label = ''] = Object.keys(split.labels)
  const others = related.filter(
    ({ metadata }) =>
      metadata.name !== object.metadata.name &&
      (metadata.name !== name || metadata.labels?.[label] !== split.labels[label]),
  )
  return others.flatMap((other): Problem[] => {
    const { name: theirs = '' } = other.metadata
    const canary = isCanary(other, prefixOf(split))
    if (canary && placesOf(other).some(({ place }) => own.has(place)))
      return [
        {
          reason: `Ingress/${theirs} is a canary for the same path already, and there can be one`,
          mend: 'end that canary and delete its Ingress',
        },
      ]
    if (theirs === name)
      return [
        { reason: `Ingress/${name} is there already, and the canary needs its name`, mend: 'remove or rename it' },
      ]
    // A Service that is a backend by itself is never taken for an alternative.
    return !canary && leadsToCanary(other, split)
      ? [
          {
            reason: `Ingress/${theirs} leads to the new version's Service by itself`,
            mend: 'take that backend out of it',
          },
        ]
      : []
  })
}

function leadsToCanary(object: KubeObject, { sides }: Split): boolean {
  return placesOf(object).some(({ path }) => sides.some(({ canary }) => serviceOf(path) === canary))
}

function ingressProblems({ object }: Route, split: Split): Problem[] {
  const found: Problem[] = []
  const told = (name: string): string | undefined => annotationsOf(object)[`${prefixOf(split)}/${name}`]
  if (leadsToCanary(object, split)) found.push(alreadyThere(split))
  // A browser that holds the affinity cookie stays where it is, whatever header it sends.
  if (told('affinity') === 'cookie' && (split.match.length > 0 || split.sticky !== undefined))
    found.push({
      reason: 'its annotation affinity: cookie outranks headers and cookies of a canary on ingress-nginx',
      mend: 'take the annotation off, or leave match and sticky out',
    })
  if (told('ssl-passthrough') === 'true')
    found.push({
      reason: 'its annotation ssl-passthrough lets requests through unread, so that they cannot be parted',
      mend: 'let the controller end TLS, or deploy without a router',
    })
  const { name } = mapAt(object, 'spec', 'defaultBackend', 'service')
  if (split.sides.some(({ stable }) => stable === name))
    found.push({
      reason: 'its default backend leads to the Service, and only paths of rules can be parted',
      mend: 'write it as a rule with the path /',
    })
  return found
}
