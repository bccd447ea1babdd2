import type { JsonMap, KubeObject } from '../shared/objects.ts'
import { alreadyThere, cannotMatch, notWhole } from './problems.ts'
import { mapAt, mapsIn, type Problem, type Route, type Split } from './router.ts'
import { isIngressRoute, isService, listsOf, routesOf, sideOf, unweighted, weightOf } from './traefik-entries.ts'
import { CANARY_ABOVE, isBetween, matchOf, PIN_ABOVE } from './traefik-rules.ts'

/** What keeps a TraefikService or an IngressRoute from a split. */
export function traefikProblems(route: Route, split: Split): Problem[] {
  const { object } = route
  const found: Problem[] = notWhole(split)
  if (
    listsOf(object).some((list) =>
      list.some((entry) => split.sides.some(({ canary }) => isService(entry, canary, object))),
    )
  )
    found.push(alreadyThere(split))
  for (const entries of listsOf(object)) found.push(...weightProblems(entries, split, object))
  if (unweighted(object).some((entry) => sideOf([entry], split, object) !== undefined))
    found.push({
      reason: 'it names the Service where there are no weights, under mirroring or failover',
      mend: 'name a TraefikService there whose weighted services hold the Service',
    })
  for (const condition of split.match.flat())
    if (condition.kind === 'port' || condition.kind === 'source') found.push(cannotMatch('Traefik', condition))
  return [...found, ...(isIngressRoute(object) ? ruleProblems(route, split) : serviceProblems(object, split))]
}

function weightProblems(entries: JsonMap[], split: Split, object: KubeObject): Problem[] {
  const own = entries.filter((entry) => sideOf([entry], split, object) !== undefined)
  if (own.length > 1)
    return [
      {
        reason: 'one list leads to several Services that this rollout moves, or to one of them twice',
        mend: 'give each Service a route of its own',
      },
    ]
  if (entries.length === 1 || own.every((entry) => weightOf(entry) > 0)) return []
  return [
    {
      reason: 'the Service has the weight 0 in a list, so that it gets no requests to share',
      mend: 'give it a weight',
    },
  ]
}

function serviceProblems(object: KubeObject, { match, sticky, pins }: Split): Problem[] {
  const found: Problem[] = []
  if (match.length > 0 || sticky?.by === 'bucket' || pins.length > 0)
    found.push({
      reason: 'a TraefikService sees no request, so that it can neither match nor tell users apart',
      mend: 'let an IngressRoute lead to the Service itself, or leave match, sticky and keep-versions out',
    })
  if (sticky?.by === 'router' && mapAt(object, 'spec')['highestRandomWeight'] !== undefined)
    found.push({
      reason: 'highestRandomWeight keeps a client on a version by its address, and has no cookie',
      mend: 'leave sticky out, or use weighted',
    })
  return found
}

/** Special routes need a rule of the present syntax, and the next priorities for themselves. */
function ruleProblems({ object, related }: Route, split: Split): Problem[] {
  const { match, sticky, pins } = split
  const above = pins.length > 0 ? PIN_ABOVE : match.length > 0 || sticky?.by === 'bucket' ? CANARY_ABOVE : 0
  if (above === 0) return []
  const rules = routesOf(object).filter((rule) => sideOf(mapsIn(rule['services']), split, object) !== undefined)
  const found: Problem[] = []
  if (rules.some(({ syntax }) => syntax === 'v2'))
    found.push({ reason: 'a rule is written in the syntax of Traefik 2', mend: 'write it in that of Traefik 3' })
  const others = related.filter(({ metadata }) => metadata.name !== object.metadata.name).flatMap(routesOf)
  const other = others.find((each) => rules.some((rule) => isBetween(each, rule, above)))
  if (other !== undefined)
    found.push({
      reason: `the route ${matchOf(other)} of another IngressRoute stands so close above that there is no priority between`,
      mend: 'give both explicit priorities that are at least 10 apart',
    })
  return found
}
